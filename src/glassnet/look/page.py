"""One HTML file that opens anywhere: the frame that every report of glassnet stands in.

Styles, script, drawings and pictures stand inside, and a content policy forbids the page to load
anything. Every text from outside is escaped by the template engine.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from glassnet.look.wording import count, duration, memory, percent, sure, words

if TYPE_CHECKING:
    from jinja2 import Environment

FILTERS = {
    "count": count,
    "duration": duration,
    "memory": memory,
    "percent": percent,
    "sure": sure,
    "words": words,
}
SCRIPT = ("glassnet.look", "report.js")
STYLE = ("glassnet.look", "report.css")


def render(
    package: str,
    template: str,
    context: Mapping[str, Any],
    styles: Sequence[tuple[str, str]] = (STYLE,),
) -> str:
    """`template` of `package`, which extends page.html.j2, as HTML text.

    styles  (package, file) of each style sheet, in order; the files lie in its `templates` folder
    """
    script = _text(*SCRIPT)
    frame = {
        "style": "\n".join(_text(*place) for place in styles),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    return _environment(package).get_template(template).render({**frame, **context})


@cache
def _environment(package: str) -> "Environment":
    """Templates of `package`, and those here that they build on."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    places = dict.fromkeys((package, "glassnet.look"))
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(place) for place in places]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment


@cache
def _text(package: str, file: str) -> str:
    return (files(package) / "templates" / file).read_text("utf-8")
