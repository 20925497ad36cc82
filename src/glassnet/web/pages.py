"""Templates into pages."""

from functools import cache
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from glassnet.look.wording import count, duration, percent
from glassnet.web.security import remember, visitor
from glassnet.web.visitors import csrf_token

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> "Environment":
    """The template engine: every value escaped, an unknown name an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("glassnet.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "count": count,
        "duration": duration,
        "moment": moment,
        "percent": percent,
    }
    return made


def moment(when: str | None) -> str:
    """An ISO 8601 time as "2026-11-25 02:20"; "" for None."""
    return "" if when is None else when[:16].replace("T", " ")


def page(request: Request, name: str, code: int = 200, **values: Any) -> HTMLResponse:
    """The page `name` for whoever asks; a browser that has no id yet gets one."""
    who = visitor(request)
    values = {
        "csrf": csrf_token(request.app.state.secret, who),
        "role": who.role,
        "open": request.app.state.settings.token is None,
        "here": request.url.path.split("/")[1],
    } | values
    text = environment().get_template(f"{name}.html.j2").render(values)
    response = HTMLResponse(text, code)
    if who.role is None:
        remember(response, request, who)
    return response
