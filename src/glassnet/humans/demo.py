"""The demo: twenty digits, a newcomer, and a network that never saw them.

The network learns from the 4,000 demo digits that no bench tests anybody on; the twenty are drawn
from the 1,000 others. Both halves are always the same (`data.demo_digits`).
"""

from typing import TYPE_CHECKING

from glassnet.errors import NotFound

if TYPE_CHECKING:
    from glassnet.humans.benches import Benches
    from glassnet.humans.service import Bench
    from glassnet.train import Run

NAME = "demo-digits"
IMAGES = 20
MODEL = "glassnet, trained on 4,000 other digits"
EPOCHS = 4
CONSENT = """\
This is a demo: you will see twenty handwritten digits. Your answers stay on this computer, and \
you can erase them at the end."""


def demo(benches: "Benches") -> "Bench":
    """The demo's bench, made and given its network at the first call."""
    from glassnet.errors import Conflict

    try:
        bench = benches.get(NAME)
    except NotFound:
        changes = {
            "title": "Which digit is it?",
            "open": True,
            "reveal": "session",
            "display": {"side": 224, "interpolation": "bicubic"},
            "exclusion": {"seen_before": False, "min_completed": 1.0},
        }
        try:
            bench = benches.create(NAME, "digits", images=IMAGES, consent=CONSENT, changes=changes)
        except Conflict:  # another process was faster
            bench = benches.get(NAME)
    if MODEL not in bench.models():
        from glassnet.humans import rivals

        rivals.keep(bench, MODEL, rivals.of_run(bench, train(), "trained for this demo", None))
    return bench


def train(epochs: int = EPOCHS) -> "Run":
    """A small convolutional network on the digits that the demo does not ask about."""
    import glassnet
    from glassnet import data, models, optim
    from glassnet.train import fit

    learned, _held_out = data.demo_digits()
    glassnet.manual_seed(0)
    net = models.build("digits")
    return fit(
        net,
        learned,
        optimizer=optim.AdamW(net.parameters(), lr=1e-2),
        schedule="one-cycle",
        epochs=epochs,
        seed=0,
        augment=data.Shift(2),
        progress=False,
    )
