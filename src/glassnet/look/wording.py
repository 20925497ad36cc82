"""Numbers and settings as a person would write them."""

from collections.abc import Mapping
from typing import Any


def percent(share: float, digits: int = 1) -> str:
    """0.984 -> "98.4 %", with a space that does not break."""
    return f"{100 * share:.{digits}f}\u00a0%"


def sure(share: float) -> str:
    """A probability, which is never quite 1: 0.9999 -> "over 99.9 %"."""
    return f"over {percent(0.999)}" if share >= 0.9995 else percent(share)


def count(number: int, noun: str) -> str:
    """1 -> "1 time", 7 -> "7 times"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def memory(size: float) -> str:
    """A number of bytes in units of 1024: 12345 -> "12.1 KiB"."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"


def duration(seconds: float) -> str:
    """25.3 -> "25 s", 754 -> "12 min 34 s", 7300 -> "2 h 1 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def words(value: Any) -> str:
    """A setting as a person would write it; "" for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        rest = ", ".join(f"{key} {_inner(entry)}" for key, entry in value.items() if key != "name")
        if "name" in value:
            return f"{value['name']} ({rest})" if rest else str(value["name"])
        return rest
    if isinstance(value, list | tuple):
        return ", ".join(map(words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _inner(value: Any) -> str:
    return f"({words(value)})" if isinstance(value, list | tuple) else words(value)
