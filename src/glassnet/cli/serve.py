"""`glassnet serve`: the web app."""

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from glassnet.cli.console import Answer, answers, say, threads
from glassnet.errors import GlassnetError, require

if TYPE_CHECKING:
    from glassnet.web.settings import Settings


TOKEN = 12  # characters of a token, at least


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to bind to.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: a free one."
)
@click.option("--database", metavar="URL", help="Such as postgresql://...; SQLite if not given.")
@click.option("--data", metavar="FOLDER", help="Of the benches; the user's data folder otherwise.")
@click.option("--runs", default="runs", show_default=True, help="The folder of trained networks.")
@click.option(
    "--token", envvar="GLASSNET_TOKEN", help="What an owner signs in with. [env: GLASSNET_TOKEN]"
)
@click.option("--demo", is_flag=True, help="A bench of twenty digits, and a machine that dreams.")
@answers
def serve(
    host: str,
    port: int,
    database: str | None,
    data: str | None,
    runs: str,
    token: str | None,
    demo: bool,
) -> Answer:
    """Serve the web app: runs, dreams and the human bench.

    On this machine alone unless --host says otherwise; then owners sign in with a token. Ctrl-C
    ends it. Everything is in SQLite in the user's data folder unless --database names another.

    \b
    Examples:
      glassnet serve
      glassnet serve --demo
      glassnet serve --host 0.0.0.0 --port 80 --database postgresql://lab@db/glassnet
    """
    require("fastapi", "web")
    require("uvicorn", "web")
    from glassnet.web.settings import Settings, data_folder, is_loopback

    if not is_loopback(host):
        token = _long_enough(token or _ask_for_token(host))
    folder = Path(data) if data else data_folder()
    settings = Settings(database, folder, Path(runs), token or None, host, demo)
    with closing(_bind(host, port)) as listening:
        url = _run(settings, listening)
    say("stopped; everything is stored")
    return {"url": url}


def _run(settings: "Settings", listening: socket.socket) -> str:
    """Serve until Ctrl-C or SIGTERM; the address it had."""
    import uvicorn

    from glassnet.dreams.machines import machines
    from glassnet.humans.bench import Benches
    from glassnet.web import create_app

    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{shown}:{listening.getsockname()[1]}"
    with closing(Benches(settings.database, settings.data)) as benches:
        if settings.demo:
            say("the demo: a small network learns from 4,000 other digits, at the first start only")
            with threads(1):
                benches.demo()
        app = create_app(settings, benches)
        if settings.demo and not machines(settings.runs):
            name = app.state.nursery.start()
            say(f"a small machine learns to dream in the background: {settings.runs / name}")
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, lifespan="on",
            timeout_graceful_shutdown=10, timeout_keep_alive=30,
        )  # fmt: skip
        say(f"glassnet is at {url}   (Ctrl-C ends it)")
        say(f"data: {settings.database or settings.data.resolve()}")
        with _ended_by_signals(), threads(1):  # for each request; those at once share the cores
            uvicorn.Server(config).run(sockets=[listening])
    return url


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and Ctrl-C are how a server ends: once it has shut down they are no error."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _bind(host: str, port: int) -> socket.socket:
    """A socket that listens, so that the address is known before it is printed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sends small packets at once (TCP_NODELAY) only then.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)  # who comes before the app is up waits for it
    except OSError as error:
        listening.close()
        raise GlassnetError(
            f"cannot listen on {host}:{port} ({error.strerror}); is another server there? Choose "
            f"another --port, or --port 0 for any free one"
        ) from error
    return listening


def _long_enough(token: str) -> str:
    """A token that others do not guess. Raises UsageError for a short one."""
    if len(token) < TOKEN:
        raise click.UsageError(f"the token has {len(token)} characters; give it at least {TOKEN}")
    return token


def _ask_for_token(host: str) -> str:
    """The token that others must not guess, from a terminal; an error where there is none."""
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{host} can be reached by other machines, so owners must sign in: give --token, or "
            f"set GLASSNET_TOKEN (`openssl rand -hex 16` makes one)."
        )
    return str(click.prompt("Token that owners sign in with", hide_input=True))
