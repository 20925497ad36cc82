"""What adjudicators say about images that somebody, person or model, got wrong."""

import sqlalchemy as sa
from alembic import op

from glassnet.humans.migrations.triggers import append_only

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of judgements."""
    op.create_table(
        "judgement",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("bench", sa.Text, sa.ForeignKey("bench.name"), nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("adjudicator", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("judgement_item", "judgement", ["bench", "item"])
    append_only("judgement")
