"""Adjudication: which of the pooled answers are acceptable, without who or what gave them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from glassnet.humans.bench import Bench
from glassnet.humans.manifest import CAUSES
from glassnet.web.pages import page
from glassnet.web.security import needs, visitor

router = APIRouter(prefix="/adjudicate", dependencies=[Depends(needs("adjudicator"))])
Name = Annotated[str, Field(max_length=300)]


class Judgement(BaseModel):
    """What an adjudicator says of one case."""

    model_config = ConfigDict(extra="forbid")
    case: str = Field(max_length=100)
    acceptable: list[Name] = Field([], max_length=2000)
    causes: dict[Name, list[Annotated[str, Field(max_length=20)]]] = Field({}, max_length=2000)
    label_wrong: bool = False
    note: str = Field("", max_length=500)


async def bench(request: Request) -> Bench:
    """The bench that the adjudicator was invited to, and no other."""
    found: Bench = request.app.state.benches.get(visitor(request).bench)
    return found


Own = Annotated[Bench, Depends(bench)]


@router.get("")
def cases(request: Request, own: Own) -> Response:
    """All cases, in this adjudicator's own order."""
    found = own.cases(str(visitor(request).person)) if own.locked else ()
    return page(request, "adjudicate", title=own.manifest.title, locked=own.locked, cases=found,
                causes=CAUSES, side=own.manifest.display.side)  # fmt: skip


@router.get("/image/{id}")
def image(own: Own, id: str) -> Response:
    """The image of a case."""
    return Response(own.case_image(id), media_type="image/png")


@router.post("/judge")
def judge(request: Request, own: Own, given: Judgement) -> dict[str, Any]:
    """Keep a judgement; the last one of an adjudicator counts."""
    own.adjudicate(str(visitor(request).person), **given.model_dump())
    return {"saved": True}
