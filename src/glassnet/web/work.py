"""The pages people work in: consent, training, test, and the end of it.

`/work` shows the page of where the participant stands; the page of the trials talks to the JSON
routes below. Nothing that passes here before the lock tells the truth of a test image.
"""

import asyncio
import string
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field, Json

from glassnet.humans.bench import Session, TrialView
from glassnet.humans.manifest import Manifest
from glassnet.web.pages import page
from glassnet.web.sections import sections
from glassnet.web.security import needs, visitor

router = APIRouter(prefix="/work", dependencies=[Depends(needs("participant"))])

FEW = 36  # classes with a key each: ten digits and 26 letters
PROMPTS = {"one": "Your answer", "ranked": "Your guesses, the best first", "all": "All that apply"}
SEEN = {"yes": True, "no": False, "unsure": None}


class Event(BaseModel):
    """Something that happened during a trial, `ms` after the image was seen."""

    model_config = ConfigDict(extra="forbid")
    kind: str = Field(max_length=20)
    ms: float = Field(ge=-1e9, le=1e9)


class Answer(BaseModel):
    """What the page sends for one trial."""

    model_config = ConfigDict(extra="forbid")
    trial: int = Field(ge=0)
    token: str = Field(max_length=200)
    revision: int = Field(ge=0)
    answers: list[Annotated[str, Field(max_length=300)]] = Field(max_length=2000)
    client_ms: float = Field(ge=0, le=1e9)
    confidence: float | None = Field(None, ge=0, le=1)
    wrong_label: str | None = Field(None, max_length=500)
    events: list[Event] = Field([], max_length=50)


class Screen(BaseModel):
    """What the page is seen on; sizes in CSS pixels."""

    screen: tuple[int, int]
    window: tuple[int, int]
    ratio: float
    touch: bool


async def participant(request: Request) -> Session:
    """The session that belongs to the browser, and no other; looked up once, then known."""
    who = visitor(request)
    found: Session = request.app.state.benches.get(who.bench).session(who.person)
    return found


Participant = Annotated[Session, Depends(participant)]


@router.get("")
def work(request: Request, session: Participant) -> Response:
    """The page of where this participant stands."""
    manifest, state = session.bench.manifest, session.state
    values: dict[str, Any] = {"title": manifest.title}
    if state == "consent":
        values |= {"consent": manifest.consent, "facts": facts(manifest)}
        return page(request, "consent", **values)
    if state in ("training", "test"):
        values |= {"few": len(manifest.classes) <= FEW, "ranked": manifest.choice == "ranked"}
        return page(request, "work", prompt=PROMPTS[manifest.choice], **values)
    values |= {"state": state, "progress": session.progress(), "undo": manifest.undo}
    return page(request, "end", revealed=_revealed(session), **values)


@router.post("/consent")
def consent(
    request: Request,
    session: Participant,
    agree: Annotated[str, Form(max_length=3)],
    seen: Annotated[str, Form(max_length=6)],
    screen: Annotated[Json[Screen] | None, Form()] = None,
) -> Response:
    """Consent given; the training or the test begins."""
    about: dict[str, Any] = {}
    if screen is not None:
        window = "x".join(map(str, screen.window))
        about = {"window": window, "pixel_ratio": screen.ratio, "touch": screen.touch}
    session.consent(
        agree == "yes",
        seen_before=SEEN.get(seen),
        browser=request.headers.get("user-agent", "")[:500],
        screen=None if screen is None else screen.screen,
        about=about,
    )
    return RedirectResponse("/work", 303)


@router.get("/panel")
def panel(session: Participant) -> dict[str, Any]:
    """What stays the same from trial to trial: classes, their examples and keys, times, sizes."""
    manifest = session.bench.manifest
    names = manifest.class_names
    few = len(names) <= FEW
    return {
        "few": few,
        "limit": None if manifest.choice == "all" else manifest.guesses,
        "ranked": manifest.choice == "ranked",
        "confidence": manifest.confidence,
        "display": {"side": manifest.display.side, "example": manifest.display.exemplar_side},
        "classes": [
            {"name": c.name, "also": c.about, "key": key, **_examples(session, i)}
            for i, (c, key) in enumerate(zip(manifest.classes, keys(names), strict=True))
        ],
        "sections": [asdict(s) for s in sections([c.path for c in manifest.classes])],
    }


@router.get("/turn")
def turn(session: Participant) -> dict[str, Any]:
    """What to do now; asking counts as one showing of the trial."""
    if session.state not in ("training", "test"):
        return told(None)
    return {"paused": True} if session.paused else told(session.current())


@router.get("/image/{id}")
async def image(session: Participant, id: str) -> Response:
    """An image under its random id: of this trial or the next, never stored by the browser.

    It lies in memory, so that no thread is needed.
    """
    return Response(session.image(id), media_type="image/png")


@router.get("/examples/{index}")
def examples(session: Participant, index: int) -> Response:
    """The examples of one class side by side; none of them is a test image."""
    headers = {"cache-control": "private, max-age=86400"}
    return Response(session.bench.strip(index), media_type="image/webp", headers=headers)


@router.post("/answer")
async def answer(session: Participant, given: Answer) -> dict[str, Any]:
    """Store an answer; what comes next is told when it is on the disk."""
    stored = session.answer_soon(
        given.trial,
        given.token,
        given.revision,
        given.answers,
        given.client_ms,
        given.confidence,
        [event.model_dump() for event in given.events],
        given.wrong_label,
    )
    receipt = await asyncio.wrap_future(stored)
    feedback = None if receipt.feedback is None else asdict(receipt.feedback)
    return {"hash": receipt.hash, "feedback": feedback, "turn": told(receipt.next)}


@router.post("/undo")
def undo(session: Participant) -> dict[str, Any]:
    """Back to the trial before."""
    return told(session.undo())


@router.post("/pause")
def pause(session: Participant) -> dict[str, Any]:
    """The clock stands."""
    session.pause()
    return {"paused": True}


@router.post("/resume")
def resume(session: Participant) -> dict[str, Any]:
    """On, with the same trial."""
    return told(session.resume())


@router.post("/back")
def back(session: Participant) -> Response:
    """From the end back to the last trial."""
    session.undo()
    return RedirectResponse("/work", 303)


@router.post("/hand-in")
def hand_in(session: Participant) -> Response:
    """The test is over for this participant."""
    session.lock()
    return RedirectResponse("/work", 303)


@router.post("/withdraw")
def withdraw(session: Participant) -> Response:
    """Erase what this participant answered."""
    session.withdraw()
    return RedirectResponse("/work", 303)


def told(view: TrialView | None) -> dict[str, Any]:
    """A trial as the page gets it."""
    return {"paused": False, "trial": None if view is None else asdict(view)}


def keys(names: Sequence[str]) -> list[str]:
    """The key of each class: its own sign where all have one, else 1 to 9, 0, then letters.

    >>> keys(["cat", "dog"])
    ['1', '2']
    >>> keys(["0", "1"])
    ['0', '1']
    """
    own = [name.lower() for name in names]
    if all(len(name) == 1 and name.isalnum() for name in own) and len(set(own)) == len(own):
        return own
    row = [*"1234567890", *string.ascii_lowercase]
    return row[: len(names)] if len(names) <= FEW else [""] * len(names)


def facts(manifest: Manifest) -> list[tuple[str, str]]:
    """What a participant is told beforehand about the length and manner of the test."""
    count = {kind: len(manifest.of_kind(kind)) for kind in ("training", "test", "check")}
    told = [("Images", f"{count['test'] + count['check']:,}")]
    if count["training"]:
        told.insert(0, ("To practise on, with the answers", f"{count['training']:,}"))
    told.append(("Classes", f"{len(manifest.classes):,}"))
    if manifest.choice == "ranked":
        told.append(("Guesses for each image", f"up to {manifest.guesses}"))
    if manifest.timing.exposure_ms:
        told.append(("Each image is seen for", f"{manifest.timing.exposure_ms / 1000:g} s"))
    if manifest.timing.deadline_ms:
        told.append(("Time for an answer", f"{manifest.timing.deadline_ms / 1000:g} s"))
    return told


def _examples(session: Session, index: int) -> dict[str, Any]:
    count = session.bench.exemplar_count(index)
    return {"examples": count, "sheet": f"/work/examples/{index}" if count else None}


def _revealed(session: Session) -> bool:
    """Whether this participant may see the truth by now."""
    own = session.bench.manifest.reveal == "session" and session.state == "locked"
    return session.bench.locked or own
