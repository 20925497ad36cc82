"""What tests of the human bench share: databases of both kinds, and small benches of real digits.

PostgreSQL is a real server, started where one is installed and skipped, with the reason, where not.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from glassnet.humans.bench import Benches


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a fresh PostgreSQL server, without the name of a database."""
    initdb, postgres = _program("initdb"), _program("postgres")
    if initdb is None or postgres is None:
        pytest.skip("PostgreSQL is not installed (on Debian: apt install postgresql)")
    user = _ordinary_user()
    folder = Path(tempfile.mkdtemp(prefix="glassnet-postgres-"))
    if user is not None:
        shutil.chown(folder, user)
    data, log, port = folder / "data", folder / "log", _free_port()
    options = ["-D", str(data), "-U", "glassnet", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([initdb, *options], check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)
    command = [postgres, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
    command += ["-c", "fsync=off"]  # our servers are killed here, this one and its machine are not
    with open(log, "wb") as output:
        server = subprocess.Popen(command, user=user, cwd=folder, stdout=output, stderr=output)
    try:
        _wait_for(port, server, log)
        yield f"postgresql://glassnet@127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The URL of an empty place: a schema of its own, which is made faster than a database."""
    import psycopg

    name = f"test_{uuid4().hex[:12]}"
    with closing(psycopg.connect(f"{postgres_server}/postgres", autocommit=True)) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{postgres_server}/postgres?options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    """Where benches are kept: SQLite in the data folder, and PostgreSQL."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def benches(database: str | None, tmp_path: Path) -> Iterator[Benches]:
    """Benches on each kind of database."""
    with Benches(database, tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Benches]:
    """Benches on SQLite, for what does not depend on the database."""
    with Benches(data=tmp_path / "data") as opened:
        yield opened


def _program(name: str) -> str | None:
    """A program of PostgreSQL; Debian keeps them outside PATH."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places = os.pathsep.join([os.environ.get("PATH", ""), *map(str, homes)])
    return shutil.which(name, path=places)


def _ordinary_user() -> str | None:
    """Whom to run the server as: PostgreSQL refuses to run as root."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _free_port() -> int:
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    import psycopg

    for _ in range(200):
        if server.poll() is not None:
            break
        try:
            psycopg.connect(f"postgresql://glassnet@127.0.0.1:{port}/postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-2000:]}")
