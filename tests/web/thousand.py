"""A bench of a thousand classes with thirteen examples each, and how quick its page is."""

from typing import Any

from glassnet.humans.bench import Bench, Benches
from glassnet.humans.build import Body
from glassnet.humans.images import fingerprint, padded, to_png
from glassnet.humans.manifest import Class, Item, Manifest
from tests.web.pictures import picture, strip
from tests.web.test_browser_work import ready

GROUPS, EACH = 40, 25
LENGTH = 200_000


def build(benches: Benches) -> Bench:
    """13,000 generated pictures as examples, 1,000 classes in 40 groups, four test images."""
    classes = tuple(
        Class(f"kind {g:02}-{k:02}", ("thing", f"group {g:02}"), f"also called g{g}k{k}")
        for g in range(GROUPS)
        for k in range(EACH)
    )
    shown = [picture(10_000_000 + i, 256) for i in range(4)]
    items = tuple(
        Item(f"image {i}", "test", (classes[i].name,), fingerprint(image))
        for i, image in enumerate(shown)
    )
    manifest = Manifest(
        "thousand", "imagenet-top5", "A thousand kinds", "generated pictures", classes, items,
        "We look at pages.", {c.name: tuple(map(str, range(13))) for c in classes},
        choice="ranked", guesses=5, length=LENGTH,
    )  # fmt: skip
    bodies = [Body("strip", str(i), strip(i)) for i in range(len(classes))]
    bodies += [Body("shown", f"image {i}", padded(to_png(p), LENGTH)) for i, p in enumerate(shown)]
    benches.add(manifest, bodies)
    return benches.get("thousand")


TIME_A_KEY = """() => {
    window.took = new Promise((resolve) => addEventListener("keydown", (event) => {
        const after = () => setTimeout(() => resolve(performance.now() - event.timeStamp));
        requestAnimationFrame(after);
    }, { once: true, capture: true }));
}"""


def latency(page: Any, key: str) -> float:
    """Milliseconds from a key's event to the end of the frame that shows what it did."""
    page.evaluate(TIME_A_KEY)
    page.keyboard.press(key)
    return page.evaluate("took")


def first_image(page: Any) -> float:
    """Milliseconds from asking for the page to an image that can be answered."""
    page.reload()
    ready(page, 1)
    return page.evaluate("performance.now()")
