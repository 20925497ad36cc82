"""All benches of one database."""

import re
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassnet.errors import Conflict, DataError, GlassnetError, NotFound, require
from glassnet.humans import log
from glassnet.humans.invitations import Invitation
from glassnet.humans.service import Bench

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from glassnet.humans.build import Body
    from glassnet.humans.manifest import Manifest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_ROWS = 16  # images that are handed to the database at once


class Benches:
    """All benches of one database. Safe from any thread; close it at the end.

    database  an SQLAlchemy URL ("postgresql://user@host/name"), or None for SQLite in `data`
    data      the folder of the SQLite file, the server's secret and the backups; by default
              `glassnet` in the user's data directory

    The schema is brought up to date, after a backup. Raises GlassnetError where the database
    cannot be opened, is of a newer glassnet, or was made with another secret.
    """

    def __init__(self, database: str | None = None, data: Path | None = None) -> None:
        require("sqlalchemy", "web")
        from platformdirs import user_data_path

        from glassnet.humans import store
        from glassnet.humans.migrate import migrate
        from glassnet.humans.vault import Vault

        self.data = Path(data) if data is not None else user_data_path("glassnet", appauthor=False)
        url = store.address(database, self.data)
        self.vault = Vault(self.data)
        engine = store.connect(url)
        try:
            self.backup = migrate(engine, self.data)
            self.store = store.Store(engine)
            self._check_secret()
        except Exception as error:
            engine.dispose()
            if isinstance(error, GlassnetError):
                raise
            raise GlassnetError(f"the database cannot be opened: {error}") from error
        self._lock = threading.Lock()
        self._known: dict[str, Bench] = {}

    def create(
        self,
        name: str,
        source: str,
        preset: str = "cifar10-2011",
        *,
        images: int | None = None,
        exemplars: int | None = None,
        training: int | None = None,
        checks: int | None = None,
        seed: int = 0,
        hierarchy: Path | None = None,
        consent: str | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Bench:
        """Make a bench and freeze it.

        source     "cifar10", "digits" (demo), a folder of class folders, a CSV or .zip of paths
                   and labels, or the folder of a glassnet run (then: its test set)
        images     test images, drawn by `seed`; None: as the preset says, at most all there are
        exemplars  examples a class; training: images of the training phase
        checks     attention checks
        hierarchy  a JSON file of classes with their place in a hierarchy, see `presets.laid_out`
        consent    the owner's words
        changes    other fields of the manifest: {"confidence": True, "timing": {...}, ...}

        Raises Conflict where the name is taken, DataError for names other than letters, digits, -
        and _, and for images that cannot be used.
        """
        from glassnet.humans import build, sources
        from glassnet.humans.presets import preset as protocol

        chosen = protocol(preset)
        self._require_free(name)
        wish = build.Wish(images, exemplars, training, checks, seed, hierarchy, consent, changes)
        with tempfile.TemporaryDirectory(prefix="glassnet-") as folder:
            unpacked, spool = Path(folder) / "archive", Path(folder) / "spool"
            unpacked.mkdir()
            spool.mkdir()
            found = sources.find(source, unpacked)
            manifest, bodies = build.make(name, preset, chosen, found, wish, spool)
            self.add(manifest, bodies)
        return self.get(name)

    def add(self, manifest: "Manifest", bodies: "Iterable[Body]") -> None:
        """Store a manifest with its images, all or nothing. Raises Conflict for a taken name."""
        from sqlalchemy import insert

        from glassnet.humans.schema import BENCH, IMAGE

        def job(connection: "Connection") -> None:
            connection.execute(
                insert(BENCH),
                {
                    "name": manifest.name,
                    "digest": manifest.digest,
                    "manifest": manifest.to_json(),
                    "facts": "{}",
                    "created_at": log.now(),
                },
            )
            rows: list[dict[str, Any]] = []
            for body in bodies:
                rows.append({"bench": manifest.name} | vars(body))
                if len(rows) == _ROWS:
                    connection.execute(insert(IMAGE), rows)
                    rows = []
            if rows:
                connection.execute(insert(IMAGE), rows)

        from sqlalchemy.exc import IntegrityError

        try:
            self.store.write(job)
        except IntegrityError as error:
            raise Conflict(f"there is a bench '{manifest.name}' already") from error

    def demo(self) -> Bench:
        """The demo on twenty digits, with a network that was trained on others; made once.

        Anyone may take part (`Bench.walk_in`), and sees the truth after one's own last answer.
        """
        from glassnet.humans.demo import demo

        return demo(self)

    def get(self, name: str) -> Bench:
        """The bench of that name. Raises NotFound."""
        with self._lock:
            if name not in self._known:
                self._known[name] = Bench(self.store, self.vault, self.data, self._manifest(name))
            return self._known[name]

    def names(self) -> list[str]:
        """The names of all benches, the newest last."""
        from sqlalchemy import select

        from glassnet.humans.schema import BENCH

        with self.store.read() as connection:
            query = select(BENCH.c.name).order_by(BENCH.c.created_at, BENCH.c.name)
            return list(connection.scalars(query))

    def invitation(self, token: str) -> Invitation | None:
        """What a token opens, or None for one that means nothing."""
        from glassnet.humans.invitations import find

        with self.store.read() as connection:
            return find(connection, token)

    def close(self) -> None:
        """Finish what is being written and close the database."""
        self.store.close()

    def __enter__(self) -> "Benches":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _manifest(self, name: str) -> "Manifest":
        from sqlalchemy import select

        from glassnet.humans.manifest import Manifest
        from glassnet.humans.schema import BENCH

        with self.store.read() as connection:
            query = select(BENCH.c.manifest, BENCH.c.digest).where(BENCH.c.name == name)
            found = connection.execute(query).one_or_none()
        if found is None:
            known = self.names()
            listed = f"; there are {', '.join(known)}" if known else "; there is none yet"
            raise NotFound(f"there is no bench '{name}'{listed}")
        manifest = Manifest.from_json(found.manifest)
        if manifest.digest != found.digest:
            raise GlassnetError(f"the manifest of '{name}' was changed after it was frozen")
        return manifest

    def _require_free(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise DataError(
                f"{name!r} cannot be the name of a bench: at most 60 letters, digits, - and _, "
                f"beginning with a letter or digit"
            )
        if name in self.names():
            raise Conflict(f"there is a bench '{name}' already; choose another name")

    def _check_secret(self) -> None:
        """A database and its secret belong together: remember the one, notice another."""
        from sqlalchemy import insert, select

        from glassnet.humans.schema import SETTING

        def job(connection: "Connection") -> str:
            query = select(SETTING.c.value).where(SETTING.c.name == "secret")
            found = connection.execute(query).scalar_one_or_none()
            if found is None:
                row = {"name": "secret", "value": self.vault.check}
                connection.execute(insert(SETTING), row)
            return found or self.vault.check

        if self.store.write(job) != self.vault.check:
            self.store.close()
            raise GlassnetError(
                f"this database was made with another secret than that in {self.data}: bring the "
                f"file 'bench-secret' back that belongs to it, else no answer can be read"
            )
