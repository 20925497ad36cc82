"""What the tests of layers share."""

from typing import Any

import pytest

from glassnet.operation import OPERATIONS


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the operations that run."""
    names: list[str] = []
    for name, operation in OPERATIONS.items():

        def pair(arrays: Any, options: Any, name: str = name, known: Any = operation._pair) -> Any:
            names.append(name)
            return known(arrays, options)

        monkeypatch.setattr(operation, "_pair", pair, raising=True)
    return names
