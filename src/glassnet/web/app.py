"""The app: its parts put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from glassnet.errors import Conflict, GlassnetError, NotFound, Refused
from glassnet.humans.bench import Benches
from glassnet.web import adjudicate, door, dreams, owner, pages, results, runs, security, work
from glassnet.web.nursery import Nursery
from glassnet.web.settings import Settings, secret
from glassnet.web.visitors import Visitors

TITLES = {401: "Sign in first", 403: "Not for you, or not yet", 404: "There is nothing here",
          409: "That was done already", 410: "No longer good", 413: "Too large",
          429: "One moment"}  # fmt: skip


def create_app(settings: Settings, benches: Benches) -> FastAPI:
    """One app over one data folder; who opened `benches` closes them."""
    visitors = Visitors(settings.data)
    app = FastAPI(
        title="glassnet",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(security.csrf)],
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.visitors = visitors
    app.state.secret = secret(settings.data)
    app.state.benches = benches
    app.state.nursery = Nursery(settings.runs)
    app.state.rates = security.Rates()  # of requests, from one visitor
    app.state.tries = security.Rates(rate=0.2, burst=10)  # of tokens, from one address
    for part in (door, runs, dreams, owner, work, results, adjudicate):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=str(files("glassnet.web") / "static")), "static")
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(GlassnetError, _said)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_middleware(security.Guard, settings=settings, visitors=visitors, rates=app.state.rates)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """What the app started ends with it."""
    yield
    app.state.nursery.stop()


def _refused(request: Request, error: Exception) -> Response:
    """A status of ours as a page or, where a script asked, as JSON."""
    assert isinstance(error, HTTPException)
    if error.status_code == 303 and error.headers:
        return RedirectResponse(error.headers["location"], 303)
    return _problem(request, error.status_code, str(error.detail))


def _said(request: Request, error: Exception) -> Response:
    """An error that a user can cause, in its own words."""
    statuses = ((Refused, 403), (NotFound, 404), (Conflict, 409))
    status = next((status for kind, status in statuses if isinstance(error, kind)), 400)
    return _problem(request, status, str(error))


def _malformed(request: Request, error: Exception) -> Response:
    """A body or address that does not fit; what was sent is not sent back."""
    return _problem(request, 422, "This request does not have the form that was expected.")


def _problem(request: Request, status: int, detail: str) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return pages.page(request, "problem", status, title=TITLES.get(status, "That did not work"),
                          detail=detail)  # fmt: skip
    return JSONResponse({"detail": detail}, status)
