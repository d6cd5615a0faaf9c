"""The pages."""

from __future__ import annotations

import datetime
import hmac
import os
import platform
import secrets
import socket
import threading
import time
import unicodedata

import sqlalchemy.exc
from flask import Flask, abort, g, jsonify, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix

import foobar
from foobar.assets import SOURCE, manifest
from foobar.settings import Settings
from foobar.store import LIMIT, WINDOW, Store

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class _Sessions(SecureCookieSessionInterface):
    """Cookies that who came by HTTPS sends by HTTPS alone."""

    def get_cookie_secure(self, app):
        return request.is_secure


def create_app(settings: Settings | None = None) -> Flask:
    """Return the WSGI application; raises SettingsError."""
    settings = settings or Settings.from_environment()
    app = Flask(__name__, static_folder=str(SOURCE))
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=32 * 1024,
        PERMANENT_SESSION_LIFETIME=datetime.timedelta(hours=12),
    )
    app.session_interface = _Sessions()
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    store = Store(settings.database_url)
    names = manifest(settings.static_root)
    app.jinja_env.globals.update(
        asset=lambda name: f"/static/{names.get(name, name)}",
        site_name=settings.site_name,
        csrf_token=_csrf_token,
    )
    app.jinja_env.filters["price"] = lambda cents: f"€ {cents // 100:,}.{cents % 100:02d}"
    _add_pages(app, store, settings)
    _add_probes(app, store, settings)
    _add_errors(app)

    @app.before_request
    def start_clock():
        g.started = time.perf_counter()

    @app.after_request
    def set_headers(response):
        response.headers.update(_HEADERS)
        response.headers.setdefault("Cache-Control", "no-cache")
        return response

    return app


def _add_pages(app: Flask, store: Store, settings: Settings) -> None:
    @app.get("/")
    def catalogue():
        return render_template("catalogue.html", products=store.products())

    @app.get("/products/<slug>")
    def product(slug):
        return render_template("product.html", product=store.find(slug) or abort(404))

    @app.get("/guestbook")
    def guestbook():
        return _guestbook(store, {}, {})

    @app.post("/guestbook")
    def write():
        if not hmac.compare_digest(
            request.form.get("csrf_token", "").encode(),
            session.get("csrf", secrets.token_hex()).encode(),
        ):
            return _guestbook(
                store,
                request.form,
                {"form": "The form was open for too long. Please send it once more."},
            ), 400
        form = {
            field: request.form.get(field, "").strip().replace("\r\n", "\n")
            for field in ("name", "message")
        }
        wrong = {
            field: sentence
            for field, most in (("name", 80), ("message", 1000))
            if (sentence := _wrong(form[field], most))
        }
        if wrong:
            return _guestbook(store, form, wrong), 400
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        if not store.write(form["name"], form["message"], request.remote_addr or "", now):
            minutes = int(WINDOW.total_seconds() // 60)
            sentence = (
                f"You have written {LIMIT} entries within {minutes} minutes. "
                f"Please come back a little later."
            )
            return (
                _guestbook(store, form, {"form": sentence}),
                429,
                {"Retry-After": str(int(WINDOW.total_seconds()))},
            )
        return redirect(url_for("guestbook"), 303)

    @app.get("/way")
    def way():
        database = store.way()
        return render_template(
            "way.html",
            database=database,
            host=request.host,
            # The web server believes nobody but a balancer.
            balancer=request.headers.get("X-Forwarded-By", ""),
            web_host=socket.gethostname(),
            server=request.environ.get("SERVER_SOFTWARE") or "the development server",
            release=settings.release,
            pid=os.getpid(),
            thread=threading.get_native_id(),
            # The web server says in microseconds when it took the request.
            queue_ms=_since(request.headers.get("X-Request-Start", "").removeprefix("t=")),
            app_ms=(time.perf_counter() - g.started) * 1000,
            client=request.remote_addr,
        )


def _since(microseconds: str) -> float | None:
    return (
        max(0.0, time.time() * 1000 - int(microseconds) / 1000)
        if microseconds.isdecimal()
        else None
    )


def _wrong(text: str, most: int) -> str:
    """Say what is wrong with a field's text, nothing when it is right."""
    if not text:
        return "Please write something here."
    if len(text) > most:
        return f"This has {len(text)} characters; {most} fit."
    if any(unicodedata.category(character) == "Cc" and character != "\n" for character in text):
        return "There is a character in it that cannot be shown."
    return ""


def _guestbook(store: Store, form, wrong):
    page = max(1, min(request.args.get("page", 1, type=int), 100_000))
    entries, more = store.entries(page)
    return render_template(
        "guestbook.html", entries=entries, more=more, page=page, form=form, wrong=wrong
    )


def _csrf_token() -> str:
    """Return the visitor's token, which the form has to send back."""
    return session.setdefault("csrf", secrets.token_urlsafe(24))


def _add_probes(app: Flask, store: Store, settings: Settings) -> None:
    @app.get("/healthz")
    def healthz():
        return "ok\n", {"Content-Type": "text/plain"}

    @app.get("/readyz")
    def readyz():
        try:
            ready = store.ready()
        except sqlalchemy.exc.SQLAlchemyError:
            ready = False
        return jsonify(database="ready" if ready else "not ready"), 200 if ready else 503

    @app.get("/version")
    def version():
        return jsonify(
            version=foobar.__version__, release=settings.release, python=platform.python_version()
        )


def _add_errors(app: Flask) -> None:
    def page(status, title, text):
        return render_template("error.html", status=status, title=title, text=text), status

    @app.errorhandler(404)
    def not_found(_error):
        return page(404, "Nothing here", "No page of ours has this address.")

    @app.errorhandler(405)
    def not_allowed(_error):
        return page(405, "Not like this", "This page cannot be asked in that way.")

    @app.errorhandler(413)
    def too_large(_error):
        return page(413, "Too much", "That is more than the form takes.")

    @app.errorhandler(500)
    def broken(_error):
        return page(500, "Our fault", "Something broke on our side. It is in our log.")

    @app.errorhandler(sqlalchemy.exc.OperationalError)
    @app.errorhandler(sqlalchemy.exc.TimeoutError)
    def away(error):
        app.logger.warning("database away: %s", type(error).__name__)
        return (
            *page(503, "Back in a moment", "Our database does not answer just now."),
            {"Retry-After": "10"},
        )
