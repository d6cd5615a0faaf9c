"""What the application keeps: the tables, and every question it asks of them."""

from __future__ import annotations

import datetime
import time

import sqlalchemy as sa

_metadata = sa.MetaData()
product = sa.Table(
    "product",
    _metadata,
    *(sa.Column(name, kind) for name, kind in (("id", sa.Integer), ("slug", sa.String), ("name", sa.String))),
    *(sa.Column(name, kind) for name, kind in (("description", sa.Text), ("price_cents", sa.Integer), ("kind", sa.String))),
)
entry = sa.Table(
    "entry",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("message", sa.Text),
    sa.Column("client", sa.String),
    sa.Column("written", sa.DateTime),
)

REVISION = "0001"  # what the tables above want of the migrations
PAGE = 10
LIMIT, WINDOW = 5, datetime.timedelta(minutes=10)


class Store:
    """The database behind ``url``. Connections are made when first needed, kept in a pool, and tested before they are used."""

    def __init__(self, url: str):
        options = {} if url.startswith("sqlite") else {"pool_size": 8, "max_overflow": 2, "pool_recycle": 1800, "pool_timeout": 5}
        if "unix_socket" in sa.make_url(url).query:
            # PyMySQL would encrypt what never leaves the host.
            options["connect_args"] = {"ssl_disabled": True}
        self._engine = sa.create_engine(url, pool_pre_ping=True, **options)

    def products(self):
        """All lamps, by name."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(product).order_by(product.c.name)).all()

    def find(self, slug: str):
        """The lamp ``slug``, or None."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(product).where(product.c.slug == slug)).first()

    def entries(self, page: int):
        """``(entries, more)``: page ``page`` (from 1) of the guestbook, newest first, and whether another follows."""
        question = sa.select(entry).order_by(entry.c.id.desc()).limit(PAGE + 1).offset((page - 1) * PAGE)
        with self._engine.connect() as connection:
            rows = connection.execute(question).all()
        return rows[:PAGE], len(rows) > PAGE

    def write(self, name: str, message: str, client: str, now: datetime.datetime) -> bool:
        """Add an entry; False when ``client`` has written LIMIT of them within WINDOW already."""
        recent = sa.select(sa.func.count()).select_from(entry).where(entry.c.client == client, entry.c.written > now - WINDOW)
        with self._engine.begin() as connection:
            if connection.execute(recent).scalar_one() >= LIMIT:
                return False
            connection.execute(sa.insert(entry).values(name=name, message=message, client=client, written=now))
        return True

    def ready(self) -> bool:
        """Whether the database answers and is migrated to what this code wants."""
        with self._engine.connect() as connection:
            return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == REVISION

    def way(self) -> dict:
        """What the database says of itself, and how long it took: texts by label, milliseconds under ``ms``."""
        started = time.perf_counter()
        with self._engine.connect() as connection:
            connected = time.perf_counter()
            if connection.dialect.name == "sqlite":
                server, host, number = f"SQLite {connection.execute(sa.text('SELECT sqlite_version()')).scalar()}", "a file", 0
            else:
                question = sa.text("SELECT @@version, @@hostname, CONNECTION_ID()")
                version, host, number = connection.execute(question).one()
                server = f"{'MariaDB' if 'mariadb' in version.lower() else 'MySQL'} {version.split('-')[0]}"
        return {
            "server": server,
            "host": host,
            "connection": number,
            "connect_ms": (connected - started) * 1000,
            "query_ms": (time.perf_counter() - connected) * 1000,
        }
