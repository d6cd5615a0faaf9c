"""What the application keeps: the tables, and every question it asks of them."""

from __future__ import annotations

import contextlib
import datetime
import time

import sqlalchemy as sa

_metadata = sa.MetaData()
product = sa.Table(
    "product",
    _metadata,
    *(
        sa.Column(name, kind)
        for name, kind in (("id", sa.Integer), ("slug", sa.String), ("name", sa.String))
    ),
    *(
        sa.Column(name, kind)
        for name, kind in (
            ("description", sa.Text),
            ("price_cents", sa.Integer),
            ("kind", sa.String),
        )
    ),
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

# Asked most often: made once, and only what a list shows.
_CATALOGUE = sa.select(
    product.c.slug, product.c.name, product.c.price_cents, product.c.kind
).order_by(product.c.name)


class Store:
    """The database behind ``url``.

    Connections are made when first needed, kept in a pool, and tested before they are used.

    A question that stands alone is no transaction: it spares the database the word that would end
    one.
    """

    def __init__(self, url: str):
        options = {
            "isolation_level": "AUTOCOMMIT",
            "skip_autocommit_rollback": True,
            "pool_pre_ping": True,
        }
        if not url.startswith("sqlite"):
            options |= {"pool_size": 8, "max_overflow": 2, "pool_recycle": 1800, "pool_timeout": 5}
        if "unix_socket" in sa.make_url(url).query:
            # PyMySQL would encrypt what never leaves the host.
            options["connect_args"] = {"ssl_disabled": True}
        self._engine = sa.create_engine(url, **options)

    def products(self):
        """All lamps, by name, with what a list shows of them."""
        with self._engine.connect() as connection:
            return connection.execute(_CATALOGUE).all()

    def find(self, slug: str):
        """The lamp ``slug``, or None."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(product).where(product.c.slug == slug)).first()

    def entries(self, page: int):
        """``(entries, more)``: page ``page`` (from 1) of the guestbook,
        newest first, and whether another follows.
        """
        question = (
            sa.select(entry).order_by(entry.c.id.desc()).limit(PAGE + 1).offset((page - 1) * PAGE)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(question).all()
        return rows[:PAGE], len(rows) > PAGE

    def write(self, name: str, message: str, client: str, now: datetime.datetime) -> bool:
        """Add an entry; False when ``client`` has written LIMIT of them within WINDOW already."""
        recent = (
            sa.select(sa.func.count())
            .select_from(entry)
            .where(entry.c.client == client, entry.c.written > now - WINDOW)
        )
        with self._transaction() as connection:
            if connection.execute(recent).scalar_one() >= LIMIT:
                return False
            connection.execute(
                sa.insert(entry).values(name=name, message=message, client=client, written=now)
            )
        return True

    @contextlib.contextmanager
    def _transaction(self):
        """A connection for questions that belong together: all of them count, or none."""
        with self._engine.connect() as connection:
            connection.execution_options(isolation_level=connection.default_isolation_level)
            with connection.begin():
                yield connection

    def ready(self) -> bool:
        """Whether the database answers and is migrated to what this code wants."""
        with self._engine.connect() as connection:
            return (
                connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
                == REVISION
            )

    def way(self) -> dict:
        """What the database says of itself, and how long it took:
        texts by label, milliseconds under ``ms``.
        """
        started = time.perf_counter()
        with self._engine.connect() as connection:
            connected = time.perf_counter()
            if connection.dialect.name == "sqlite":
                server, host, number = (
                    f"SQLite {connection.execute(sa.text('SELECT sqlite_version()')).scalar()}",
                    "a file",
                    0,
                )
            else:
                question = sa.text("SELECT @@version, @@hostname, CONNECTION_ID()")
                version, host, number = connection.execute(question).one()
                server = (
                    f"{'MariaDB' if 'mariadb' in version.lower() else 'MySQL'} "
                    f"{version.split('-')[0]}"
                )
        return {
            "server": server,
            "host": host,
            "connection": number,
            "connect_ms": (connected - started) * 1000,
            "query_ms": (time.perf_counter() - connected) * 1000,
        }
