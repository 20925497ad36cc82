"""What tests share: where the real data lie, and how Hypothesis draws.

Tests that need real data ask for `shared_data` (the folder beside the project) or for
`published_data` (MNIST and CIFAR-10 in their publishers' formats, `GLASSNET_DATA` set to it); they
skip, with the reason, where it is missing.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from glassnet.operation import OPERATIONS

PROJECT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data: `GLASSNET_SHARED`, or ../shared/data from the project's root."""
    folder = Path(os.environ.get("GLASSNET_SHARED", PROJECT.parent / "shared" / "data"))
    if not (folder / "unpack.py").is_file():
        pytest.skip(f"the real data are not at {folder}; set GLASSNET_SHARED to their folder")
    return folder


@pytest.fixture(scope="session")
def published_data(shared_data: Path, pytestconfig: pytest.Config) -> Iterator[Path]:
    """MNIST and CIFAR-10 as published; laid out once, whatever the number of workers and runs."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("published-data")
    with open(folder / ".lock", "w") as lock:
        if os.name == "posix":
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)  # until closed; the others wait, then find the files
        subprocess.run([sys.executable, shared_data / "unpack.py", folder], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLASSNET_DATA", str(folder))
        yield folder


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser for the tests marked `browser`: one for all, since Playwright has one loop."""
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium here")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def scratch_operations() -> Iterator[None]:
    """Forget, at its end, the operations that a test makes."""
    before = dict(OPERATIONS)
    yield
    OPERATIONS.clear()
    OPERATIONS.update(before)
