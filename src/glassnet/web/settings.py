"""What one server is told when it starts."""

import ipaddress
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path


def data_folder() -> Path:
    """Where benches lie unless told otherwise: `glassnet` in the user's data folder."""
    from platformdirs import user_data_path

    return user_data_path("glassnet", appauthor=False)


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach a server that is bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Settings:
    """One server.

    database  address of a database, or None for SQLite in `data`
    data      the folder of benches, sessions and the secret
    runs      the folder whose runs are listed
    token     what an owner signs in with; None opens the owner's pages to whoever reaches them,
              which `glassnet serve` allows on the loopback address alone
    host      the address that the server is bound to
    demo      whether a newcomer may open a bench of twenty digits
    """

    database: str | None = None
    data: Path = field(default_factory=data_folder)
    runs: Path = Path("runs")
    token: str | None = None
    host: str = "127.0.0.1"
    demo: bool = False

    @property
    def loopback(self) -> bool:
        """Whether the server is bound to this machine alone."""
        return is_loopback(self.host)


def secret(folder: Path) -> bytes:
    """The server's secret: 32 bytes, made at the first start, readable by its user alone."""
    path = folder / "web-secret"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        made = secrets.token_bytes(32)
        file.write(made)
    return made
