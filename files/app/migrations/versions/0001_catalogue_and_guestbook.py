"""The catalogue with its first lamps, and the guestbook."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_LAMPS = [
    (
        "aurora",
        "Aurora",
        (
            "A pendant of hand-blown opal glass. Its light falls soft and even, from a long "
            "table to its last guest."
        ),
        24900,
        "pendant",
    ),
    (
        "beacon",
        "Beacon",
        "A floor lamp on an oak tripod that stands in its corner like a small lighthouse.",
        31900,
        "floor",
    ),
    (
        "cinder",
        "Cinder",
        "A desk lamp of blackened steel; the arm stays where you leave it, for years.",
        14900,
        "desk",
    ),
    (
        "dune",
        "Dune",
        "A bedside light in sand-coloured stoneware. Turn the shade and it dims.",
        8900,
        "table",
    ),
    (
        "ember",
        "Ember",
        "A lantern for the garden, charged by the day and lit by the dusk.",
        6900,
        "lantern",
    ),
    (
        "fjord",
        "Fjord",
        "A wall light in brushed aluminium that washes the wall, not the eyes.",
        11900,
        "wall",
    ),
    (
        "grove",
        "Grove",
        "Three shades of woven ash on one stem, each at a height of its own.",
        27900,
        "floor",
    ),
    (
        "harbour",
        "Harbour",
        "A ship's light of brass and ribbed glass, made for walls that see weather.",
        15900,
        "lantern",
    ),
    (
        "isle",
        "Isle",
        "A table lamp of paper and willow. It weighs less than the book beside it.",
        7900,
        "table",
    ),
]


def upgrade():
    """Make the tables and fill the catalogue."""
    options = {"mysql_charset": "utf8mb4", "mysql_engine": "InnoDB"}
    lamps = op.create_table(
        "product",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("slug", sa.String(60), nullable=False, unique=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("price_cents", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        **options,
    )
    op.create_table(
        "entry",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("written", sa.DateTime, nullable=False),
        sa.Index("entry_client_written", "client", "written"),
        **options,
    )
    op.bulk_insert(
        lamps,
        [
            dict(zip(("slug", "name", "description", "price_cents", "kind"), lamp, strict=True))
            for lamp in _LAMPS
        ],
    )


def downgrade():
    """Remove the tables."""
    op.drop_table("entry")
    op.drop_table("product")
