"""Images in memory, the ones used last, up to a number of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable

MOST = 256 * 2**20  # bytes


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
