"""What is kept in memory, so that looking at an image asks no database."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from glassnet.humans.place import Place

MOST = 256 * 2**20  # bytes of images
PEOPLE = 10_000  # whose open images are remembered


class Cache:
    """Bytes by key; the ones unused for longest go first."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._size = most, 0
        self._kept: OrderedDict[tuple[str, ...], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, ...], make: Callable[[], bytes]) -> bytes:
        """The bytes of `key`, made if they are not here."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        body = make()
        with self._lock:
            self._size += len(body) - len(self._kept.pop(key, b""))
            self._kept[key] = body
            while self._size > self._most and self._kept:
                self._size -= len(self._kept.popitem(last=False)[1])
        return body


class Shown:
    """The images that each person was last shown by this server, by their random ids."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, dict[str, str]] = OrderedDict()  # session -> id -> item
        self._lock = threading.Lock()

    def put(self, session: str, place: Place) -> None:
        """Remember what may be seen at `place`; after the lock the database is asked."""
        names = {} if place.locked else _names(place)
        with self._lock:
            self._names[session] = names
            self._names.move_to_end(session)
            if len(self._names) > PEOPLE:
                self._names.popitem(last=False)

    def find(self, session: str, id: str) -> str | None:
        """The name of the item behind an id, or None where it is not known here."""
        return self._names.get(session, {}).get(id)


def _names(place: Place) -> dict[str, str]:
    return {place.image_id(trial): place.trials[trial].name for trial in place.visible}
