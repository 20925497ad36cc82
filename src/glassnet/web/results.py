"""After the lock: one's own answers beside the truth and the networks', and why some were wrong."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from glassnet.errors import GlassnetError
from glassnet.humans.bench import Revealed, Session
from glassnet.humans.manifest import CAUSES
from glassnet.look.wording import count
from glassnet.web.pages import page
from glassnet.web.security import needs
from glassnet.web.work import participant

router = APIRouter(prefix="/answers", dependencies=[Depends(needs("participant"))])
Participant = Annotated[Session, Depends(participant)]


class Tag(BaseModel):
    """Why one answer was wrong."""

    model_config = ConfigDict(extra="forbid")
    trial: int = Field(ge=0)
    causes: list[Annotated[str, Field(max_length=20)]] = Field(max_length=len(CAUSES))
    note: str = Field("", max_length=500)


@router.get("")
def answers(request: Request, session: Participant) -> Response:
    """Every trial of one's own, the wrong ones first to be seen."""
    shown = session.reveal()
    names = list(shown[0].models) if shown else []
    return page(
        request,
        "answers",
        title=session.bench.manifest.title,
        demo=session.bench.manifest.open,
        trials=shown,
        causes=CAUSES,
        scores=scores(shown, names),
        verdicts=[verdict(shown, name) for name in names],
        seconds=session.progress()["seconds"],
    )


@router.post("/tag")
def tag(session: Participant, given: Tag) -> dict[str, Any]:
    """Keep a tag."""
    session.tag(given.trial, given.causes, given.note)
    return {"saved": True}


def scores(shown: Sequence[Revealed], models: Sequence[str]) -> list[dict[str, Any]]:
    """Errors of oneself and each model on the same images, with Wilson's 95 % interval."""
    right = {"You": [trial.right for trial in shown]}
    right |= {name: [trial.models_right.get(name, False) for trial in shown] for name in models}
    return [_score(name, marks) for name, marks in right.items()]


def verdict(shown: Sequence[Revealed], model: str) -> str:
    """Who erred less often, and whether so few images can show it (exact McNemar, two-sided)."""
    from glassnet.humans.statistics.paired import discordant, mcnemar

    own = np.array([not trial.right for trial in shown], float)
    theirs = np.array([not trial.models_right.get(model, False) for trial in shown], float)
    p = mcnemar(discordant(theirs, own))
    apart = int((own != theirs).sum())
    if not apart:
        return f"You and “{model}” were right and wrong on the same images; nothing parts you."
    order = ("less often than", "more often than", "as often as")
    less = order[0 if own.sum() < theirs.sum() else 1 if own.sum() > theirs.sum() else 2]
    chance = "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
    told = f"You erred {less} “{model}”; you differ on {count(apart, 'image')}"
    if p < 0.05:
        return f"{told}, more than chance explains (exact McNemar test, {chance})."
    few = f"too few of {len(shown):,} to tell you apart"
    return f"{told}, {few} (exact McNemar test, {chance})."


def _score(name: str, right: Sequence[bool]) -> dict[str, Any]:
    from glassnet.humans.statistics.intervals import wilson

    errors, n = len(right) - sum(right), len(right)
    if n == 0:
        raise GlassnetError("there is no answer to compare yet")
    low, high = wilson(errors, n)
    return {"name": name, "errors": errors, "n": n, "error": errors / n, "low": low, "high": high}
