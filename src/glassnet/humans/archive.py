"""Unpacking a .zip that somebody uploaded, without trusting it."""

import stat
import zipfile
from pathlib import Path, PurePosixPath

from glassnet.errors import DataError
from glassnet.humans.images import LIMITS, SUFFIXES, Limits

_CHUNK = 2**20
_KEPT = (*SUFFIXES, ".csv", ".json")


def unpack(path: Path, folder: Path, limits: Limits = LIMITS) -> Path:
    """Write the images and tables of a .zip below `folder`; returns the folder.

    All names and sizes are looked at before anything is written; what is written is counted, since
    an archive may lie about its sizes. Raises DataError for a member that would lie outside
    (`../`, an absolute path), a link, an encrypted one, too many or too large ones, and for files
    that are neither PNG, JPEG, WebP, CSV nor JSON by their names.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and not _passed_over(m)]
            _check(path, members, limits)
            left = limits.total
            for member in members:
                target = folder / _place(path, member)
                target.parent.mkdir(parents=True, exist_ok=True)
                left -= _write(archive, member, target, min(left, limits.bytes))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(f"{path.name}: not a whole .zip file ({error}); pack it again") from error
    return folder


def _check(path: Path, members: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(members) > limits.members:
        raise DataError(f"{path.name}: {len(members):,} files, at most {limits.members:,}")
    total = sum(member.file_size for member in members)
    if total > limits.total:
        raise DataError(f"{path.name}: {total:,} bytes unpacked, at most {limits.total:,}")
    names = set()
    for member in members:
        place = _place(path, member)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(f"{path.name}: {member.filename} is a link; put the file itself in")
        if member.flag_bits & 1:
            raise DataError(f"{path.name}: {member.filename} is encrypted; pack it without")
        if place.suffix.lower() not in _KEPT:
            raise DataError(
                f"{path.name}: {member.filename} is no PNG, JPEG or WebP (nor a CSV or JSON); "
                f"leave it out"
            )
        if str(place).lower() in names:
            raise DataError(f"{path.name}: {member.filename} is in it twice")
        names.add(str(place).lower())


def _passed_over(member: zipfile.ZipInfo) -> bool:
    """What systems add by themselves: hidden files and resource forks."""
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    return "__MACOSX" in parts or any(p.startswith(".") and p not in (".", "..") for p in parts)


def _place(path: Path, member: zipfile.ZipInfo) -> PurePosixPath:
    """The member's place below the folder. Raises DataError where it would be elsewhere."""
    name = member.filename.replace("\\", "/")
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or ":" in name or "\0" in name:
        raise DataError(f"{path.name}: {member.filename!r} would be written elsewhere; refused")
    return place


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, most: int) -> int:
    """Unpack one member, at most `most` bytes of it; how many it has."""
    written = 0
    with archive.open(member) as packed, open(target, "xb") as file:
        while chunk := packed.read(_CHUNK):
            written += len(chunk)
            if written > most:
                raise DataError(f"{member.filename}: more than {most:,} bytes when unpacked")
            file.write(chunk)
    return written
