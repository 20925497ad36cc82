"""`glassnet serve`, as a process."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

pytest.importorskip("fastapi", reason="the extra 'web' is not installed")

from tests.cli.conftest import Invoke
from tests.web import serving


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_and_ends(tmp_path: Path, number: signal.Signals) -> None:
    server = serving.serve(tmp_path)
    assert server.url.startswith("http://127.0.0.1:")
    assert httpx.get(server.url, follow_redirects=True).status_code == 200
    server.process.send_signal(number)
    said = server.process.communicate(timeout=20)[0]
    assert server.process.returncode == 0
    assert "everything is stored" in said
    assert {path.name for path in tmp_path.iterdir()} >= {"sessions.sqlite", "web-secret"}


def test_the_runs_page(tmp_path: Path, trained: Path, photos: Path) -> None:
    server = serving.serve(tmp_path, "--runs", trained.parent)
    with httpx.Client(base_url=server.url, follow_redirects=True) as client:
        page = client.get("/runs", headers={"accept": "text/html"}).text
        assert "mlp" in page
        assert "photos" in page
        report = client.get("/runs/run/report")
        assert "glassnet report" in report.text
        assert "sandbox" in report.headers["content-security-policy"]
        assert "sha256-" in report.headers["content-security-policy"]
        for path in ("/runs/nothing/report", "/runs/../report", "/runs/%2e%2e/report"):
            assert client.get(path).status_code == 404
    assert serving.stop(server) == 0


def test_a_damaged_run_says_so(tmp_path: Path) -> None:
    from glassnet.web.runs import about, listed

    assert listed(tmp_path) == []
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "last.safetensors").write_bytes(b"not one")
    assert "not a whole safetensors file" in about(tmp_path / "bad")["problem"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "lab.example"])
def test_others_need_a_token(invoke: Invoke, host: str) -> None:
    result = invoke("serve", "--host", host)
    assert result.exit_code == 2
    assert "--token" in result.stderr
    result = invoke("serve", "--host", host, "--token", "short")
    assert result.exit_code == 2
    assert "at least 12" in result.stderr


def test_with_a_token_others_may_come(tmp_path: Path) -> None:
    server = serving.serve(tmp_path, "--host", "0.0.0.0", "--token", "a long enough token")
    url = server.url.replace("0.0.0.0", "127.0.0.1")
    page = httpx.get(f"{url}/benches", follow_redirects=True, headers={"accept": "text/html"})
    assert "Token" in page.text
    assert serving.stop(server) == 0


def test_a_port_that_is_taken(invoke: Invoke, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = invoke("serve", "--port", taken.getsockname()[1], "--data", tmp_path)
    assert result.exit_code == 1
    assert "another --port" in result.stderr


def test_help_loads_no_server() -> None:
    code = (
        "import sys; from glassnet.cli import cli; cli(['serve', '--help'], standalone_mode=False);"
        "print(sorted({'fastapi', 'uvicorn', 'sqlalchemy', 'numpy.linalg'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "fastapi" not in done.stdout.splitlines()[-1]
    assert "sqlalchemy" not in done.stdout.splitlines()[-1]
