"""The pictures that the best trial's job has left in its directory, in the page itself."""

import base64
from collections.abc import Iterator
from pathlib import Path

from ._places import Place, below, link, shown

# Each is kept in the page, which may have 12 MB in all: plotly.js takes 5, and 2,000 trials up to 4.
MOST_PICTURES, MOST_BYTES = 8, 1_500_000
KINDS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp", ".svg": "svg+xml"}
BEGINNINGS = {"png": b"\x89PNG", "jpeg": b"\xff\xd8", "gif": b"GIF8", "webp": b"RIFF", "svg+xml": b"<"}


def pictures_part(place: Place, sweep_dir: Path) -> str:
    """Return the pictures as HTML; empty where the job has left none. Those for which there is no room are links."""
    if not place.pictures:
        return ""
    kept = dict(_kept(place, sweep_dir))
    figures = [
        f'<figure><img alt="{shown(path)}" src="{data}"><figcaption>{_link(path, place)}</figcaption></figure>'
        for path, data in kept.items()
    ]
    others = [_link(path, place) for path in place.pictures[: 4 * MOST_PICTURES] if path not in kept]
    more = f'<p class="muted">Further pictures: {", ".join(others)}</p>' if others else ""
    return f'<h3 class="label">Its pictures</h3><div class="pictures">{"".join(figures)}</div>{more}'


def _kept(place: Place, sweep_dir: Path) -> Iterator[tuple[str, str]]:
    """Yield the path and the data URI of each picture that the page has room for."""
    room, number = MOST_BYTES, 0
    for path in place.pictures:
        kind = KINDS[Path(path).suffix.lower()]
        content = _content(sweep_dir / path, room) if number < MOST_PICTURES else b""
        if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(BEGINNINGS[kind]):
            room, number = room - len(content), number + 1
            # an image runs no script, and asks for nothing, whatever an SVG says
            yield path, f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _content(path: Path, room: int) -> bytes:
    """Return a file of at most so many bytes; empty if it is greater, or none that can be read."""
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= room else b""
    except OSError:
        return b""


def _link(path: str, place: Place) -> str:
    return link(path, below(path, place))
