"""What travels of a folder: its regular files, each on its own."""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path


def files_below(folder: Path, without: Sequence[str] = ()) -> Iterator[tuple[Path, str]]:
    """Yield what lies below the folder, but for the names `without` at its top, with why it can't travel; "" if it can.

    A link travels as the file that it leads to, if that lies below the folder as well.
    """
    yield from _walk(folder, folder.resolve(), without)


def files_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the same of what lies directly in the folder, other folders left out."""
    for path in sorted(folder.iterdir()):
        if not path.is_dir():
            yield path, _obstacle(path, folder.resolve())


def _walk(folder: Path, root: Path, without: Sequence[str] = ()) -> Iterator[tuple[Path, str]]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.name not in without)
    except OSError as error:
        yield folder, _reason(error)
        return
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path, root)
        else:
            yield path, _obstacle(path, root)


def _obstacle(path: Path, root: Path) -> str:
    try:
        str(path).encode()
        target = path.resolve(strict=True)
        kind = target.stat().st_mode
        if path.is_symlink() and not (stat.S_ISREG(kind) and target.is_relative_to(root)):
            return "a link that leads to no file of the same directory"
        if not stat.S_ISREG(kind):
            return "no regular file"
        with path.open("rb"):  # after the look: to open a FIFO would wait for ever
            return ""
    except UnicodeError:
        return "a name that is no text"
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        return _reason(error)


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
