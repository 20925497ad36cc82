"""A server in a process of its own, as `glassnet serve` starts it, and browsers of the kind that
have no window: httpx clients that keep cookies and carry the page's token."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass
class Server:
    url: str
    data: Path
    process: subprocess.Popen[str]


@contextmanager
def threaded(app: Any) -> Iterator[str]:
    """The address of an app that a thread of this process serves."""
    import uvicorn

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def serve(data: Path, *words: object) -> Server:
    command = [sys.executable, "-m", "glassnet", "serve", "--port", "0", "--data", data, *words]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"glassnet is at (\S+)", line):
            return Server(found[1], data, process)
    raise AssertionError(f"the server ended with {process.wait()}")


def stop(server: Server) -> int:
    server.process.terminate()
    code = server.process.wait(timeout=20)
    assert server.process.stdout is not None
    server.process.stdout.close()
    return code


class Person:
    """Somebody at a browser: follows links, sends forms and JSON with the page's token."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.token = ""
        client.headers["accept"] = "text/html,application/json"

    def get(self, path: str, **options: Any) -> httpx.Response:
        response = self.client.get(path, follow_redirects=True, **options)
        if found := re.search(r'<meta name="csrf" content="(\w+)"', response.text):
            self.token = found[1]
        return response

    def form(self, path: str, files: Any = None, **fields: Any) -> httpx.Response:
        response = self.client.post(
            path, data={"csrf": self.token} | fields, files=files, follow_redirects=False
        )
        return self.get(response.headers["location"]) if response.is_redirect else response

    def post(self, path: str, body: Any = None) -> httpx.Response:
        headers = {"x-csrf-token": self.token, "accept": "application/json"}
        return self.client.post(path, json={} if body is None else body, headers=headers)

    def join(self, token: str, seen: str = "no") -> httpx.Response:
        """Open an invitation and consent."""
        assert self.get(f"/join/{token}").status_code == 200
        assert self.form(f"/join/{token}").status_code == 200
        return self.form("/work/consent", agree="yes", seen=seen, screen="")

    def answer(self, turn: Any, *answers: str, **more: Any) -> httpx.Response:
        trial = turn["trial"]
        body = {name: trial[name] for name in ("trial", "token", "revision")}
        body |= {"answers": list(answers), "client_ms": 900.0}
        return self.post("/work/answer", body | more)
