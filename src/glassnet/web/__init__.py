"""The web app: pages and their HTTP, over what the other floors do.

One FastAPI app, `create_app(settings)`, that `glassnet serve` runs. Here live routes, templates,
styles and plain ES modules that the browser reads as they stand. Nothing here judges, stores or
counts: a handler reads the request, calls a service (`glassnet.humans.bench`, `glassnet.train`),
and writes the answer.
"""

from glassnet.web.app import create_app
from glassnet.web.settings import Settings

__all__ = ["Settings", "create_app"]
