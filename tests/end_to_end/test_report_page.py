"""The page in a real browser, from a file: what a person sees."""

from dataclasses import replace
from pathlib import Path

import pytest

from hydra_plugins.hydra_search_report.report import write_report
from tests.browser import LOCAL, Chromium
from tests.conftest import wait_for
from tests.hydra_search_report.cases import CASES, job
from tests.searches import CONDITIONAL, conditional

pytestmark = pytest.mark.slow

# a bar, point, line or surface inside a plot; axes and legends do not count
SHAPES = ".points path, .scatterlayer .js-line, .contourlayer path, .contourlayer image, canvas"
MARKS = f"""
  return [...document.querySelectorAll('.plot')].filter(place => place.offsetParent).map(place => [
    place.closest('figure').className, place.querySelectorAll('{SHAPES}').length,
  ]);
"""
UNDRAWN = "return [...document.querySelectorAll('.plot:not([data-drawn])')].filter(place => place.offsetParent).length"
SORTED = "return [...document.querySelectorAll('#table tbody tr')].map(row => row.cells[arguments[0]].dataset.sort)"


def draw_all(chromium: Chromium) -> None:
    """Scroll as a person does until every visible plot is drawn."""

    def scrolled() -> bool:
        chromium.run("document.querySelector('.plot:not([data-drawn])')?.scrollIntoView()")
        for place in range(0, int(chromium.run("return document.documentElement.scrollHeight")), 500):
            chromium.run("window.scrollTo(0, arguments[0])", place)
        return int(chromium.run(UNDRAWN)) == 0

    wait_for(scrolled, 120, "every plot to be drawn")
    wait_for(lambda: all(count for _, count in chromium.run(MARKS)), 20, f"marks in {chromium.run(MARKS)}")


def noise(chromium: Chromium) -> list[str]:
    """Return what was complained about in the console, and what was asked of another machine."""
    return [*chromium.messages(), *(url for url in chromium.requests() if not url.startswith(LOCAL))]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sweep = tmp_path_factory.mktemp("sweep")
    job(sweep, 6, ["model=svm"])
    facts = replace(CONDITIONAL, n_trials=80)
    write_report(facts, conditional(80), sweep, "ended by n_trials")
    return sweep / "report.html"


@pytest.fixture
def page(report: Path) -> str:
    return report.as_uri()


@pytest.mark.parametrize(("width", "dark"), [(400, True), (1600, False)], ids=["small dark", "wide light"])
def test_every_plot_of_every_branch_has_marks(width: int, dark: bool, page: str, chromium: Chromium) -> None:
    chromium.open(page, width=width, dark=dark)
    kinds = set()
    for choice in chromium.driver.find_elements("name", "branch"):
        chromium.run("arguments[0].click()", choice)
        draw_all(chromium)
        kinds |= {kind for kind, _ in chromium.run(MARKS)}
        assert chromium.run("return document.querySelectorAll('.branch-plots:not([hidden])').length") == 1
    assert kinds == {"history", "intermediate", "curves", "timeline", "importances", "contour", "parallel", "group"}
    assert chromium.run("return document.documentElement.scrollWidth") <= width
    assert noise(chromium) == []


def test_plots_follow_the_colour_scheme(page: str, chromium: Chromium) -> None:
    chromium.open(page)
    draw_all(chromium)
    colour = "return getComputedStyle(document.querySelector('.history .xtick text')).fill"
    light = chromium.run(colour)
    chromium.scheme(dark=True)
    wait_for(lambda: chromium.run(colour) != light, 10, "the plots to become dark")
    background = "return getComputedStyle(document.querySelector('.history .main-svg')).backgroundColor"
    assert chromium.run(background) == "rgba(0, 0, 0, 0)"
    assert noise(chromium) == []


def test_table_sorts_by_number_and_by_text(page: str, chromium: Chromium) -> None:
    chromium.open(page)
    heads = chromium.driver.find_elements("css selector", "#table th button")
    names = [head.get_attribute("textContent") for head in heads]
    value = heads[names.index("accuracy")]
    value.send_keys("\n")  # by keyboard
    ascending = chromium.run(SORTED, names.index("accuracy"))
    filled = [float(text) for text in ascending if text]
    assert filled == sorted(filled)
    assert ascending[len(filled) :] == [""] * (len(ascending) - len(filled))
    assert chromium.run("return arguments[0].parentElement.ariaSort", value) == "ascending"
    chromium.run("arguments[0].click()", value)
    descending = [float(text) for text in chromium.run(SORTED, names.index("accuracy")) if text]
    assert descending == sorted(filled, reverse=True)
    chromium.run("arguments[0].click()", heads[names.index("model")])
    cells = "return [...document.querySelectorAll('#table tbody tr')].map(row => row.cells[arguments[0]].textContent)"
    models = chromium.run(cells, names.index("model"))
    assert models == sorted(models)
    assert chromium.run("return document.querySelectorAll('[aria-sort]').length") == 1


def test_table_shows_one_state_and_why_trials_failed(page: str, chromium: Chromium) -> None:
    chromium.open(page)
    visible = "return [...document.querySelectorAll('#table tbody tr')].filter(row => row.offsetParent).length"
    assert chromium.run(visible) == 80
    change = "const f = document.getElementById('filter'); f.value = arguments[0]; f.dispatchEvent(new Event('change'))"
    chromium.run(change, "failed")
    failed = chromium.run(visible)
    assert 0 < failed < 80
    assert chromium.run("return document.getElementById('shown').textContent") == f"{failed} shown"
    assert "The least populated class" in chromium.run(
        "return document.querySelector('#table tbody tr:not([hidden])').innerText"
    )


def test_command_is_copied_or_marked(page: str, chromium: Chromium) -> None:
    chromium.open(page)
    button = chromium.driver.find_element("css selector", "button.copy")
    button.click()
    wait_for(lambda: button.text in ("Copied", "Marked: Ctrl+C"), 5, "an answer of the button")


@pytest.mark.parametrize("case", [name for name in CASES if name not in ("conditional", "two thousand")])
def test_every_search_is_drawn(case: str, tmp_path: Path, chromium: Chromium) -> None:
    facts, trials = CASES[case]
    write_report(facts, trials, tmp_path, "running")
    chromium.open((tmp_path / "report.html").as_uri())
    draw_all(chromium)
    assert chromium.run("return window.hurt") is None
    assert noise(chromium) == []


def test_page_works_in_a_sandboxed_frame(report: Path, tmp_path: Path, chromium: Chromium) -> None:
    """As an artifact viewer shows it: srcdoc, scripts allowed, no origin of its own."""
    text = report.read_text(encoding="utf-8")
    escaped = text.replace("&", "&amp;").replace('"', "&quot;")
    frame = tmp_path / "frame.html"
    frame.write_text(f'<iframe sandbox="allow-scripts" width="1200" height="800" srcdoc="{escaped}"></iframe>')
    chromium.open(frame.as_uri())
    chromium.driver.switch_to.frame(0)
    draw_all(chromium)
    chromium.run("document.querySelector('button.copy').click()")
    wait_for(lambda: chromium.run("return document.querySelector('button.copy').textContent") != "Copy", 5, "an answer")
    links = (
        "return [...document.querySelectorAll('main a')].map(link => link.getAttribute('href')).filter(href => href)"
    )
    assert all(href.startswith("#trial-") for href in chromium.run(links)), "no file is beside the frame"
    chromium.run("document.querySelector('main a[href]').click()")
    led = "return document.querySelector('tr:target').getBoundingClientRect().top < innerHeight"
    wait_for(lambda: chromium.run(led), 5, "the row of the best trial")
    assert noise(chromium) == []


def test_two_thousand_trials_are_drawn_and_sorted(tmp_path: Path, chromium: Chromium) -> None:
    write_report(*CASES["two thousand"], tmp_path, "ended by n_trials")
    chromium.open((tmp_path / "report.html").as_uri())
    draw_all(chromium)
    chromium.run("document.querySelectorAll('#table th button')[2].click()")
    values = [float(text) for text in chromium.run(SORTED, 2) if text]
    assert len(values) > 1000 and values == sorted(values)
