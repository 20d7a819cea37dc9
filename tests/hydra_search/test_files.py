import threading
from pathlib import Path

import pytest

from hydra_plugins.hydra_search.files import write_aside


def test_reader_finds_the_old_text_or_the_new_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    texts = ["a" * 300_000, "b" * 300_000]
    write_aside(path, texts[0])
    seen: set[str] = set()
    writers = [threading.Thread(target=lambda t=t: [write_aside(path, t) for _ in range(50)]) for t in texts]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen.add(path.read_text())
    assert seen <= set(texts)
    assert [found.name for found in tmp_path.iterdir()] == ["report.html"]


def test_what_is_written_aside_is_hidden_and_lines_end_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    path.mkdir()  # the renaming fails
    with pytest.raises(OSError):
        write_aside(path, "a\r\nb\n")
    assert [found.name for found in tmp_path.iterdir()] == ["trials.csv"], "the other file is taken away"
    path.rmdir()
    write_aside(path, "a\r\nb\n")
    assert path.read_bytes() == b"a\r\nb\n"
