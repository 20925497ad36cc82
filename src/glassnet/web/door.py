"""How one gets in: the start page, an owner's token, an invitation, the demo."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from glassnet.humans.bench import Bench, Benches
from glassnet.web.pages import page
from glassnet.web.security import remember, visitor
from glassnet.web.visitors import Role

router = APIRouter()
USED = (
    "This invitation was used already, or has expired. On the device that used it, open the start "
    "page to go on; otherwise ask for a new one."
)
UNKNOWN = "This invitation is not known here. Ask for a new one."
HOME: dict[Role | None, str] = {
    "owner": "/benches", "participant": "/work", "adjudicator": "/adjudicate",
}  # fmt: skip


@router.get("/")
def home(request: Request) -> Response:
    """The page that fits who comes."""
    role = visitor(request).role
    if request.app.state.settings.demo and not _at_work(request):
        return welcome(request)
    return RedirectResponse(HOME.get(role, "/sign-in"), 303)


def welcome(request: Request) -> Response:
    """What a newcomer to the demo sees."""
    bench: Bench = request.app.state.benches.demo()
    images = len(bench.manifest.of_kind("test"))
    return page(request, "welcome", images=images)


@router.post("/demo")
def try_demo(request: Request) -> Response:
    """A newcomer begins."""
    if not request.app.state.settings.demo:
        raise HTTPException(404, "There is no demo here; it is started by: glassnet serve --demo")
    session = request.app.state.benches.demo().walk_in()
    return _entered(request, "participant", "/work", session.bench.name, session.id)


@router.get("/sign-in")
def sign_in_page(request: Request, next: str = "/benches") -> Response:
    """Where a token is asked for; where none was set, the way in is open."""
    role = visitor(request).role
    if role == "owner" or (role is None and request.app.state.settings.token is None):
        return _entered(request, "owner", _own(next))
    return page(request, "sign-in", next=_own(next), wrong=False)


@router.post("/sign-in")
def sign_in(
    request: Request,
    token: Annotated[str, Form(max_length=200)],
    next: Annotated[str, Form(max_length=200)] = "/benches",
) -> Response:
    """An owner comes in with the token that the server was started with."""
    right = request.app.state.settings.token
    _slow_down(request)
    if right is not None and hmac.compare_digest(token.encode(), right.encode()):
        return _entered(request, "owner", _own(next))
    return page(request, "sign-in", 403, next=_own(next), wrong=True)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """The browser's session ends, here and in the browser."""
    request.app.state.visitors.sign_out(visitor(request).id)
    response = RedirectResponse("/", 303)
    response.delete_cookie("glassnet")
    return response


@router.get("/join/{token}")
def invited(request: Request, token: str) -> Response:
    """An invitation is looked at; previews of mail programs come as far as here."""
    benches: Benches = request.app.state.benches
    found = benches.invitation(token)
    if found is None:
        _slow_down(request)
        raise HTTPException(404, UNKNOWN)
    if not found.usable:
        raise HTTPException(410, USED)
    title = benches.get(found.bench).manifest.title
    return page(request, "invitation", title=title, kind=found.role)


@router.post("/join/{token}")
def join(request: Request, token: str) -> Response:
    """An invitation is used up: this browser is the participant, or the adjudicator, now."""
    benches: Benches = request.app.state.benches
    found = benches.invitation(token)
    if found is None:
        _slow_down(request)
        raise HTTPException(404, UNKNOWN)
    bench = benches.get(found.bench)
    if found.role == "adjudicator":
        name = bench.accept_adjudicator(token)
        return _entered(request, "adjudicator", "/adjudicate", bench.name, name)
    session = bench.accept(token)
    return _entered(request, "participant", "/work", bench.name, session.id)


def _entered(
    request: Request, role: Role, to: str, bench: str | None = None, person: str | None = None
) -> Response:
    """Signed in under a new id."""
    old = visitor(request).id
    made = request.app.state.visitors.sign_in(role, bench, person, old)
    response = RedirectResponse(to, 303)
    remember(response, request, made)
    return response


def _at_work(request: Request) -> bool:
    """Whether the visitor is a participant who has not handed in yet."""
    who = visitor(request)
    if who.role != "participant":
        return False
    session = request.app.state.benches.get(who.bench).session(who.person)
    return session.state in ("consent", "training", "test", "done")


def _own(path: str) -> str:
    """A path of this server: "//elsewhere" and "https://elsewhere" are none."""
    return path if path.startswith("/") and path[1:2] not in ("/", "\\") else "/benches"


def _slow_down(request: Request) -> None:
    client = request.client.host if request.client else ""
    if not request.app.state.tries.take(client):
        raise HTTPException(429, "Too many tries from here; wait a minute.")
