"""Nothing that a test-phase client receives tells the truth: every byte is looked at.

The list of classes (`/work/panel`) and the examples are left apart: they are the same for all
images. Everything else must hold neither file names, nor true classes, nor models' answers, and
neither order, ids, headers, timing nor byte sizes may go with the class.
"""

import io
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from scipy import stats

from glassnet.humans.bench import Bench
from tests.web.conftest import Make
from tests.web.pictures import picture
from tests.web.serving import Person

CLASSES = ["quagga", "xylophone", "zeppelin", "wombat"]
WORD = "canarymodel"
IMAGES = 40


@dataclass
class Trace:
    """What one client received: each answer's path, headers and body, and the images by truth."""

    answers: list[tuple[str, httpx.Headers, bytes]] = field(default_factory=list)
    images: list[tuple[str, str, bytes, httpx.Headers, float]] = field(default_factory=list)

    def told(self) -> Iterator[tuple[str, bytes]]:
        for path, headers, body in self.answers:
            if path != "/work/panel" and not path.startswith("/work/examples/"):
                yield path, str(headers).encode() + body


@pytest.fixture(scope="module")
def photos_that_differ(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Classes whose pictures compress very differently, with metadata that tells the class."""
    root = tmp_path_factory.mktemp("canary") / "set"
    for k, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True)
        for i in range(IMAGES // 4 + 4):
            seed = 100 * k + i
            image = picture(seed)
            if k % 2:  # noise on half of the classes: files many times as large
                noise = np.random.default_rng(seed).integers(0, 90, (64, 64, 3), dtype=np.uint8)
                image = Image.fromarray(np.asarray(image) // 2 + noise)
            exif = Image.Exif()
            exif[0x010E] = f"a {name}"
            image.save(root / name / f"{name}_{i:03}.jpg", exif=exif, comment=name.encode())
    return root


@pytest.fixture(scope="module")
def bench(make: Make, photos_that_differ: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = make(source=photos_that_differ, images=IMAGES, exemplars=2, training=2, checks=0)
    rows = [f"{item.name},{item.truth[0]}" for item in made.manifest.of_kind("test")]
    path = tmp_path_factory.mktemp("model") / f"{WORD}.csv"
    path.write_text("image,answer\n" + "\n".join(rows))
    made.add_model(WORD, path)
    return made


@pytest.fixture(scope="module")
def traces(url: str, bench: Bench) -> list[Trace]:
    return [follow(url, bench) for _ in range(2)]


def follow(url: str, bench: Bench) -> Trace:
    """Go through a whole bench as one participant and keep everything that comes."""
    trace = Trace()

    def keep(response: httpx.Response) -> None:
        response.read()
        trace.answers.append((response.request.url.path, response.headers, response.content))

    with httpx.Client(base_url=url, timeout=60) as client:
        person = Person(client)
        person.join(bench.invite()[0])
        truths = [item.truth[0] for item in bench.sessions()[-1].trials]
        person.get("/work/panel")
        turn = person.get("/work/turn").json()
        while turn["trial"]["phase"] == "training":  # tells the truth, as it should
            turn = person.answer(turn, CLASSES[0]).json()["turn"]
        client.event_hooks["response"] = [keep]
        for path in ("/work", "/work/panel", "/work/turn", "/", "/work/examples/1", "/answers"):
            person.get(path)
        turn = json.loads(next(b for p, _, b in trace.answers if p == "/work/turn"))
        while turn["trial"] is not None:
            at = turn["trial"]["trial"]
            start = time.perf_counter()
            image = person.get(f"/work/image/{turn['trial']['image']}")
            taken = time.perf_counter() - start
            row = (truths[at], turn["trial"]["image"], image.content, image.headers, taken)
            trace.images.append(row)
            turn = person.answer(turn, CLASSES[at % 4]).json()["turn"]
        person.post("/work/undo")
        person.post("/work/pause")
        person.post("/work/resume")
        for path in ("/benches", f"/benches/{bench.name}", f"/benches/{bench.name}/export",
                     "/runs", "/adjudicate", "/work/image/x", "/static/work/main.mjs"):  # fmt: skip
            person.get(path)
        person.answer(turn | {"trial": {"trial": 0, "token": "x", "revision": 0}}, "nothing")
        return trace


def test_no_name_no_class_no_models_answer(traces: list[Trace], bench: Bench) -> None:
    """A participant's own answer comes back where it is revised, and nowhere else."""
    secret = [WORD, *(Path(item.name).name for item in bench.manifest.items)]
    secret += [item.sha256 for item in bench.manifest.items]
    for trace in traces:
        for path, told in trace.told():
            low = told.lower()
            assert not any(word.lower().encode() in low for word in secret), path
            if path not in ("/work/undo", "/work/resume"):
                assert not any(name.encode() in low for name in CLASSES), path


def test_the_canary_sings(traces: list[Trace], bench: Bench) -> None:
    """What is searched for is found where it may stand."""
    panel = next(body for path, _, body in traces[0].answers if path == "/work/panel")
    assert all(name.encode() in panel for name in CLASSES)
    assert len(traces[0].images) == IMAGES
    assert {truth for truth, *_ in traces[0].images} == set(CLASSES)


def test_images_carry_no_metadata(traces: list[Trace]) -> None:
    for _, _, body, _, _ in traces[0].images:
        assert body.startswith(b"\x89PNG")
        assert b"Exif" not in body
        assert not {b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"tIME"} & {
            body[i : i + 4] for i in chunks(body)
        }


def chunks(body: bytes) -> Iterator[int]:
    """Where the names of a PNG's chunks stand."""
    at = 8
    while at + 8 <= len(body):
        length = int.from_bytes(body[at : at + 4], "big")
        yield at + 4
        at += 12 + length


def test_every_image_has_one_length_and_one_set_of_headers(traces: list[Trace]) -> None:
    for trace in traces:
        assert len({len(body) for _, _, body, _, _ in trace.images}) == 1
        kept = {
            tuple(sorted((k, v) for k, v in headers.items() if k != "date"))
            for *_, headers, _ in trace.images
        }
        assert len(kept) == 1
        names = dict(kept.pop())
        assert not {"etag", "last-modified", "content-disposition", "server-timing"} & set(names)
        assert names["cache-control"] == "no-store"


def test_turns_have_one_shape(traces: list[Trace]) -> None:
    """The answers of the server differ in numbers and random ids alone, all of one length."""
    for trace in traces:
        bodies = [json.loads(b) for p, _, b in trace.answers if p == "/work/answer"][:-2]
        trials = [body["turn"]["trial"] for body in bodies]
        same = [k for k in trials[0] if len({json.dumps(t[k]) for t in trials}) == 1]
        varying = set(trials[0]) - set(same)
        assert varying <= {"trial", "number", "token", "image", "preload"}
        assert len({(len(t["token"]), len(t["image"])) for t in trials}) == 1


def test_ids_are_random_and_a_persons_own(traces: list[Trace]) -> None:
    first, second = ({id for _, id, *_ in trace.images} for trace in traces)
    assert len(first) == len(second) == IMAGES
    assert not first & second
    by_class: dict[str, list[int]] = defaultdict(list)
    for trace in traces:
        for truth, id, *_ in trace.images:
            by_class[truth].append(sum(id.encode()))
    assert stats.kruskal(*by_class.values()).pvalue > 1e-4


def test_the_order_does_not_go_with_the_class(traces: list[Trace]) -> None:
    orders = [[truth for truth, *_ in trace.images] for trace in traces]
    assert orders[0] != orders[1]
    for order in orders:
        places = [[i for i, truth in enumerate(order) if truth == name] for name in CLASSES]
        assert stats.kruskal(*places).pvalue > 1e-4
        repeats = sum(a == b for a, b in itertools.pairwise(order))
        assert repeats < IMAGES / 2  # sorted by class it would be 36 of 39


def test_the_time_does_not_go_with_the_class(traces: list[Trace]) -> None:
    """Image against image: the same image takes as long to serve whatever it shows."""
    by_class: dict[str, list[float]] = defaultdict(list)
    for trace in traces:
        for truth, _, _, _, seconds in trace.images[3:]:
            by_class[truth].append(seconds)
    assert stats.kruskal(*by_class.values()).pvalue > 1e-4


def test_the_same_image_at_one_size(bench: Bench, traces: list[Trace]) -> None:
    side = bench.manifest.display.side
    sizes = {Image.open(io.BytesIO(body)).size for _, _, body, _, _ in traces[0].images}
    assert sizes == {(side, side)}
