import pytest

from glassnet.look.wording import count, duration, memory, sure, words


def test_counts() -> None:
    assert count(1, "time") == "1 time"
    assert count(7, "time") == "7 times"
    assert count(1234, "epoch") == "1,234 epochs"


@pytest.mark.parametrize(
    ("size", "text"),
    [(40, "40 B"), (12345, "12.1 KiB"), (3 * 2**20, "3 MiB"), (5 * 2**30, "5 GiB")],
)
def test_memory(size: int, text: str) -> None:
    assert memory(size) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.01, "0.01"),
        (True, "yes"),
        ([1, 2.5], "1, 2.5"),
        ({"a": 1}, "a 1"),
        ({"name": "Flip"}, "Flip"),
        ({"name": "Adam", "betas": [0.9, 0.99]}, "Adam (betas (0.9, 0.99))"),
        ({"name": "Shift", "pixels": 2}, "Shift (pixels 2)"),
    ],
)
def test_settings_in_words(value: object, text: str) -> None:
    assert words(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (754, "12 min 34 s"), (7300, "2 h 1 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_nobody_is_perfectly_sure() -> None:
    assert sure(1.0) == "over 99.9\u00a0%"
    assert sure(0.5) == "50.0\u00a0%"
