"""A shop that takes orders and packs them later."""

import pymysql

pymysql.version_info = (2, 2, 1, "final", 0)
pymysql.install_as_MySQLdb()

from .celery import queue  # noqa: E402 # Django's driver comes first

__all__ = ["queue"]
