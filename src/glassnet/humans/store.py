"""The database: connections, and one writer that commits many people's answers at once.

SQLite is used so that what was committed survives a power cut (WAL, synchronous=FULL). One thread
writes: whatever has been asked for while the disk was busy goes into the next transaction, each
job in a savepoint of its own, and nobody is told "stored" before that transaction is on the disk.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from glassnet.errors import GlassnetError, require

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

T = TypeVar("T")
Job = Callable[["Connection"], Any]

FILE = "benches.sqlite"
BATCH = 256  # jobs of one transaction, at most
PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "busy_timeout = 15000",
    "foreign_keys = ON",
    "secure_delete = ON",  # a destroyed key is overwritten, not just unlinked
)


def address(database: str | None, data: Path) -> str:
    """The SQLAlchemy URL: SQLite in `data`, or the given one, PostgreSQL by psycopg."""
    if database is None:
        data.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{data / FILE}"
    for short in ("postgresql://", "postgres://"):
        if database.startswith(short):
            require("psycopg", "postgres")
            return "postgresql+psycopg://" + database.removeprefix(short)
    if database.startswith(("sqlite:///", "postgresql+psycopg://")):
        return database
    raise GlassnetError(
        f"the database '{database.split('://')[0]}' is not known; give "
        f"postgresql://user@host/name, or nothing for SQLite in the data folder"
    )


def connect(url: str) -> "Engine":
    """An engine whose connections keep what they promise. Raises GlassnetError."""
    require("sqlalchemy", "web")
    from sqlalchemy import create_engine

    if url.startswith("sqlite"):
        engine = create_engine(url, pool_size=16, max_overflow=64)
        _prepare_sqlite(engine)
        return engine
    return create_engine(url, pool_size=8, max_overflow=64, pool_pre_ping=True)


def _prepare_sqlite(engine: "Engine") -> None:
    """Pragmas at each connection; transactions begun by us, a writer's at once."""
    from sqlalchemy import event

    def opened(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    def begun(connection: "Connection") -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", opened)
    event.listen(engine, "begin", begun)


class Store:
    """One database: `read` for looking, `write` for changing."""

    def __init__(self, engine: "Engine") -> None:
        self.engine = engine
        self._jobs: SimpleQueue[tuple[Job, Future[Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = False

    @property
    def postgres(self) -> bool:
        """Whether this is PostgreSQL; else it is SQLite."""
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def read(self) -> Iterator["Connection"]:
        """A connection that sees one moment of the database."""
        with self.engine.connect() as connection:
            yield connection

    def write(self, job: Callable[["Connection"], T]) -> T:
        """Run `job` in the next transaction; its result, once that is on the disk.

        What the job raises is raised here, and nothing of the job is stored then.
        """
        return self.submit(job).result()

    def submit(self, job: Callable[["Connection"], T]) -> "Future[T]":
        """As `write`, without waiting."""
        with self._starting:
            if self._closed:
                raise GlassnetError("the database is closed; open it again")
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
                self._thread.start()
            future: Future[T] = Future()
            self._jobs.put((job, future))
        return future

    def close(self) -> None:
        """Write what was asked for, and close every connection."""
        with self._starting:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._jobs.put(None)
            thread.join()
        self.engine.dispose()

    def _work(self) -> None:
        open_ = True
        while open_:
            batch = [self._jobs.get()]
            while len(batch) < BATCH and not self._jobs.empty():
                batch.append(self._jobs.get())
            open_ = None not in batch
            self._commit([asked for asked in batch if asked is not None])

    def _commit(self, batch: list[tuple[Job, Future[Any]]]) -> None:
        """One transaction for all; where a job breaks it (a lost connection), each by itself."""
        try:
            settled = self._attempt([job for job, _ in batch])
        except _Broken as broken:
            if len(batch) > 1:
                for one in batch:
                    self._commit([one])
                return
            settled = [(None, broken.error)]
        except Exception as error:  # the commit itself: nobody may be told that it is stored
            settled = [(None, error)] * len(batch)
        for (_, future), (result, failed) in zip(batch, settled, strict=True):
            if failed is None:
                future.set_result(result)
            else:
                future.set_exception(failed)

    def _attempt(self, jobs: list[Job]) -> list[tuple[Any, Exception | None]]:
        """Results and errors of the jobs, after the commit."""
        settled: list[tuple[Any, Exception | None]] = []
        with self.engine.connect() as connection:
            connection.execution_options(writes=True)
            with connection.begin():
                settled += [_in_savepoint(connection, job) for job in jobs]
        return settled


class _Broken(Exception):
    """A job after which the transaction cannot go on."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _in_savepoint(connection: "Connection", job: Job) -> tuple[Any, Exception | None]:
    from sqlalchemy.exc import OperationalError

    try:
        connection.exec_driver_sql("SAVEPOINT job")
        try:
            result = job(connection)
        except OperationalError:
            raise
        except Exception as error:
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT job")
            return None, error
        connection.exec_driver_sql("RELEASE SAVEPOINT job")
    except OperationalError as error:  # a lost connection, a deadlock, a full disk
        raise _Broken(error) from error
    return result, None
