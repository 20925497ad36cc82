"""Secrets: the server's own, the key of each session, and what is derived from them.

A session's answers are sealed with that session's key (AES-256-GCM). The key lies in the database,
wrapped by the server's secret, which lies in a file beside it: a stolen database alone tells no
answer, and destroying one wrapped key destroys one person's answers for good.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
from functools import cache
from pathlib import Path
from typing import Any

from glassnet.errors import GlassnetError, require

SECRET = "bench-secret"
NONCE = 12  # bytes, the size that AES-GCM is made for
BLOCK = 256  # sealed content is padded to whole blocks, so that its length tells nothing


class Vault:
    """The server's secret and what it wraps."""

    def __init__(self, folder: Path) -> None:
        self._secret = server_secret(folder / SECRET)

    @property
    def check(self) -> str:
        """What a database remembers of its secret, to notice that another one is there."""
        return hmac.new(self._secret, b"check", hashlib.sha256).hexdigest()

    def new_key(self, session: str) -> tuple[bytes, bytes]:
        """(key, wrapped key) of a new session."""
        key = secrets.token_bytes(32)
        return key, _encrypt(self._secret, key, session.encode())

    def unwrap(self, wrapped: bytes, session: str) -> bytes:
        """The key of a session from its wrapped form."""
        return _decrypt(self._secret, wrapped, session.encode())

    def name(self, *parts: str) -> str:
        """A random-looking name that only this server can make from `parts`."""
        return pseudonym(self._secret, *parts)


def server_secret(path: Path) -> bytes:
    """32 bytes, made at the first start, readable by the server's user alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = secrets.token_bytes(32)
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)  # fails where another start was first
    except FileExistsError:
        made = path.read_bytes()
    finally:
        part.unlink()
    if len(made) != 32:
        raise GlassnetError(f"{path} is no secret of a server: expected 32 bytes, got {len(made)}")
    return made


def seal(key: bytes, content: dict[str, Any], place: str) -> bytes:
    """Encrypt JSON-able content for one place of one log; only there it can be opened."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return _encrypt(key, text + b" " * (-len(text) % BLOCK), place.encode())


def unseal(key: bytes, sealed: bytes, place: str) -> dict[str, Any]:
    """Inverse of `seal`. Raises GlassnetError for content that was changed or moved."""
    return json.loads(_decrypt(key, sealed, place.encode()))


def pseudonym(secret: bytes, *parts: str) -> str:
    """HMAC-SHA256 of `parts`, 128 bits of it, safe in an address."""
    tag = hmac.digest(secret, "\0".join(parts).encode(), "sha256")[:16]
    return base64.urlsafe_b64encode(tag).rstrip(b"=").decode()


def same(given: str, expected: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def token_digest(token: str) -> str:
    """What is kept of a token that somebody was given."""
    return hashlib.sha256(token.encode()).hexdigest()


def _encrypt(key: bytes, content: bytes, place: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE)
    return nonce + _cipher(key).encrypt(nonce, content, place)


def _decrypt(key: bytes, sealed: bytes, place: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        return _cipher(key).decrypt(sealed[:NONCE], sealed[NONCE:], place)
    except InvalidTag as error:
        raise GlassnetError(
            f"what is stored for {place.decode()} cannot be opened: it was changed, or the "
            f"server's secret is another than the one it was stored with"
        ) from error


def _cipher(key: bytes) -> Any:
    return _aesgcm()(key)


@cache
def _aesgcm() -> Any:
    require("cryptography", "web")
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM
