"""`glassnet transfer`: a pretrained network put to a folder of one's own."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glassnet.cli.console import Answer, answers, percent, say, table, tell, threads
from glassnet.cli.features import MODEL, tell_computed, tell_unreadable
from glassnet.cli.invocation import command_line, free_folder
from glassnet.errors import DataError, GlassnetError

if TYPE_CHECKING:
    from glassnet.transfer import Examples, Learned

Options = dict[str, Any]
TWICE = 5  # pairs that are named
WORST = 20  # classes that are listed


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--model",
    default=MODEL,
    show_default=True,
    metavar="MODEL|RUN",
    help="A pretrained model (`glassnet models` lists them), or a run of yours.",
)
@click.option(
    "--layer",
    "layers",
    multiple=True,
    help="Whose output is learned from, as in `glassnet features`; of several, and if "
    "none is given of two, cross-validation chooses.",
)
@click.option(
    "--out",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="The run's folder; runs/FOLDER-MODEL if not given.",
)
@click.option(
    "--validation-fraction",
    "fraction",
    default=0.2,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share held out of a FOLDER without train/ and val/.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--clips", is_flag=True, help="A folder of frames is one example, CLASS/CLIP/*.jpg.")
@click.option(
    "--attributes",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="CSV",
    help="Several yes/no answers an image: columns file, NAME, NAME ...",
)
@click.option("--curve", is_flag=True, help="How good with 1, 2, 5, 10, ... examples a class.")
@click.option("--control", is_flag=True, help="Train a small network from scratch beside it.")
@click.option(
    "--finetune",
    type=click.IntRange(1),
    metavar="N",
    help="Let the N layers or blocks below the head learn on.",
)
@click.option(
    "--epochs", type=click.IntRange(1), default=10, show_default=True, help="Of --finetune."
)
@click.option(
    "--lr",
    type=click.FloatRange(0, min_open=True),
    default=1e-3,
    show_default=True,
    help="Of --finetune: the head's; 0.7 of it for each layer further down.",
)
@click.option(
    "--augment",
    default="flip,shift=8",
    show_default=True,
    help="Of --finetune, as in `glassnet train`.",
)
@click.option(
    "--threads",
    "count",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default="all cores",
)
@click.pass_context
@answers
def transfer(context: click.Context, folder: Path, count: int, **options: Any) -> Answer:
    """Learn the classes of FOLDER from features.

    FOLDER has one folder of images a class, and may have them twice, in train/ and val/; else a
    share of every class is held out. The features are those of a pretrained network, standardised;
    a logistic regression learns from them, its L2 penalty chosen by cross-validation. What comes
    of it is a run with its report. Features are kept: a second call takes seconds.

    \b
    Examples:
      glassnet transfer photos/
      glassnet transfer photos/ --finetune 3 --out runs/photos
      glassnet transfer photos/ --curve --control --json
      glassnet transfer actions/ --clips
      glassnet transfer places/ --attributes labels.csv
    """
    return _transfer(folder, options, command_line(context, "folder"), count)


def _transfer(folder: Path, options: Options, command: str, count: int) -> Answer:
    from glassnet import transfer as library

    start = time.monotonic()
    examples = _examples(folder, options)
    source = library.source(options["model"])
    layers = [library.Layer.parse(text) for text in options["layers"]]
    out = options["out"] or free_folder(str(folder), source.name.strip("/").replace("/", "-"))
    if (out / "last.safetensors").exists():
        raise GlassnetError(f"{out} holds a run already; choose another --out")
    held = int(examples.held_out.sum())
    say(
        f"data: {folder}, {len(examples) - held:,} to learn from and {held:,} held out, "
        f"{len(examples.outputs)} {'attributes' if examples.kind == 'attributes' else 'classes'}"
    )
    say(f"split: {examples.split}")
    began = time.monotonic()
    with threads(count):
        found = library.extract(
            source, folder, examples.files, layers or library.candidates(source.net)
        )
    tell_computed(found.computed, len(found.files), time.monotonic() - began)
    tell_unreadable(found.unreadable)
    learned = library.fit_layers(source, examples, found, options["seed"])
    answer = _tell_probe(learned) | _tell_twice(learned) | _judge(learned)
    if options["curve"]:
        answer |= _curve(learned, options["seed"])
    if options["control"]:
        answer |= _control(folder, options, out)
    about = {"command": command, "seed": options["seed"]}
    if examples.kind == "classes":
        about["source"] = {
            "data": str(folder),
            "size": None,
            "fraction": options["fraction"],
            "seed": options["seed"],
        }
    with threads(count):
        answer |= _save(learned, out, about, options, start)
    seconds = time.monotonic() - start
    say(f"run: {out}   ({seconds:.0f} s)")
    return answer | {"run": str(out), "seconds": seconds}


def _examples(folder: Path, options: Options) -> "Examples":
    from glassnet import transfer as library

    fraction, seed = options["fraction"], options["seed"]
    if options["clips"] and options["attributes"]:
        raise click.UsageError("--clips and --attributes do not go together.")
    special = "--clips" if options["clips"] else "--attributes"
    for option in ("finetune", "control"):
        if options[option] and (options["clips"] or options["attributes"]):
            raise click.UsageError(f"--{option} is for folders of classes, not for {special}.")
    if options["attributes"]:
        return library.attributes(folder, options["attributes"], fraction, seed)
    return (library.clips if options["clips"] else library.classes)(folder, fraction, seed)


def _tell_probe(learned: "Learned") -> Answer:
    """Which features were chosen, with which penalty."""
    probe = learned.probe
    for layer, tried, loss in learned.tried:
        if loss is not None and len(learned.tried) > 1:
            accuracy = f", accuracy {percent(tried.accuracy)}" if tried.accuracy is not None else ""
            say(f"  layer {layer}: loss {loss:.3f}{accuracy} in cross-validation")
    weighted = ", every class counts the same" if probe.balanced else ""
    say(
        f"probe: layer {learned.chosen.layer}, {learned.features.shape[1]:,} features, "
        f"standardised; L2 penalty {probe.strength:.3g} by cross-validation{weighted}"
    )
    return {
        "layer": str(learned.chosen.layer),
        "features": learned.features.shape[1],
        "penalty": probe.strength,
        "balanced": probe.balanced,
        "cross_validation": [
            {"layer": str(layer), "loss": loss, "accuracy": tried.accuracy}
            for layer, tried, loss in learned.tried
        ],
        "split": learned.examples.split,
        "train": int((~learned.examples.held_out).sum()),
        "held_out": int(learned.examples.held_out.sum()),
        "computed": learned.computed,
        "unreadable": learned.unreadable,
    }


def _tell_twice(learned: "Learned") -> Answer:
    """Pictures that are on both sides of the split."""
    twice = learned.twice
    if twice:
        judged = len({pair.judged for pair in twice})
        say(
            f"duplicates: {judged:,} of the held-out are also among those learned from, or look "
            f"the same, so the accuracy is too high; keep one of each:"
        )
        for pair in twice[:TWICE]:
            say(f"  {pair.judged} {'is' if pair.exact else 'looks like'} {pair.learned}")
        if len(twice) > TWICE:
            say(f"  and {len(twice) - TWICE:,} more pairs (all with --json)")
    else:
        say("duplicates: none across the split, neither exact nor near")
    pairs = [{"learned": p.learned, "judged": p.judged, "exact": p.exact} for p in twice]
    return {"duplicates": pairs}


def _judge(learned: "Learned") -> Answer:
    """How good the probe is on what was held out."""
    if not learned.examples.held_out.any():
        raise DataError("no example is held out, so there is nothing to judge on")
    if learned.examples.kind == "attributes":
        return _judge_attributes(learned)
    judged, precisions = learned.evaluate(), learned.average_precisions
    rows = sorted(
        zip(judged.per_class, precisions, strict=True),
        key=lambda row: row[0].correct / (row[0].n or 1),
    )
    table(
        ("class", "held out", "right", "accuracy", "95 % interval", "average precision"),
        [
            (c.name, f"{c.n:,}", f"{c.correct:,}", percent(c.correct / c.n) if c.n else "-",
             f"{percent(c.low)} to {percent(c.high)}", f"{ap:.3f}")
            for c, ap in rows[:WORST]
        ],
        title="" if len(rows) <= WORST else f"The {WORST} worst of {len(rows)} classes",
    )  # fmt: skip
    answer = tell(judged)
    mean = _mean(precisions)
    say(f"mean average precision: {mean:.3f}")
    answer |= {
        "mean_average_precision": mean,
        "per_class": [
            {"class": c.name, "held_out": c.n, "correct": c.correct, "interval": [c.low, c.high],
             "average_precision": _number(ap)}
            for c, ap in zip(judged.per_class, precisions, strict=True)
        ],
    }  # fmt: skip
    return answer | _without_twice(learned)


def _without_twice(learned: "Learned") -> Answer:
    """The accuracy on those held-out examples that are not among the ones learned from."""
    from glassnet.train import wilson

    if not learned.twice:
        return {}
    names = [n for n, held in zip(learned.examples.names, learned.examples.held_out, strict=True)
             if held]  # fmt: skip
    seen = {pair.judged for pair in learned.twice}
    judged = learned.evaluate()
    right = [bool(a) for n, a in zip(names, judged.predictions == judged.labels, strict=True)
             if n not in seen]  # fmt: skip
    if not right:
        return {"accuracy_without_duplicates": None}
    low, high = wilson(sum(right), len(right))
    share = sum(right) / len(right)
    say(f"without the duplicates: {share:.3f} ({len(right):,} images, 95 % interval "
        f"{percent(low)} to {percent(high)})")  # fmt: skip
    return {"accuracy_without_duplicates": share}


def _judge_attributes(learned: "Learned") -> Answer:
    from glassnet.train import wilson

    scores = learned.attributes()
    table(
        ("attribute", "known", "yes", "accuracy", "95 % interval", "average precision"),
        [
            (s.name, f"{s.known:,}", f"{s.yes:,}", percent(s.correct / s.known) if s.known else "-",
             " to ".join(map(percent, wilson(s.correct, s.known))), f"{s.average_precision:.3f}")
            for s in scores
        ],
    )  # fmt: skip
    known, right = sum(s.known for s in scores), sum(s.correct for s in scores)
    mean = _mean([s.average_precision for s in scores])
    say(f"held-out accuracy: {right / max(known, 1):.3f} of {known:,} answers")
    say(f"mean average precision: {mean:.3f}")
    return {
        "accuracy": right / max(known, 1),
        "mean_average_precision": mean,
        "attributes": [
            {"attribute": s.name, "known": s.known, "yes": s.yes,
             "accuracy": s.correct / s.known if s.known else None,
             "interval": list(wilson(s.correct, s.known)),
             "average_precision": _number(s.average_precision)}
            for s in scores
        ],
    }  # fmt: skip


def _curve(learned: "Learned", seed: int) -> Answer:
    from glassnet.transfer import learning_curve

    say("learning curve, held-out accuracy with so many examples a class:")
    points = []
    for point in learning_curve(learned, seed=seed):
        low, high = point.spread
        draws = len(point.accuracies)
        spread = f"   ({percent(low)} to {percent(high)} in {draws} draws)" if draws > 1 else ""
        say(f"  {point.each:>6,}  {percent(point.mean)}{spread}")
        points.append({"each": point.each, "accuracies": point.accuracies})
    return {"curve": points}


def _control(folder: Path, options: Options, out: Path) -> Answer:
    """What the same images give without pretraining."""
    import glassnet
    from glassnet import data, models, optim
    from glassnet.cli.recipe import augmentation
    from glassnet.cli.sources import FOLDER, SIZE
    from glassnet.train import fit

    learn, held = data.folder(
        folder, SIZE, fraction=options["fraction"], seed=options["seed"], skip_unreadable=True
    )
    glassnet.manual_seed(options["seed"])
    net = models.build(FOLDER["model"], classes=len(learn.classes), size=SIZE)
    what = f"{FOLDER['model']} from scratch, {SIZE} x {SIZE} pixels, {FOLDER['epochs']} epochs"
    say(f"control: {what}")
    trained = fit(
        net, learn, held, optim.AdamW(net.parameters(), lr=FOLDER["lr"]),
        schedule=FOLDER["schedule"], epochs=FOLDER["epochs"], batch_size=FOLDER["batch_size"],
        seed=options["seed"], augment=augmentation(FOLDER["augment"]), out=out / "control",
        progress=False, about={"model": FOLDER["model"]},
    )  # fmt: skip
    judged = trained.evaluate(held)
    low, high = judged.interval
    say(f"control: {judged.accuracy:.3f} (95 % interval {percent(low)} to {percent(high)})")
    return {"control": {"accuracy": judged.accuracy, "interval": [low, high],
                        "run": str(out / "control")}}  # fmt: skip


def _save(learned: "Learned", out: Path, about: Options, options: Options, start: float) -> Answer:
    """Write the run and its report; fine-tune first where that was asked for."""
    from glassnet import transfer as library
    from glassnet.cli.recipe import augmentation
    from glassnet.look import report

    if options["finetune"]:
        say(f"fine-tuning: {options['finetune']} units below the head, {options['epochs']} epochs")
        run, held = library.fine_tune(
            learned, options["finetune"], epochs=options["epochs"], lr=options["lr"],
            seed=options["seed"], augment=augmentation(options["augment"]), out=out, about=about,
        )  # fmt: skip
        judged = run.evaluate(held)
        page = report(run, held, evaluation=judged)
        say("fine-tuned:")
        return {"probe": learned.evaluate().accuracy} | tell(judged) | {"report": str(page)}
    run = library.save_probe(learned, out, time.monotonic() - start, about)
    if learned.examples.kind == "attributes":
        return {}
    page = report(run, library.images(learned, held_out=True), evaluation=learned.evaluate())
    say(f"report: {page}")
    return {"report": str(page)}


def _mean(values: list[float]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")


def _number(value: float) -> float | None:
    return value if value == value else None
