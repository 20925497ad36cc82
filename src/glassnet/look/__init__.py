"""Looking at what was trained: the report, one HTML file that opens anywhere.

Here live pages, charts and pictures made from a run. What they show is measured elsewhere
(`train.metrics`), and nothing here trains or changes a network.
"""

from glassnet.look.report import report

__all__ = ["report"]
