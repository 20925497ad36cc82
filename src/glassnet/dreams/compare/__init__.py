"""Does unsupervised learning pay? Ways to learn from few labels, side by side, at equal cost.

Here live the arms (a short file each, in `arms/`), the grid of what is compared, its results on
disk, and what they show: intervals, crossing points, a plot. No learning method lives here: arms
take these from `dreams/`, `nn/` and `train/`.
"""

from glassnet.dreams.compare.arm import ARMS, BASELINE, Arm, arm
from glassnet.dreams.compare.clock import Clock
from glassnet.dreams.compare.grid import Digits, Plan
from glassnet.dreams.compare.store import Store
from glassnet.dreams.compare.summary import Crossing, Point, crossing, points
from glassnet.dreams.compare.work import run

__all__ = [
    "ARMS", "BASELINE", "Arm", "Clock", "Crossing", "Digits", "Plan", "Point", "Store", "arm",
    "crossing", "points", "run",
]  # fmt: skip
