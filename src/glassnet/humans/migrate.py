"""Bringing a database to the schema of this glassnet, with a backup of what was there first.

SQLite is copied by its backup interface into `backups/` of the data folder. PostgreSQL keeps the
copy itself, as a schema `before_<version>_<time>` beside the tables; docs/human-bench.md says how
to add a `pg_dump`.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassnet.errors import GlassnetError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

BACKUPS = "backups"
_LOCK = 0x67_6C_61_73_73  # "glass": the advisory lock of PostgreSQL that one migration holds


def migrate(engine: "Engine", data: Path, target: str = "head") -> str | None:
    """Bring the schema to `target`; where the backup is, or None where there was nothing to save.

    Several servers may start at once: one migrates, the others wait and find it done. Raises
    GlassnetError for a database of a newer glassnet.
    """
    with as_file(files("glassnet.humans") / "migrations") as scripts:
        config = _config(scripts)
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            found, wanted = _versions(config, connection, target)
            if found == wanted:
                return None
            backup = None if found is None else back_up(connection, data, found)
            _upgrade(config, connection, target)
    return backup


def back_up(connection: "Connection", data: Path, version: str) -> str:
    """Copy everything; the path of the file, or the name of PostgreSQL's schema."""
    moment = datetime.now(UTC).strftime("%Y%m%dt%H%M%S%f")
    name = f"before_{version}_{moment}"
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f'CREATE SCHEMA "{name}"')
        for table in _tables(connection):
            connection.exec_driver_sql(f'CREATE TABLE "{name}"."{table}" AS TABLE "{table}"')
        return name
    folder = data / BACKUPS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.sqlite"
    source = str(connection.engine.url.database)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(path)) as new:
        old.backup(new)
    path.chmod(0o600)
    return str(path)


def forget(engine: "Engine", data: Path, session: str) -> None:
    """Destroy a session's key in every backup too, and what the database keeps of deleted rows."""
    if engine.dialect.name == "postgresql":
        _forget_on_postgres(engine, session)
        return
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in sorted((data / BACKUPS).glob("*.sqlite")):
        with closing(sqlite3.connect(path, timeout=15)) as backup, backup:
            backup.execute("PRAGMA secure_delete = ON")
            backup.execute("DELETE FROM session_key WHERE session = ?", (session,))


def _forget_on_postgres(engine: "Engine", session: str) -> None:
    from sqlalchemy import text

    with engine.begin() as connection:
        found = connection.exec_driver_sql(
            "SELECT table_schema FROM information_schema.tables "
            "WHERE table_name = 'session_key' AND table_schema LIKE 'before\\_%%'"
        )
        schemas = [f'"{row[0]}".' for row in found]
        for schema in schemas:
            delete = text(f"DELETE FROM {schema}session_key WHERE session = :session")
            connection.execute(delete, {"session": session})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for schema in ("", *schemas):
            connection.exec_driver_sql(f"VACUUM {schema}session_key")


def _config(scripts: Path) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    return config


def _versions(
    config: "Config", connection: "Connection", target: str
) -> tuple[str | None, str | None]:
    """(what the database has, what is wanted)."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        raise GlassnetError(
            f"the database has schema {found}, this glassnet knows {', '.join(sorted(known))}: it "
            f"was used by a newer one; update glassnet"
        )
    return found, scripts.get_current_head() if target == "head" else target


def _upgrade(config: "Config", connection: "Connection", target: str) -> None:
    from alembic import command

    config.attributes["connection"] = connection
    command.upgrade(config, target)


def _tables(connection: "Connection") -> list[str]:
    from sqlalchemy import inspect

    return sorted(inspect(connection).get_table_names())
