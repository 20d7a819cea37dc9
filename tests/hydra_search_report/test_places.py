"""What a trial has left, as the page leads to it: directories, logs, pictures, tracked runs."""

import html
import json
import os
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from hydra_plugins.hydra_search.files import JOB_RECORD, SEARCH_RECORD
from hydra_plugins.hydra_search_report._places import MOST_BYTES, MOST_PICTURES, pictures_part, places_of, tracking_of
from hydra_plugins.hydra_search_report.report import write_report
from tests.searches import FACTS, made_up

from .cases import plain

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
ODD = 'a "b" <i>&#?%;: ü.png'


def left(folder: Path, number: int, *names: str, content: bytes = PNG) -> Path:
    """Make a job's directory with these files."""
    for name in names:
        path = folder / str(number) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / str(number)


def page_of(folder: Path, count: int = 3) -> str:
    write_report(FACTS, plain(count), folder, "complete")
    return (folder / "report.html").read_text()


def row(page: str, number: int) -> str:
    return page.partition(f'id="trial-{number}"')[2].partition("</tr>")[0]


def test_row_leads_to_what_is_there_by_links_that_move_with_the_directory(tmp_path: Path) -> None:
    left(tmp_path, 1, "app.log", "roc.png", "deep/curve.SVG", ".hydra/config.yaml", ".hidden.png", "model.bin")
    links = re.findall(r'href="(.*?)"', row(page_of(tmp_path), 1))
    assert links == ["1/", "1/", "1/app.log", "1/roc.png", "1/deep/curve.SVG"]
    assert "href" not in row(page_of(tmp_path), 0), "which has left nothing"


def test_odd_names_stay_names_and_their_links_lead_to_them(tmp_path: Path) -> None:
    left(tmp_path, 2, ODD)
    (Path(os.fsdecode(os.fsencode(tmp_path / "2") + b"/no\xff.png"))).write_bytes(PNG)
    page = page_of(tmp_path)
    (link,) = re.findall(r'href="(2/a.*?)"', row(page, 2))
    assert set(link) <= set("abcdefghijklmnopqrstuvwxyzABCDEF0123456789%/.") and unquote(link) == f"2/{ODD}"
    assert html.escape(ODD) in page and ODD not in page
    assert 'href="2/no%FF.png"' in page and "no\ufffd.png" in page


@pytest.mark.parametrize(
    ("uri", "runs"),
    [
        ("http://host:5000", "http://host:5000/#/experiments/4/runs/abc"),
        ("https://me:secret@host/path/", "https://host/path/#/experiments/4/runs/abc"),
        ("https://${oc.env:ABSENT}@host", "https://host/#/experiments/4/runs/abc"),
        ("https://host?token=secret", None),
        ("sqlite:////data/mlflow.db", None),
    ],
)
def test_tracked_run_is_linked_where_a_server_shows_it_and_else_named(
    uri: str, runs: str | None, tmp_path: Path
) -> None:
    left(tmp_path, 1, JOB_RECORD, content=b'{"run_id": "abc"}')
    (tmp_path / SEARCH_RECORD).write_text(json.dumps({"settings": {"tracking_uri": uri, "experiment_id": "4"}}))
    page = page_of(tmp_path)
    assert re.findall(r'href="(http.*?)"', row(page, 1)) == ([runs] if runs else [])
    assert ("<code>abc</code>" in row(page, 1)) == (runs is None)
    assert ("mlflow ui --backend-store-uri sqlite:////data/mlflow.db" in page) == uri.startswith("sqlite")
    assert "secret" not in page


def test_record_that_is_damaged_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / SEARCH_RECORD).write_text('{"settings": ')
    assert tracking_of(tmp_path).runs == tracking_of(tmp_path).command == ""
    (tmp_path / SEARCH_RECORD).write_text('["settings"]')
    assert tracking_of(tmp_path).runs == ""


def test_thousands_of_files_are_not_all_looked_at(tmp_path: Path) -> None:
    left(tmp_path, 0, *(f"checkpoint-{n}.png" for n in range(1000)))
    (place,) = places_of(plain(1), tmp_path).values()
    assert len(place.pictures) == 400


def test_best_trials_pictures_are_in_the_page_and_run_no_script(tmp_path: Path) -> None:
    left(tmp_path, 2, "roc.png")
    left(tmp_path, 2, "drawn.svg", content=b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    left(tmp_path, 2, "text.png", content=b"no picture")
    left(tmp_path, 1, "other.png")
    page = page_of(tmp_path)
    kinds = re.findall(r'<img alt="2/(.*?)" src="data:(.*?);base64,', page)
    assert kinds == [("drawn.svg", "image/svg+xml"), ("roc.png", "image/png")]
    assert "alert(1)" not in page
    assert 'href="2/text.png"' in page.partition("Further pictures")[2].partition("</p>")[0]


def test_pictures_have_bounded_room(tmp_path: Path) -> None:
    left(tmp_path, 0, *(f"{n:02}.png" for n in range(MOST_PICTURES + 3)))
    left(tmp_path, 1, "a.png", "c.png")
    left(tmp_path, 1, "b.png", content=PNG + bytes(MOST_BYTES))
    places = places_of([made_up(0), made_up(1)], tmp_path)
    assert pictures_part(places[0], tmp_path).count("<img") == MOST_PICTURES
    assert re.findall(r'<img alt="(.*?)"', pictures_part(places[1], tmp_path)) == ["1/a.png", "1/c.png"]
