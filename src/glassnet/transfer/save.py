"""A probe as a run: the folder that `gn.load`, `glassnet predict`, `report` and `export` read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glassnet import get_num_threads, nn
from glassnet.train import Run, history, recipe
from glassnet.train.checkpoint import BEST, HISTORY, LAST, Checkpoint, versions
from glassnet.transfer.learn import Learned

ATTRIBUTES = "attributes"  # the outputs are yes/no answers of their own, not one choice


def save_probe(
    learned: Learned, folder: Path, seconds: float, about: Mapping[str, Any] | None = None
) -> Run:
    """Write the run of a probe and give it.

    seconds  that all of it took; about what else goes into `run.config`, {"command": text} say
    """
    net = learned.network()
    net.eval()
    run = Run(
        net=net,
        classes=learned.examples.outputs,
        preprocessing=learned.source.preprocessing,
        config=_config(learned, net, seconds, about or {}),
        history=[],
        best=None,
        stopped="finished",
        epoch=0,
        path=folder,
    )
    saved = Checkpoint(
        config=run.config,
        classes=run.classes,
        preprocessing=run.preprocessing.to_dict(),
        architecture=nn.architecture(net),
        net=net.state_dict(),
        optimizer={"state": {}, "param_groups": []},
        average=None,
        schedule=None,
        progress={"step": 1},
        recipe={"probe": True, "early_stopping": None},
        history=run.history,
        best=run.best,
        stopped=run.stopped,
    )
    (folder / BEST).unlink(missing_ok=True)
    saved.save(folder / LAST)
    history.write(folder / HISTORY, run.history)
    return run


def _config(
    learned: Learned, net: nn.Module, seconds: float, about: Mapping[str, Any]
) -> dict[str, Any]:
    """What a person wants to know of how it was made, as in runs of `fit`."""
    examples, probe = learned.examples, learned.probe
    held = int(examples.held_out.sum())
    loss = "binary_cross_entropy_with_logits" if examples.kind == ATTRIBUTES else "cross_entropy"
    own = {
        "model": learned.source.name,
        "command": None,
        "task": examples.kind,
        "probe": {
            "layer": str(learned.chosen.layer),
            "strength": probe.strength,
            "balanced": probe.balanced,
        },
        "split": examples.split,
        "dataset": {
            "name": examples.root.resolve().name,
            "train_size": len(examples) - held,
            "validation_size": held,
        },
        "optimizer": {"name": "L-BFGS on a linear layer", "strength": probe.strength},
        "loss": loss,
        "augment": None,
        "schedule": None,
        "batch_size": None,
        "seconds": seconds,
        "seed": 0,
        "threads": get_num_threads(),
        "parameters": net.num_parameters(),
        "versions": versions(),
    }
    config: dict[str, Any] = own | recipe.plain(dict(about))
    return config
