"""The one training that the web app may have under way.

It is a process of its own, `glassnet dream train`: pages stay quick meanwhile, and stopping it is
certain. What it leaves in its folder is all that the pages read, so they show one that was started
elsewhere just as well.
"""

import os
import subprocess
import sys
import tempfile
import threading
from itertools import count
from pathlib import Path

from glassnet.errors import Conflict

PATIENCE = 10  # seconds that a training has to end by itself
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Nursery:
    """At most one machine growing in a folder of runs."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.problem = ""  # what the last training said when it failed
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._name = ""

    def start(self, *words: object) -> str:
        """Start `glassnet dream train` with these options; gives its folder's name.

        Raises Conflict while one is under way.
        """
        with self._lock:
            if self._running():
                raise Conflict(f"the machine '{self._name}' is still growing; stop it first")
            self._name, self.problem = self._free_name(), ""
            self._said = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
            command = [sys.executable, "-m", "glassnet", "dream", "train", "--out",
                       self.runs / self._name, *words]  # fmt: skip
            self._process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                env=os.environ | ONE_THREAD,
                text=True,
            )
            return self._name

    def stop(self) -> None:
        """End the training, if there is one; its last whole epoch is kept."""
        with self._lock:
            if self._process is None or not self._running():
                return
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._end(stopped=True)

    def growing(self) -> str | None:
        """The name of what grows at this moment."""
        with self._lock:
            return self._name if self._running() else None

    def _running(self) -> bool:
        if self._process is None:
            return False
        if self._process.poll() is None:
            return True
        self._end()
        return False

    def _end(self, stopped: bool = False) -> None:
        assert self._process is not None
        with self._said:
            self._said.seek(0)
            if self._process.returncode and not stopped:
                self.problem = self._said.read().strip()[-2000:] or "The training failed."
        self._process = None

    def _free_name(self) -> str:
        names = ("dream" if i == 1 else f"dream-{i}" for i in count(1))
        return next(name for name in names if not (self.runs / name).exists())
