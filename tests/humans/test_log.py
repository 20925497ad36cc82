"""The chain of a session's log, the seal of its content, and the database that refuses changes."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from glassnet.errors import GlassnetError
from glassnet.humans.bench import Bench, Benches, Session
from glassnet.humans.vault import Vault, pseudonym, same, seal, unseal
from tests.humans.people import finish, join


@pytest.fixture
def bench(benches: Benches) -> Bench:
    return benches.create("digits", "digits", images=4)


@pytest.fixture
def session(bench: Bench) -> Session:
    made = join(bench)
    finish(made)
    return made


def change(bench: Bench, statement: str, **values: object) -> None:
    """What somebody with the database's password could do: triggers off, a row changed."""

    def job(connection: object) -> None:
        if bench.store.postgres:
            connection.execute(text("ALTER TABLE entry DISABLE TRIGGER ALL"))  # type: ignore
        else:
            for event in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER entry_{event}"))  # type: ignore
        connection.execute(text(statement), values)  # type: ignore

    bench.store.write(job)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE entry SET trial = 9", "DELETE FROM entry", "UPDATE entry SET hash = '' WHERE trial=0"],
)
def test_the_database_refuses_to_change_the_log(
    bench: Bench, session: Session, statement: str
) -> None:
    with pytest.raises(DatabaseError, match="only ever added"):
        bench.store.write(lambda connection: connection.execute(text(statement)))
    assert bench.verify() == []


def test_postgres_refuses_to_truncate_too(bench: Bench, session: Session) -> None:
    if not bench.store.postgres:
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(DatabaseError, match="only ever added"):
        bench.store.write(lambda connection: connection.execute(text("TRUNCATE entry")))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE entry SET trial = 9 WHERE number = 2", "entry 2 was changed"),
        ("UPDATE entry SET at = at + 1 WHERE number = 3", "entry 3 was changed"),
        ("UPDATE entry SET sealed = (SELECT sealed FROM entry WHERE number = 1) WHERE number = 2",
         "entry 2 was changed"),
        ("DELETE FROM entry WHERE number = 1", "entry 1 is missing"),
        ("DELETE FROM entry WHERE number = 4", "ends after 4 entries, but 5 were written"),
    ],
)  # fmt: skip
def test_what_was_changed_all_the_same_is_found(
    bench: Bench, session: Session, statement: str, said: str
) -> None:
    change(bench, statement)
    [found] = bench.verify()
    assert found.startswith("P1: ") and said in found
    assert not bench.status()["chains_hold"]


def test_the_receipt_is_the_head_of_the_chain(bench: Bench) -> None:
    session = join(bench)
    view = session.current()
    assert view is not None
    receipt = session.answer(view.trial, view.token, view.revision, ["1"], 5)
    [(entry, _)] = bench.records.entries(session.id, "answer")
    assert receipt.hash == entry.hash
    [row] = [row for row in _rows(bench) if row.id == session.id]
    assert row.head == receipt.hash


def _rows(bench: Bench) -> list[object]:
    with bench.store.read() as connection:
        return bench.records.rows(connection)


def test_the_database_alone_tells_no_answer(bench: Bench) -> None:
    """Neither the words nor the length of what is sealed."""
    session = join(bench)
    view = session.current()
    answers: list[str] = ["1"]
    while view is not None:
        view = session.answer(view.trial, view.token, view.revision, answers, 5).next
        answers = []
    entries = [entry for entry, _ in bench.records.entries(session.id, "answer")]
    assert len({len(entry.sealed) for entry in entries}) == 1
    assert not any(b"answers" in entry.sealed for entry in entries)


def test_a_seal_holds_for_its_place_alone() -> None:
    key = bytes(range(32))
    sealed = seal(key, {"answers": ["cat"]}, "session/3")
    assert unseal(key, sealed, "session/3") == {"answers": ["cat"]}
    assert seal(key, {"answers": ["cat"]}, "session/3") != sealed
    broken = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for wrong in (
        (bytes(32), sealed, "session/3"),
        (key, sealed, "session/4"),
        (key, broken, "session/3"),
    ):
        with pytest.raises(GlassnetError, match="cannot be opened"):
            unseal(*wrong)


def test_keys_are_wrapped_for_one_session_and_one_secret(tmp_path: Path) -> None:
    vault, other = Vault(tmp_path / "a"), Vault(tmp_path / "b")
    key, wrapped = vault.new_key("one")
    assert vault.unwrap(wrapped, "one") == key and key not in wrapped
    for wrong in ((vault, "two"), (other, "one")):
        with pytest.raises(GlassnetError):
            wrong[0].unwrap(wrapped, wrong[1])


def test_pseudonyms() -> None:
    names = {pseudonym(b"k", *parts) for parts in (("a", "b"), ("ab",), ("b", "a"), ("a", "b", ""))}
    assert len(names) == 4 and all(len(name) == 22 for name in names)
    assert json.dumps(sorted(names)) == json.dumps(sorted(names)).encode("ascii").decode()
    assert same("x", "x") and not same("x", "y") and not same("ü", "y")
