"""A file is either the old one or the new one, whole, whatever happens in between.

The bytes go to a temporary file in the same folder, reach the disk (fsync), take the name by
`os.replace`, and the folder's entry reaches the disk too. A kill at any byte leaves the old file.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

Content = bytes | bytearray | memoryview | str


def atomic_write(path: str | os.PathLike[str], content: Content) -> Path:
    """Write `content` (bytes, or text as UTF-8) to `path` in one step; returns the path.

    Missing folders are made. The file's mode follows the umask, as with `open`. Where `path` is a
    symbolic link, the file that it points to is replaced. Raises OSError as `open` does; then the
    old file is untouched and no temporary file is left.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        _write_through(temporary, content.encode() if isinstance(content, str) else content)
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    sync_folder(target.parent)
    return Path(path)


def _write_through(path: Path, content: bytes | bytearray | memoryview) -> None:
    """Create `path`, which must not exist, and hold it until its bytes are on the disk."""
    with open(path, "xb") as file:  # "x" creates with mode 0o666 less the umask
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Bring the folder's entries to the disk; where folders cannot be opened, do nothing."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
