"""The service layer of the human bench: what web pages and the command line call. No HTTP here.

`Benches` is one database with its data folder; `Bench` is one frozen protocol in it; `Session` is
one participant at work.
"""

from glassnet.humans.benches import Benches
from glassnet.humans.invitations import Invitation
from glassnet.humans.judging import Case
from glassnet.humans.service import Bench
from glassnet.humans.session import Session
from glassnet.humans.views import Feedback, Receipt, Revealed, TrialView

__all__ = [
    "Bench",
    "Benches",
    "Case",
    "Feedback",
    "Invitation",
    "Receipt",
    "Revealed",
    "Session",
    "TrialView",
]
