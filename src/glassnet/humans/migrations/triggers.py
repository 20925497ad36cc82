"""Triggers that refuse to change what may only be added to, for SQLite and PostgreSQL."""

from alembic import op

_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the rows of % are only ever added to', TG_TABLE_NAME;
END
$$
"""


def append_only(table: str) -> None:
    """Refuse every change to rows of `table`, and their deletion."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_FUNCTION)
        _on_postgres(table, "row", "UPDATE OR DELETE")
        _on_postgres(table, "statement", "TRUNCATE")
        return
    for event in ("UPDATE", "DELETE"):
        _on_sqlite(table, event, event)


def frozen(table: str, *columns: str) -> None:
    """Refuse every change to these columns of `table`, and deletion of its rows."""
    event = f"UPDATE OF {', '.join(columns)}"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_FUNCTION)
        _on_postgres(table, "row", f"{event} OR DELETE")
        _on_postgres(table, "statement", "TRUNCATE")
        return
    _on_sqlite(table, "UPDATE", event)
    _on_sqlite(table, "DELETE", "DELETE")


def _on_postgres(table: str, level: str, events: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_{level} BEFORE {events} ON {table} "
        f"FOR EACH {level.upper()} EXECUTE FUNCTION refuse_change()"
    )


def _on_sqlite(table: str, name: str, event: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_{name.lower()} BEFORE {event} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'the rows of {table} are only ever added to'); END"
    )
