"""The writer: what is acknowledged is stored, what fails harms nobody else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import OperationalError

from glassnet.errors import GlassnetError
from glassnet.humans.bench import Benches
from glassnet.humans.schema import SETTING
from glassnet.humans.store import Store, address


@pytest.fixture
def store(benches: Benches) -> Store:
    return benches.store


def put(name: str, value: str = "x") -> object:
    def job(connection: Connection) -> str:
        connection.execute(insert(SETTING), {"name": name, "value": value})
        return name

    return job


def names(store: Store) -> set[str]:
    with store.read() as connection:
        found = set(connection.scalars(select(SETTING.c.name)))
    return found - {"secret"}


def test_many_writers_share_transactions(store: Store) -> None:
    began = threading.Barrier(20)

    def write(k: int) -> str:
        began.wait()
        return store.write(put(f"n{k}"))

    with ThreadPoolExecutor(20) as pool:
        assert sorted(pool.map(write, range(20))) == sorted(f"n{k}" for k in range(20))
    assert names(store) == {f"n{k}" for k in range(20)}


def test_a_job_that_fails_takes_nobody_with_it(store: Store) -> None:
    def fails(connection: Connection) -> None:
        connection.execute(insert(SETTING), {"name": "half", "value": "x"})
        raise GlassnetError("no")

    gate = threading.Event()
    first = store.submit(lambda connection: gate.wait(5))  # the others gather behind it
    futures = [store.submit(job) for job in (put("a"), fails, put("a"), put("b"))]
    gate.set()
    assert first.result() and futures[0].result() == "a" and futures[3].result() == "b"
    with pytest.raises(GlassnetError, match="no"):
        futures[1].result()
    assert "UNIQUE" in str(futures[2].exception()).upper()
    assert names(store) == {"a", "b"}


def test_a_broken_transaction_is_repeated_job_by_job(store: Store) -> None:
    tries = []

    def breaks(connection: Connection) -> None:
        tries.append(1)
        raise OperationalError("lost", None, Exception("connection"))

    gate = threading.Event()
    first = store.submit(lambda connection: gate.wait(5))
    futures = [store.submit(job) for job in (put("a"), breaks, put("b"))]
    gate.set()
    assert (first.result(), futures[0].result(), futures[2].result()) == (True, "a", "b")
    with pytest.raises(OperationalError):
        futures[1].result()
    assert len(tries) == 2 and names(store) == {"a", "b"}


def test_sqlite_keeps_what_it_promises(here: Benches) -> None:
    with here.store.read() as connection:
        values = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }


def test_reading_goes_on_while_somebody_writes(store: Store) -> None:
    gate, begun = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        put("late")(connection)  # type: ignore[operator]
        begun.set()
        gate.wait(10)

    future = store.submit(slow)
    assert begun.wait(10)
    assert names(store) == set()
    gate.set()
    future.result()
    assert names(store) == {"late"}


def test_what_was_asked_for_is_written_before_closing(tmp_path: Path) -> None:
    with Benches(data=tmp_path) as benches:
        for k in range(50):
            benches.store.submit(put(f"n{k}"))
    with pytest.raises(GlassnetError, match="closed"):
        benches.store.write(put("later"))
    with Benches(data=tmp_path) as again:
        assert len(names(again.store)) == 50


def test_addresses(tmp_path: Path) -> None:
    assert address(None, tmp_path) == f"sqlite:///{tmp_path / 'benches.sqlite'}"
    for url in ("postgresql://u@h/d", "postgres://u@h/d", "postgresql+psycopg://u@h/d"):
        assert address(url, tmp_path) == "postgresql+psycopg://u@h/d"
    with pytest.raises(GlassnetError, match="not known"):
        address("mysql://secret:password@host/x", tmp_path)
