"""Where the files of a published data set lie: a path, `GLASSNET_DATA`, the cache, a download."""

import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from glassnet.data.download import download, md5_of
from glassnet.errors import DataError


@dataclass(frozen=True)
class Published:
    """A data set as its authors publish it.

    folders    where its files lie within a data folder; downloads go to the first
    files      the names of the files that are read
    archives   what is downloaded, with its published MD5: NAME.gz for each file, or one .tar.gz
    mirrors    addresses which, with an archive's name added, give that archive
    checksums  MD5 of files, unzipped, where it was published
    sizes      bytes of files, where there is no checksum
    """

    name: str
    folders: tuple[str, ...]
    files: tuple[str, ...]
    archives: Mapping[str, str]
    mirrors: tuple[str, ...]
    checksums: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def archive(self) -> str | None:
        """The name of the one .tar.gz that holds all files, if it is published so."""
        return next((name for name in self.archives if name.endswith(".tar.gz")), None)

    def find(self, folder: Path, name: str) -> Path | None:
        """The file `name` in a folder, raw or, where it is published so, zipped."""
        zipped = f"{name}.gz"
        paths = [folder / name] + [folder / zipped] * (zipped in self.archives)
        return next((path for path in paths if path.is_file()), None)


def cache_folder() -> Path:
    """Where downloads go: `glassnet` in the user's cache folder of this operating system."""
    from platformdirs import user_cache_path

    return user_cache_path("glassnet", appauthor=False)


def locate(published: Published, path: str | os.PathLike[str] | None = None) -> Path:
    """The folder that holds all files of a data set.

    An explicit `path` (that folder, the one above it, or the one of the archive) is the only place
    looked at; otherwise `GLASSNET_DATA`, then the cache folder, then a download into it. Raises
    DataError with the files' names and the folder to put them in.
    """
    explicit = None if path is None else Path(path)
    for base in [explicit] if explicit is not None else _bases():
        folders = [base / name for name in published.folders]
        for folder in folders if explicit is None else [base, *folders]:
            if all(published.find(folder, name) for name in published.files):
                return folder
        if published.archive is not None and (base / published.archive).is_file():
            return _unpack(base / published.archive, published)
    if explicit is not None:
        raise DataError(_missing(published, explicit))
    try:
        return _fetch(published, cache_folder())
    except (DataError, OSError) as error:
        raise DataError(f"{error}\n{_missing(published, cache_folder())}") from error


def _bases() -> Iterator[Path]:
    if os.environ.get("GLASSNET_DATA"):
        yield Path(os.environ["GLASSNET_DATA"])
    yield cache_folder()


def _fetch(published: Published, base: Path) -> Path:
    """Download what is missing under `base`; the folder of the files."""
    folder = base / published.folders[0]
    for name, md5 in published.archives.items():
        urls = [mirror + name for mirror in published.mirrors]
        if name == published.archive:
            _unpack(download(urls, base / name, md5), published)
            (base / name).unlink()
        elif published.find(folder, name.removesuffix(".gz")) is None:
            download(urls, folder / name, md5)
    return folder


def _unpack(archive: Path, published: Published) -> Path:
    """Check a .tar.gz and lay its files out in the cache folder, each in one step."""
    found, expected = md5_of(archive), published.archives[archive.name]
    if found != expected:
        raise DataError(
            f"{archive}: MD5 {found}, expected {expected}; it was cut short or damaged; remove it "
            "and get it again"
        )
    inside = published.folders[0]
    folder = cache_folder() / inside
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        with tarfile.open(archive) as tar:
            for name in published.files:
                tar.extract(f"{inside}/{name}", temporary, filter="data")
        for name in published.files:
            os.replace(Path(temporary, inside, name), folder / name)
    return folder


def _missing(published: Published, base: Path) -> str:
    inside, names = published.folders[0], ", ".join(published.files)
    if published.archive is None:
        what = f"put {names} (as they are or as .gz) into {base / inside}"
    else:
        what = f"put {published.archive} into {base}, or its files {names} into {base / inside}"
    return (
        f"{published.name} is not at {base}: {what}; or set GLASSNET_DATA to a folder that holds "
        f"{inside}/"
    )
