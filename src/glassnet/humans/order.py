"""In which order a person sees the images: drawn once for all from seed and number of the person.

By SHA-256 and nothing else, so that a study that is under way sees the same order with any later
version of anything.
"""

import hashlib
from collections.abc import Sequence

from glassnet.humans.manifest import Item, Manifest


def trials(manifest: Manifest, number: int) -> tuple[Item, ...]:
    """The items of person `number` in their order: training, then test with checks among it.

    The k-th of c checks lies at random within the middle of the k-th c-th of the test.
    """

    def draw(item: Item) -> float:
        text = f"{manifest.seed}/{number}/{item.name}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:7]) / 2**56

    def shuffled(items: Sequence[Item]) -> list[Item]:
        return sorted(items, key=draw)

    test, checks = shuffled(manifest.of_kind("test")), shuffled(manifest.of_kind("check"))
    placed = [((i + 0.5) / len(test), item) for i, item in enumerate(test)]
    placed += [((k + 0.2 + 0.6 * draw(c)) / len(checks), c) for k, c in enumerate(checks)]
    placed.sort(key=lambda pair: pair[0])
    return (*shuffled(manifest.of_kind("training")), *(item for _, item in placed))
