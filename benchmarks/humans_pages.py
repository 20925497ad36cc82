"""How quick the human bench's pages are, in headless Chromium: keys, first image, first start.

    python -m benchmarks.humans_pages [--rounds 5]

A thousand classes with thirteen examples each (13,000 generated pictures): milliseconds from
asking for the page to an image that can be answered, and from each kind of key to the end of the
frame that shows what it did. Then `glassnet serve --demo` from its first start: seconds until
twenty digits are labelled by quick fingers and one's own error stands beside the network's.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from glassnet.humans.bench import Benches
from glassnet.web import Settings, create_app
from tests.conftest import CHROMIUM
from tests.web import serving, thousand
from tests.web.test_browser_demo import label_twenty
from tests.web.test_browser_work import begin

KEYS = {
    "move": ["ArrowDown", "PageDown", "ArrowDown", "ArrowUp"],
    "search": [*"kind 17-03"],
    "pick": ["Enter"],
    "fold": ["ArrowLeft"],
    "unfold": ["ArrowRight"],
}


def classes(browser: Browser, folder: Path, rounds: int) -> dict[str, Any]:
    """A thousand classes: the first image, and each kind of key."""
    with Benches(None, folder) as benches:
        bench = thousand.build(benches)
        with serving.threaded(create_app(Settings(data=folder, runs=folder), benches)) as url:
            page = browser.new_page(base_url=url)
            begin(page, bench)
            first = [thousand.first_image(page) for _ in range(rounds)]
            times: dict[str, list[float]] = {kind: [] for kind in KEYS}
            for _ in range(rounds):
                for kind, keys in KEYS.items():
                    times[kind] += [thousand.latency(page, key) for key in keys]
                page.reload()
                thousand.ready(page, 1)
            page.close()
    return {"first image": told(first)} | {kind: told(each) for kind, each in times.items()}


def told(milliseconds: list[float]) -> dict[str, float]:
    """n, the median, nine of ten, the worst."""
    ordered = sorted(milliseconds)
    nine = ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]
    median = statistics.median(ordered)
    return {"n": len(ordered)} | {
        name: round(value, 1)
        for name, value in (("p50", median), ("p90", nine), ("worst", ordered[-1]))
    }


def demo(browser: Browser, folder: Path) -> float:
    """Seconds from the command to both errors side by side."""
    start = time.perf_counter()
    server = serving.serve(folder, "--demo", "--runs", folder / "runs")
    page = browser.new_page(base_url=server.url)
    label_twenty(page)
    taken = time.perf_counter() - start
    page.close()
    serving.stop(server)
    return round(taken, 1)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="How quick the human bench's pages are.")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        figures = {"a thousand classes, milliseconds": classes(browser, Path(folder), asked.rounds)}
        print(json.dumps(figures, indent=2), flush=True)
        print(f"the demo from its first start: {demo(browser, Path(folder) / 'demo')} s")
        browser.close()


if __name__ == "__main__":
    main()
