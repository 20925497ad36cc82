"""The tables, as the newest migration leaves them; `migrations/` is what makes them.

Times are milliseconds since 1970 (UTC). Texts named manifest, facts, answers and content are JSON.
`entry` and `judgement` are append-only: triggers refuse to change or delete a row.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

METADATA = MetaData()

SETTING = Table(
    "setting",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

BENCH = Table(
    "bench",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False),  # SHA-256 of the manifest
    Column("manifest", Text, nullable=False),  # never changes: a trigger sees to it
    Column("facts", Text, nullable=False),  # the owner's statements for the checklist
    Column("created_at", BigInteger, nullable=False),
    Column("locked_at", BigInteger),
)

IMAGE = Table(
    "image",
    METADATA,
    Column("bench", ForeignKey("bench.name"), primary_key=True),
    Column("kind", Text, primary_key=True),  # "shown", "given" (to models), "strip" (examples)
    Column("name", Text, primary_key=True),  # of the item, or the index of the class
    Column("body", LargeBinary, nullable=False),
)

INVITATION = Table(
    "invitation",
    METADATA,
    Column("digest", Text, primary_key=True),  # SHA-256 of the token
    Column("bench", ForeignKey("bench.name"), nullable=False),
    Column("role", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

SESSION = Table(
    "session",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("bench", ForeignKey("bench.name"), nullable=False),
    Column("number", Integer, nullable=False),  # from 0; draws the person's order
    Column("nonce", LargeBinary, nullable=False),  # image ids and trial tokens come from it
    Column("created_at", BigInteger, nullable=False),
    Column("consented_at", BigInteger),
    Column("trial", Integer, nullable=False),  # the first one not answered
    Column("revising", Integer),  # the answered one that is open again
    Column("revision", Integer, nullable=False),  # of the next answer to the open trial
    Column("shows", Integer, nullable=False),  # how often the open trial was shown
    Column("shown_at", BigInteger),  # when last
    Column("paused_at", BigInteger),
    Column("locked_at", BigInteger),
    Column("withdrawn_at", BigInteger),
    Column("entries", Integer, nullable=False),  # in its log
    Column("head", Text, nullable=False),  # hash of the last entry
    UniqueConstraint("bench", "number", name="session_number"),
)

SESSION_KEY = Table(
    "session_key",
    METADATA,
    Column("session", ForeignKey("session.id"), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

ENTRY = Table(
    "entry",
    METADATA,
    Column("session", ForeignKey("session.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("trial", Integer),
    Column("revision", Integer),
    Column("at", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index(
        "one_answer",
        "session",
        "trial",
        "revision",
        unique=True,
        sqlite_where=text("kind = 'answer'"),
        postgresql_where=text("kind = 'answer'"),
    ),
)

MODEL = Table(
    "model",
    METADATA,
    Column("bench", ForeignKey("bench.name"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("answers", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
)

JUDGEMENT = Table(
    "judgement",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("bench", ForeignKey("bench.name"), nullable=False),
    Column("item", Text, nullable=False),
    Column("adjudicator", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("judgement_item", "bench", "item"),
)
