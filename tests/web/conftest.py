"""Benches, an app in this process, a server in another, and a browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("fastapi", reason="the extra 'web' is not installed")

from glassnet.humans.bench import Bench, Benches
from glassnet.web import Settings, create_app
from tests.web import pictures, serving
from tests.web.serving import Person

CLASSES = ["apple", "bridge", "candle", "dragon"]
Make = Callable[..., Bench]


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes of twelve pictures."""
    return pictures.folder(tmp_path_factory.mktemp("photos") / "things", CLASSES)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("benches")


@pytest.fixture(scope="session")
def benches(data: Path) -> Iterator[Benches]:
    with Benches(None, data) as opened:
        yield opened


@pytest.fixture(scope="session")
def make(benches: Benches, photos: Path) -> Make:
    """A new bench of the photographs, by default of eight test images."""
    made = iter(range(1000))

    def create(preset: str = "cifar10-2011", source: Any = photos, **options: Any) -> Bench:
        options = {"images": 8, "exemplars": 0, "training": 0, "checks": 0} | options
        return benches.create(f"bench-{next(made)}", str(source), preset, **options)

    return create


@pytest.fixture(scope="session")
def app(data: Path, benches: Benches, tmp_path_factory: pytest.TempPathFactory) -> Any:
    runs = tmp_path_factory.mktemp("runs")
    return create_app(Settings(data=data, runs=runs), benches)


@pytest.fixture(scope="session")
def url(app: Any) -> Iterator[str]:
    """The address of the app, served by a thread of this process."""
    with serving.threaded(app) as address:
        yield address


@pytest.fixture
def person(url: str) -> Iterator[Person]:
    with httpx.Client(base_url=url, timeout=120) as client:
        yield Person(client)


@pytest.fixture
def owner(url: str) -> Iterator[Person]:
    with httpx.Client(base_url=url, timeout=120) as client:
        signed_in = Person(client)
        signed_in.get("/benches")
        yield signed_in


@pytest.fixture
def page(chromium: Any, url: str) -> Iterator[Any]:
    """A page of a browser that nobody used before; complaints of the page fail the test."""
    context = chromium.new_context(base_url=url, viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.complaints = complaints
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    own = "Canvas2D: Multiple readback"  # of tests that look at pixels
    assert [text for text in complaints if not text.startswith(own)] == []
