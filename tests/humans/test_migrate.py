"""Old databases are brought up to date, after a backup; withdrawal reaches the backups."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from glassnet.errors import GlassnetError
from glassnet.humans import migrate, store
from glassnet.humans.bench import Benches
from glassnet.humans.schema import METADATA
from tests.humans.people import finish, join


def differences(benches: Benches) -> list[Any]:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with benches.store.engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), METADATA)


def test_migrations_lead_to_the_schema(benches: Benches) -> None:
    assert differences(benches) == []
    assert benches.backup is None  # there was nothing to lose


def old_database(database: str | None, data: Path) -> None:
    """One of schema 0001, with a bench and a participant who has answered."""
    with Benches(database, data) as benches:
        finish(join(benches.create("digits", "digits", images=3)))
        for statement in (
            "DROP TABLE judgement",
            "UPDATE alembic_version SET version_num = '0001'",
        ):
            benches.store.write(lambda c, s=statement: c.execute(text(s)) and None)


def test_an_old_database_is_backed_up_and_brought_up_to_date(
    database: str | None, tmp_path: Path
) -> None:
    old_database(database, tmp_path)
    with Benches(database, tmp_path) as benches:
        assert benches.backup is not None and "before_0001" in benches.backup
        assert differences(benches) == []
        bench = benches.get("digits")
        assert bench.verify() == [] and bench.status()["people"][0]["answered"] == 3
        bench.lock()
        assert bench.cases("A1") == ()  # the new table is in use
        if database is None:
            with closing(sqlite3.connect(benches.backup)) as copy:
                assert copy.execute("SELECT count(*) FROM entry").fetchone() == (4,)
                assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                tables = copy.execute("SELECT name FROM sqlite_master").fetchall()
                assert ("judgement",) not in tables
        else:
            tables = inspect(benches.store.engine).get_table_names(benches.backup)
            assert "entry" in tables and "judgement" not in tables
    with Benches(database, tmp_path) as again:
        assert again.backup is None


def test_withdrawal_reaches_the_backups(database: str | None, tmp_path: Path) -> None:
    old_database(database, tmp_path)
    with Benches(database, tmp_path) as benches:
        bench = benches.get("digits")
        [session] = bench.sessions()
        with benches.store.read() as connection:
            query = text("SELECT wrapped FROM session_key")
            wrapped = bytes(connection.execute(query).scalar_one())
        session.withdraw()
        assert benches.backup is not None
        if database is None:
            files = [path for path in tmp_path.rglob("*") if "sqlite" in path.name]
            assert Path(benches.backup) in files
            assert not any(wrapped in path.read_bytes() for path in files)
        else:
            with benches.store.read() as connection:
                query = text(f'SELECT count(*) FROM "{benches.backup}".session_key')
                assert connection.execute(query).scalar_one() == 0
        assert bench.verify() == []


def test_a_database_of_a_newer_glassnet_is_left_alone(database: str | None, tmp_path: Path) -> None:
    with Benches(database, tmp_path) as benches:
        benches.store.write(
            lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None
        )
    with pytest.raises(GlassnetError, match="schema 9999"):
        Benches(database, tmp_path)


def test_several_servers_may_start_at_once(database: str | None, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    old_database(database, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: Benches(database, tmp_path), range(4)))
    assert sum(benches.backup is not None for benches in opened) == 1
    assert all(benches.names() == ["digits"] for benches in opened)
    for benches in opened:
        benches.close()


def test_a_migration_that_fails_leaves_everything_as_it_was(
    database: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_database(database, tmp_path)

    with monkeypatch.context() as patch:
        patch.setattr(migrate, "_upgrade", _after(migrate._upgrade))
        with pytest.raises(GlassnetError, match="power cut"):
            Benches(database, tmp_path)
    engine = store.connect(store.address(database, tmp_path))
    with engine.connect() as connection:
        version = text("SELECT version_num FROM alembic_version")
        assert connection.execute(version).scalar_one() == "0001"
        assert "judgement" not in inspect(connection).get_table_names()
    engine.dispose()
    with Benches(database, tmp_path) as benches:
        assert differences(benches) == []


def _after(upgrade: Any) -> Any:
    """An upgrade that makes its tables and is cut off then."""

    def cut(*arguments: Any) -> None:
        upgrade(*arguments)
        raise RuntimeError("power cut")

    return cut
