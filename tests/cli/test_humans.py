"""An evaluator's way through, on the command line."""

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy", reason="the extra 'web' is not installed")

from glassnet.humans.bench import Benches
from tests.cli.conftest import Invoke
from tests.web.pictures import folder

CLASSES = ["apple", "bridge", "candle"]
COMMANDS = ["create", "invite", "add-model", "list", "status", "lock", "report", "export",
            "withdraw", "verify", "backup", "oracle"]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def answer(invoke: Invoke, data: Path) -> Any:
    """The JSON that `glassnet humans ...` answers with."""

    def run(*words: object) -> Any:
        result = invoke("humans", *words, "--data", data, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="module")
def pets(answer: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    source = folder(tmp_path_factory.mktemp("photos") / "pets", CLASSES, 10)
    return answer("create", source, "--images", 9, "--exemplars", 2, "--confidence")


def take_part(token: str, data: Path, bench: str, right: int) -> None:
    """Somebody answers everything, the first `right` images rightly."""
    with Benches(None, data) as benches:
        session = benches.get(bench).accept(token)
        session.consent(True, seen_before=False)
        view = session.current()
        for i, item in enumerate(session.trials):
            assert view is not None
            at = CLASSES.index(item.truth[0]) + (i >= right)
            told = [CLASSES[at % 3]]
            view = session.answer(view.trial, view.token, 0, told, 900.0, confidence=0.8).next


def test_the_way_through(answer: Any, pets: Any, data: Path, tmp_path: Path) -> None:
    assert pets["bench"] == "pets"
    assert (pets["images"], pets["classes"], pets["protocol"]) == (9, 3, "cifar10-2011")
    assert len(pets["digest"]) == 64

    links = answer("invite", "pets", "--people", 2, "--url", "https://lab.example/")["links"]
    assert all(link.startswith("https://lab.example/join/") for link in links)
    for link, right in zip(links, (9, 6), strict=True):
        take_part(link.rpartition("/")[2], data, "pets", right)

    model = tmp_path / "zoo.csv"
    with Benches(None, data) as benches:
        test = benches.get("pets").manifest.of_kind("test")
    model.write_text("image,answer\n" + "\n".join(f"{i.name},{i.truth[0]}" for i in test))
    told = answer("add-model", "pets", model, "--date", "2014-09")
    assert told == {"bench": "pets", "model": "zoo", "answers": 9}

    status = answer("status", "pets")
    assert [(one["person"], one["answered"]) for one in status["people"]] == [("P1", 9), ("P2", 9)]
    assert status["models"] == ["zoo"]
    assert [one["name"] for one in answer("list")["benches"]] == ["pets"]
    assert answer("verify", "pets")["holds"] is True

    assert answer("lock", "pets", "--yes") == {"bench": "pets", "locked": True}
    report = answer("report", "pets", "-o", tmp_path / "report.html", "--margin", 0.05)
    assert Path(report["report"]).read_text("utf-8").startswith("<!doctype html>")
    assert report["people"] == 2
    assert report["margin"] == 0.05
    assert report["verdicts"]["zoo"]

    assert answer("export", "pets", tmp_path / "answers.csv")["rows"] == 18
    with open(tmp_path / "answers.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["correct"]) for row in rows) == 15

    assert answer("withdraw", "pets", "P2", "--yes")["withdrawn"] is True
    assert answer("status", "pets")["withdrawn"] == 1
    assert answer("verify", "pets")["holds"] is True
    assert Path(answer("backup")["backup"]).stat().st_size > 10_000


def test_what_is_said(invoke: Invoke, pets: Any, data: Path) -> None:
    said = invoke("humans", "status", "pets", "--data", data).output
    assert "pets: cifar10-2011" in said
    assert invoke("humans", "list", "--data", data).exit_code == 0
    links = invoke("humans", "invite", "pets", "--adjudicators", "--data", data).output.split()
    assert links[0].startswith("http://127.0.0.1:8000/join/")


def test_mistakes_are_told_in_words(invoke: Invoke, pets: Any, data: Path, tmp_path: Path) -> None:
    for words, says in (
        (["status", "cats"], "there is no bench 'cats'; there are pets"),
        (["create", tmp_path / "nothing"], "nothing"),
        (["create", "digits", "--name", "../x"], "letters"),
        (["create", "digits", "--name", "pets"], "pets"),
        (["create", "digits", "--name", "d", "--protocol", "x"], "there is no protocol 'x'"),
        (["withdraw", "pets", "P9", "--yes"], "no person P9; it has"),
        (["add-model", "pets", tmp_path / "no.csv"], "no.csv"),
    ):
        result = invoke("humans", *words, "--data", data)
        assert result.exit_code == 1, words
        assert result.stderr.startswith("glassnet: ")
        assert says in result.stderr, (says, result.stderr)
        assert "Traceback" not in result.stderr


def test_a_lock_asks_first(invoke: Invoke, answer: Any, data: Path) -> None:
    answer("create", "digits", "--name", "asked", "--images", 4)
    assert invoke("humans", "lock", "asked", "--data", data).exit_code == 1
    assert answer("status", "asked")["locked"] is False


def test_a_chain_that_does_not_hold(invoke: Invoke, answer: Any, data: Path) -> None:
    answer("create", "digits", "--name", "changed", "--images", 4)
    token = answer("invite", "changed")["links"][0].rpartition("/")[2]
    with Benches(None, data) as benches:
        session = benches.get("changed").accept(token)
        session.consent(True)
        view = session.current()
        session.answer(view.trial, view.token, 0, ["1"], 900.0)
        path = benches.store.engine.url.database
    with sqlite3.connect(path) as database:
        with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
            database.execute("update entry set at = at + 1 where trial = 0")
        triggers = database.execute("select name from sqlite_master where type = 'trigger'")
        for (name,) in triggers.fetchall():  # somebody who owns the file can take them away
            database.execute(f"drop trigger {name}")
        database.execute("update entry set at = at + 1 where trial = 0")
    database.close()
    result = invoke("humans", "verify", "changed", "--data", data, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["holds"] is False


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(invoke: Invoke, command: str) -> None:
    shown = invoke("humans", command, "--help").output
    assert f"  glassnet humans {command}" in shown
    assert "--json" in shown


def test_commands_stand_in_the_order_of_use(invoke: Invoke) -> None:
    listed = invoke("humans", "--help").output.partition("Commands:")[2]
    assert [line.split()[0] for line in listed.splitlines() if line.strip()] == COMMANDS


def test_oracle_without_data(invoke: Invoke, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GLASSNET_SHARED", str(tmp_path))
    result = invoke("humans", "oracle", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["wrong"] == []
    assert {one["agrees"] for one in told["checks"]} == {True, None}


@pytest.mark.data
def test_oracle(invoke: Invoke, shared_data: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GLASSNET_SHARED", str(shared_data))
    told = json.loads(invoke("humans", "oracle", "--json").stdout)
    assert {one["agrees"] for one in told["checks"]} == {True}
    assert len(told["networks"]) == 10
