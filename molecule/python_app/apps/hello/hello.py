"""A Flask application with a factory."""

from flask import Flask

VERSION = "1"


def create_app():
    """Return the application."""
    app = Flask(__name__)

    @app.get("/")
    def page():
        return f"hello, version {VERSION}\n"

    return app
