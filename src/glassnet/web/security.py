"""What holds for every request: who may ask, from where, how much, how often; and what goes back.

`Guard` is the ring around the app: host, origin, body size, rate and the headers of each answer.
`csrf` and the roles are dependencies, because they answer with a page.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glassnet.web.settings import Settings, is_loopback
from glassnet.web.visitors import COOKIE, LIFETIME, Visitor, Visitors, anonymous, csrf_token

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
SAFE = {"GET", "HEAD", "OPTIONS"}
BODY = 64 * 1024  # bytes of a form or an answer
UPLOAD = 512 * 1024 * 1024  # bytes of an owner's upload
UPLOADS = ("/benches",)  # paths below which an owner may upload


class Guard:
    """The ring around the app."""

    def __init__(
        self, app: ASGIApp, settings: Settings, visitors: Visitors, rates: "Rates"
    ) -> None:
        self.app, self.settings, self.visitors, self.rates = app, settings, visitors, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on with the visitor in `request.state` and a limit on the body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        visitor = self._visitor(headers)
        scope.setdefault("state", {})["visitor"] = visitor
        limit = UPLOAD if visitor.role == "owner" and _uploads(scope["path"]) else BODY
        refused = self._refusal(scope, headers, visitor, limit)
        if refused is not None:
            await refused(scope, receive, _with_headers(send))
            return
        await self.app(scope, _limited(receive, limit), _with_headers(send))

    def _visitor(self, headers: Headers) -> Visitor:
        """Whose session it is; a second cookie of that name, planted by others, is passed over."""
        found = [self.visitors.find(id) for id in _cookies(headers)]
        return next((v for v in found if v.role), found[0] if found else anonymous())

    def _refusal(
        self, scope: Scope, headers: Headers, visitor: Visitor, limit: int
    ) -> Response | None:
        if self.settings.loopback and not is_loopback(_host_name(headers.get("host", ""))):
            return PlainTextResponse("This server answers to 127.0.0.1 and localhost alone.", 421)
        if scope["method"] not in SAFE and not _same_origin(headers):
            return PlainTextResponse("This request comes from another site.", 403)
        if int(headers.get("content-length") or 0) > limit:
            return PlainTextResponse(f"At most {limit:,} bytes are taken here.", 413)
        client = scope["client"][0] if scope.get("client") else ""
        if not self.rates.take(visitor.id if visitor.role else client):
            return PlainTextResponse("Too many requests; wait a moment.", 429)
        return None


@dataclass
class Rates:
    """Token buckets: `burst` requests at once, `rate` a second after that, for each key.

    A page with a thousand classes may ask for a thousand strips of examples.
    """

    rate: float = 50.0
    burst: float = 1500.0
    most: int = 10_000  # keys that are remembered

    def __post_init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key: (left, at)

    def take(self, key: str) -> bool:
        """Whether one more request of `key` is within its rate."""
        now = time.monotonic()
        left, at = self._buckets.pop(key, (self.burst, now))
        left = min(self.burst, left + (now - at) * self.rate)
        self._buckets[key] = (max(0.0, left - 1), now)
        if len(self._buckets) > self.most:
            self._buckets.popitem(last=False)
        return left >= 1


async def csrf(request: Request) -> None:
    """Refuse what changes something and does not carry the token of its visitor's own page.

    In the header X-CSRF-Token, or in the field `csrf` of a form.
    """
    if request.method in SAFE:
        return
    given = request.headers.get("x-csrf-token")
    if given is None and "form" in request.headers.get("content-type", ""):
        given = str((await request.form(max_files=1, max_fields=200)).get("csrf", ""))
    if given != csrf_token(request.app.state.secret, visitor(request)):
        raise HTTPException(403, "This page has grown old. Go back, load it again, and repeat.")


def visitor(request: Request) -> Visitor:
    """Who is asking."""
    found: Visitor = request.state.visitor
    return found


def needs(*roles: str) -> Any:
    """A dependency that lets only visitors with one of these roles pass.

    Others are led to the page where one signs in (status 303) or, having another role, refused.
    """

    async def check(request: Request) -> Visitor:
        found = visitor(request)
        if found.role in roles:
            return found
        if found.role is None and request.method == "GET" and _wants_page(request):
            raise HTTPException(303, headers={"location": f"/sign-in?next={request.url.path}"})
        raise HTTPException(403 if found.role else 401, "This page is not yours to open.")

    return check


def remember(response: Response, request: Request, visitor: Visitor) -> None:
    """Give the browser the id of its session: not for scripts, not for other sites."""
    response.set_cookie(
        COOKIE,
        visitor.id,
        max_age=LIFETIME if visitor.role else None,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _cookies(headers: Headers) -> list[str]:
    pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    return [value for name, _, value in pairs if name == COOKIE][:3]


def _host_name(host: str) -> str:
    """The name without its port: "[::1]:8000" -> "::1"."""
    return urlsplit(f"//{host}").hostname or ""


def _same_origin(headers: Headers) -> bool:
    """What the browser itself says about where the request was made."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _uploads(path: str) -> bool:
    return path.startswith(UPLOADS)


def _limited(receive: Receive, limit: int) -> Receive:
    """`receive` that ends a body which grows beyond its limit, whatever length it declared."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413, f"At most {limit:,} bytes are taken here.")
        return message

    return counted


def _with_headers(send: Send) -> Send:
    """`send` that adds the headers of every answer, where the answer has none of its own."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
