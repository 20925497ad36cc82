"""`glassnet humans create`, `invite`, `add-model`: what a bench is made of."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from glassnet.cli.console import Answer, answers, say
from glassnet.cli.humans.common import opened, places


@click.command()
@click.argument("source")
@click.option("--name", help="Of the bench; by default from SOURCE.")
@click.option("--protocol", default="cifar10-2011", show_default=True, help="A preset.")
@click.option("--images", type=click.IntRange(1), help="Test images; by default the preset's.")
@click.option("--exemplars", type=click.IntRange(0), help="Examples a class.")
@click.option("--training", type=click.IntRange(0), help="Images to practise on, with answers.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--hierarchy", type=click.Path(exists=True), help="JSON: where classes hang.")
@click.option("--consent", type=click.File(), help="A text file: the words people agree to.")
@click.option("--confidence", is_flag=True, help="Ask how sure people are.")
@places
@answers
def create(
    source: str,
    name: str | None,
    protocol: str,
    hierarchy: str | None,
    consent: Any,
    confidence: bool,
    database: str | None,
    data: str | None,
    **sizes: Any,
) -> Answer:
    """Make a bench of SOURCE and freeze it.

    SOURCE is a folder with one folder of images a class, a CSV file of paths and labels, the folder
    of a run (its test set), or one of cifar10 and digits. Protocols: cifar10-2011, imagenet-top5,
    forced-choice, multi-label, digits.

    \b
    Examples:
      glassnet humans create pets/ --protocol imagenet-top5 --images 400 --exemplars 13
      glassnet humans create cifar10 --name cifar --images 400
      glassnet humans create runs/pets --name pets --consent consent.txt
    """
    with opened(database, data) as benches:
        bench = benches.create(
            name or Path(source).resolve().stem,
            source,
            protocol,
            hierarchy=Path(hierarchy) if hierarchy else None,
            consent=consent.read() if consent else None,
            changes={"confidence": True} if confidence else None,
            **sizes,
        )
        manifest, status = bench.manifest, bench.status()
    say(f"{manifest.name}: {status['images']:,} test images of {len(manifest.classes):,} classes")
    say(f"protocol {manifest.protocol}, frozen as {manifest.digest}")
    say(f"next: glassnet serve, and glassnet humans invite {manifest.name} --people 5")
    return {
        "bench": manifest.name,
        "protocol": manifest.protocol,
        "images": status["images"],
        "classes": len(manifest.classes),
        "digest": manifest.digest,
    }


@click.command()
@click.argument("bench")
@click.option("--people", type=click.IntRange(1, 500), default=1, show_default=True)
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True)
@click.option("--adjudicators", is_flag=True, help="To adjudicate, instead of taking part.")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Of the server.")
@places
@answers
def invite(
    bench: str,
    people: int,
    days: int,
    adjudicators: bool,
    url: str,
    database: str | None,
    data: str | None,
) -> Answer:
    """Make links, each for one person.

    A link works once and expires. It is shown here and nowhere again: only its hash is kept.

    \b
    Examples:
      glassnet humans invite pets --people 5
      glassnet humans invite pets --adjudicators --people 2 --url https://lab.example.org
    """
    with opened(database, data) as benches:
        role: Any = "adjudicator" if adjudicators else "participant"
        tokens = benches.get(bench).invite(people, timedelta(days=days), role)
    links = [f"{url.rstrip('/')}/join/{token}" for token in tokens]
    for link in links:
        say(link)
    return {"bench": bench, "links": links, "days": days}


@click.command("add-model")
@click.argument("bench")
@click.argument("source")
@click.option("--name", help="Of the model; by default from SOURCE.")
@click.option("--date", metavar="YYYY[-MM[-DD]]", help="When it was published.")
@places
@answers
def add_model(
    bench: str,
    source: str,
    name: str | None,
    date: str | None,
    database: str | None,
    data: str | None,
) -> Answer:
    """Put a network beside the people.

    SOURCE is the folder of a run, which is shown the bench's images, or a CSV, JSON or NPY file of
    answers.

    \b
    Examples:
      glassnet humans add-model pets runs/pets
      glassnet humans add-model pets googlenet.csv --date 2014-09
    """
    name = name or Path(source).resolve().stem
    with opened(database, data) as benches:
        model = benches.get(bench).add_model(name, source, date)
    say(f"{name}: {len(model.answers):,} answers")
    return {"bench": bench, "model": name, "answers": len(model.answers)}
