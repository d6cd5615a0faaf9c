"""The WSGI entry: ``foobar.wsgi:application``."""

from foobar.app import create_app

application = create_app()
