"""The application on SQLite; the real databases are asked by the site's own tests."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest
from foobar import assets
from foobar.app import create_app
from foobar.settings import Settings, SettingsError

APP = pathlib.Path(__file__).parents[1]
ENVIRONMENT = {"SECRET_KEY": "k" * 40}


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """Return a database that has been migrated."""
    place = tmp_path_factory.mktemp("migrated") / "test.db"
    environment = {"DATABASE_URL": f"sqlite:///{place}"}
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=APP,
        env=environment,
        check=True,
        capture_output=True,
    )
    return place


@pytest.fixture
def url(tmp_path, migrated):
    """Return the address of a copy of it."""
    return f"sqlite:///{shutil.copy(migrated, tmp_path)}"


@pytest.fixture
def client(url):
    """Return a visitor."""
    return create_app(
        Settings.from_environment({**ENVIRONMENT, "DATABASE_URL": url, "RELEASE_ID": "abc"})
    ).test_client()


def sign(client, **fields):
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/guestbook").text)[1]
    return client.post(
        "/guestbook", data={"csrf_token": token, "name": "Ada", "message": "Hello", **fields}
    )


def test_catalogue_and_products(client):
    assert "Aurora" in client.get("/").text
    assert "€ 249.00" in client.get("/products/aurora").text
    assert client.get("/products/none").status_code == 404


def test_entry_is_shown_escaped(client):
    assert sign(client, message="<script>1</script> 💡").status_code == 303
    page = client.get("/guestbook").text
    assert "&lt;script&gt;1&lt;/script&gt; 💡" in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "Please write something"),
        ({"name": "  "}, "Please write something"),
        ({"name": "x" * 81}, "81 characters; 80 fit"),
        ({"message": "x" * 1001}, "1001 characters; 1000 fit"),
        ({"message": "a\x07b"}, "cannot be shown"),
    ],
)
def test_wrong_entry_keeps_the_words_and_says_why(client, fields, words):
    response = sign(client, **fields)
    assert response.status_code == 400
    assert words in response.text
    assert "Nobody has written yet" in client.get("/guestbook").text


@pytest.mark.parametrize("token", [None, "", "x", "ü"])
def test_entry_without_the_visitors_token_is_refused(client, token):
    client.get("/guestbook")
    data = {"name": "Ada", "message": "Hello"} | ({} if token is None else {"csrf_token": token})
    assert client.post("/guestbook", data=data).status_code == 400


def test_sixth_entry_in_ten_minutes_waits(client):
    assert [sign(client).status_code for _number in range(5)] == [303] * 5
    response = sign(client)
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "600"


def test_pages_of_the_guestbook(client, monkeypatch):
    monkeypatch.setattr("foobar.store.LIMIT", 100)
    for number in range(12):
        sign(client, message=f"entry {number}")
    first, second = client.get("/guestbook").text, client.get("/guestbook?page=2").text
    assert first.count('class="words"') == 10
    assert "entry 11" in first
    assert "entry 0" in second
    assert "Older" not in second


def test_way_and_probes(client):
    page = client.get(
        "/way",
        headers={"X-Request-Start": f"t={time.time_ns() // 1000}"},
        environ_base={"SERVER_SOFTWARE": "granian/2"},
    ).text
    for words in ("SQLite", "granian/2", f"<dd>{os.getpid()}</dd>", "<dt>release</dt><dd>"):
        assert words in page
    assert page.count('class="took"') == client.get("/way").text.count('class="took"') + 1
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").json == {"database": "ready"}
    assert client.get("/version").json["release"] == "abc"


def test_way_leads_through_a_balancer_where_there_is_one(client):
    assert "Balancer" not in client.get("/way").text
    page = client.get("/way", headers={"X-Forwarded-By": "lb<2>"}).text
    assert re.search(
        r"<h2>Name</h2>.*<h2>Balancer</h2>.*<dd>lb&lt;2&gt;</dd>.*<h2>Web server</h2>",
        page,
        re.DOTALL,
    )


def test_database_away(tmp_path):
    client = create_app(
        Settings.from_environment(
            {**ENVIRONMENT, "DATABASE_URL": f"sqlite:////{tmp_path}/no/such.db"}
        )
    ).test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    response = client.get("/")
    assert response.status_code == 503
    assert response.headers["Retry-After"]


def test_headers(client):
    headers = client.get("/").headers
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cookie_is_sent_as_the_visitor_came(client, scheme):
    cookie = client.get("/guestbook", base_url=f"{scheme}://www.foobar.com").headers["Set-Cookie"]
    assert "; HttpOnly; " in cookie
    assert cookie.endswith("; SameSite=Lax")
    assert ("; Secure;" in cookie) is (scheme == "https")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "sqlite://"}, "SECRET_KEY is not set"),
        ({"DATABASE_URL": "x", "SECRET_KEY": "k"}, "32"),
    ],
)
def test_missing_settings_are_named(environment, words):
    with pytest.raises(SettingsError, match=words):
        Settings.from_environment(environment)


def test_static_files_get_names_with_their_hash(tmp_path):
    names = assets.collect(tmp_path)
    assert re.fullmatch(r"site\.[0-9a-f]{12}\.css", names["site.css"])
    assert (tmp_path / names["site.css"]).read_bytes() == (assets.SOURCE / "site.css").read_bytes()
    assert (
        assets.manifest(str(tmp_path))
        == names
        == json.loads((tmp_path / "manifest.json").read_text())
    )
    assert assets.manifest("") == {}
