"""A burst, kill -9 under load, two servers at once: over HTTP, against real server processes."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

from glassnet.humans.bench import Benches
from tests.humans.crowd import (
    Line,
    Person,
    Record,
    accounts,
    at_work,
    burst,
    crowd,
    doubled,
    missing,
    serving,
)


async def until_killed(
    people: list[Person], port: int, record: Record, kill: Callable[[], None]
) -> None:
    """All at work as fast as the server answers; killed once there are 150 answers more."""
    wanted = len(record.stored) + 150

    async def killer() -> None:
        while len(record.stored) < wanted:
            await asyncio.sleep(0.005)
        kill()

    until = time.perf_counter() + 60
    await asyncio.gather(killer(), *(person.work(port, until, 0.02) for person in people))


def test_neither_a_burst_nor_kill_9_loses_or_doubles_an_answer(
    benches: Benches, database: str | None, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    bench = benches.create("crowd", "digits", images=24)
    people, record = crowd(bench, accounts(bench, data, 200))
    few = people[:20]
    with serving(data, database) as (server, port):
        asyncio.run(burst(people, port))
        assert len(record.stored) == 200
        asyncio.run(until_killed(few, port, record, server.kill))
        assert record.cut > 0 and missing(bench, record) == []
        port = server.start()
        asyncio.run(at_work(few, port, 60, 0.01))  # to the end, sending again what was cut
    assert missing(bench, record) == []
    assert doubled(bench) == 0
    assert bench.verify() == []
    finals = [sorted(bench.records.final(session.id)) for session in bench.sessions()]
    assert finals == [list(range(24))] * 20 + [[0]] * 180


def test_two_servers_on_one_database_take_an_answer_once(
    benches: Benches, database: str | None, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    bench = benches.create("two", "digits", images=4)
    people, record = crowd(bench, accounts(bench, data, 12))

    async def to_both(person: Person, ports: list[int]) -> None:
        lines = [Line(port, person.account) for port in ports]
        while (trial := await person.turn(lines[0])) is not None:
            body = person.answer(trial)
            told = await asyncio.gather(*(line.ask("POST", "/work/answer", body) for line in lines))
            assert [status for status, _ in told] == [200, 200]
            hashes = {json.loads(content)["hash"] for _, content in told}
            record.stored += [person.acknowledged(body, hash) for hash in hashes]
        for line in lines:
            line.close()

    async def all_to_both(*ports: int) -> None:
        await asyncio.gather(*(to_both(person, list(ports)) for person in people))

    with serving(data, database) as (_, one), serving(data, database) as (_, other):
        asyncio.run(all_to_both(one, other))
    assert len(record.stored) == 12 * 4  # both servers gave the same receipt
    assert missing(bench, record) == []
    assert doubled(bench) == 0
    assert bench.verify() == []
