"""Invitations: tokens that are good once and for a time; only their hashes are kept."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from sqlalchemy import func, insert, select, update

from glassnet.errors import DataError, Refused
from glassnet.humans import log
from glassnet.humans.schema import INVITATION
from glassnet.humans.vault import token_digest

if TYPE_CHECKING:
    from sqlalchemy import Connection

Role = Literal["participant", "adjudicator"]
MOST = 10_000  # invitations at once


@dataclass(frozen=True)
class Invitation:
    """What an invitation's token opens; `usable` is False once used or expired."""

    bench: str
    role: Role
    label: str
    usable: bool


def issue(
    connection: "Connection", bench: str, people: int, expires: timedelta, role: Role
) -> list[str]:
    """New tokens. Raises DataError for a number or a time that makes no sense."""
    if not 1 <= people <= MOST:
        raise DataError(f"from 1 to {MOST:,} people can be invited at once, got {people}")
    if expires <= timedelta(0):
        raise DataError("an invitation must be good for some time")
    tokens, at = [secrets.token_urlsafe(24) for _ in range(people)], log.now()
    first = 1 + _count(connection, bench, role)
    rows = [
        {
            "digest": token_digest(token),
            "bench": bench,
            "role": role,
            "label": f"{'A' if role == 'adjudicator' else 'I'}{first + i}",
            "created_at": at,
            "expires_at": at + int(expires.total_seconds() * 1000),
        }
        for i, token in enumerate(tokens)
    ]
    connection.execute(insert(INVITATION), rows)
    return tokens


def find(connection: "Connection", token: str) -> Invitation | None:
    """What a token opens, or None for one that means nothing."""
    query = select(INVITATION).where(INVITATION.c.digest == token_digest(token))
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    usable = row.used_at is None and row.expires_at > log.now()
    return Invitation(row.bench, row.role, row.label, usable)


def use(connection: "Connection", bench: str, token: str, role: Role) -> str:
    """Use an invitation up; its label. Raises Refused, saying why, for one that is no good."""
    found = find(connection, token)
    if found is None or found.bench != bench or found.role != role:
        raise Refused("this invitation is not known here; ask for a new one")
    if not found.usable:
        raise Refused("this invitation was used already, or has expired; ask for a new one")
    at = log.now()
    used = connection.execute(
        update(INVITATION)
        .where(INVITATION.c.digest == token_digest(token), INVITATION.c.used_at.is_(None))
        .values(used_at=at)
    )
    if used.rowcount != 1:  # another server was faster
        raise Refused("this invitation was used already; ask for a new one")
    return found.label


def counts(connection: "Connection", bench: str) -> dict[str, int]:
    """How many invitations of participants were sent, used, and expired without use."""
    of_bench = (INVITATION.c.bench == bench) & (INVITATION.c.role == "participant")
    query = select(INVITATION.c.used_at, INVITATION.c.expires_at).where(of_bench)
    rows = connection.execute(query).all()
    at = log.now()
    return {
        "sent": len(rows),
        "used": sum(row.used_at is not None for row in rows),
        "expired": sum(row.used_at is None and row.expires_at <= at for row in rows),
    }


def _count(connection: "Connection", bench: str, role: Role) -> int:
    of_role = (INVITATION.c.bench == bench) & (INVITATION.c.role == role)
    query = select(func.count()).select_from(INVITATION).where(of_role)
    return int(connection.execute(query).scalar_one())
