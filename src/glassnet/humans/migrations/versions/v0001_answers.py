"""Benches, their images, the people who take part, and the log of what they answered."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from glassnet.humans.migrations.triggers import append_only, frozen

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "setting",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "bench",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("locked_at", sa.BigInteger),
    )
    op.create_table(
        "image",
        _bench(primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "invitation",
        sa.Column("digest", sa.Text, primary_key=True),
        _bench(nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
    )
    op.create_table(
        "model",
        _bench(primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("answers", sa.Text, nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
    )
    _make_sessions()
    frozen("bench", "name", "digest", "manifest")
    append_only("image")
    append_only("entry")


def _make_sessions() -> None:
    op.create_table(
        "session",
        sa.Column("id", sa.Text, primary_key=True),
        _bench(nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("consented_at", sa.BigInteger),
        sa.Column("trial", sa.Integer, nullable=False),
        sa.Column("revising", sa.Integer),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("shows", sa.Integer, nullable=False),
        sa.Column("shown_at", sa.BigInteger),
        sa.Column("paused_at", sa.BigInteger),
        sa.Column("locked_at", sa.BigInteger),
        sa.Column("withdrawn_at", sa.BigInteger),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("head", sa.Text, nullable=False),
        sa.UniqueConstraint("bench", "number", name="session_number"),
    )
    op.create_table(
        "session_key",
        sa.Column("session", sa.Text, sa.ForeignKey("session.id"), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "entry",
        sa.Column("session", sa.Text, sa.ForeignKey("session.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("trial", sa.Integer),
        sa.Column("revision", sa.Integer),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    answers = sa.text("kind = 'answer'")
    op.create_index(
        "one_answer",
        "entry",
        ["session", "trial", "revision"],
        unique=True,
        sqlite_where=answers,
        postgresql_where=answers,
    )


def _bench(**options: Any) -> "sa.Column[str]":
    return sa.Column("bench", sa.Text, sa.ForeignKey("bench.name"), **options)
