"""`glassnet models`: the architectures that are known, and the weights that there are for them."""

from typing import TYPE_CHECKING

import click

from glassnet.cli.console import Answer, answers, percent, say, table

if TYPE_CHECKING:
    from glassnet.data import Preprocessing
    from glassnet.models import Architecture


@click.command()
@click.argument("name", metavar="[MODEL]", required=False)
@answers
def models(name: str | None) -> Answer:
    """List the models, or show one.

    Sizes, where the weights are from, and what those expect to be shown.

    With the name of a model, all that is known of it.

    \b
    Examples:
      glassnet models
      glassnet models efficientnet_lite0
    """
    from glassnet.models import describe, names

    if name is not None:
        return _one(describe(name))
    known = [describe(each) for each in names()]
    table(
        ("model", "what it is", "input", "parameters", "multiply-adds"),
        [
            (m.name, m.summary, _times(m.input), f"{m.parameters:,}", f"{m.multiply_adds:,}")
            for m in known
        ],
        left=2,
    )
    table(
        ("with weights", "from", "that expect", "ImageNet top-1"),
        [
            (m.name, m.weights.source, _expected(m.weights.preprocessing), percent(m.weights.top1))
            for m in known
            if m.weights is not None
        ],
        left=3,
    )
    say(
        "Input is channels x height x width by default; every model fits other sizes and classes. "
        "Multiply-adds are for one image."
    )
    return {"models": [_facts(model) for model in known]}


def _one(model: "Architecture") -> Answer:
    """Say all that is known of one model."""
    lines = [
        ("what it is", model.summary),
        ("described in", model.source),
        ("input", f"{_times(model.input)} (channels x height x width)"),
        ("parameters", f"{model.parameters:,} ({4 * model.parameters / 2**20:,.1f} MiB)"),
        ("multiply-adds", f"{model.multiply_adds:,} for one image"),
        ("options", ", ".join(f"{k}={v!r}" for k, v in model.options.items())),
        *_weight_lines(model),
    ]
    say(model.name)
    for what, text in lines:
        say(f"  {what:<14} {text}")
    say()
    say(f"  layer by layer: glassnet summary {model.name}")
    return _facts(model)


def _weight_lines(model: "Architecture") -> list[tuple[str, str]]:
    weights = model.weights
    if weights is None:
        return [("weights", "none published here; train it")]
    return [
        ("weights", f"{weights.file}, from {weights.source}"),
        ("SHA-256", weights.sha256 + ("" if len(weights.sha256) == 64 else "...")),
        *([("address", weights.url)] if weights.url else []),
        ("ImageNet top-1", f"{percent(weights.top1)} as published"),
        ("expects", str(weights.preprocessing)),
        ("in Python", f"gn.models.{model.make.__name__}(pretrained=True)"),
    ]


def _facts(model: "Architecture") -> Answer:
    weights = model.weights
    return {
        "name": model.name,
        "summary": model.summary,
        "input": list(model.input),
        "parameters": model.parameters,
        "multiply_adds": model.multiply_adds,
        "source": model.source,
        "weights": weights
        and {
            "publisher": weights.publisher,
            "source": weights.source,
            "file": weights.file,
            "sha256": weights.sha256,
            "url": weights.url or None,
            "top1": weights.top1,
            "preprocessing": weights.preprocessing.to_dict(),
        },
    }


def _expected(preprocessing: "Preprocessing") -> str:
    """On one line; `glassnet models NAME` has it in full."""
    from glassnet.models.weights import IMAGENET_MEAN

    side = preprocessing.size[0] if preprocessing.size else "any"
    mean, std = (round(255 * values[0], 1) for values in (preprocessing.mean, preprocessing.std))
    shift = "ImageNet's mean and std"
    if preprocessing.mean != IMAGENET_MEAN:
        shift = f"(x-{mean:g})/{std:g}"
    return f"{side} px, crop {preprocessing.crop:g}, {preprocessing.interpolation}, {shift}"


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
