"""The report of a running search in a real browser: it reloads itself, keeps what a person has chosen, and ends."""

import json
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from hydra_plugins.hydra_search_report.report import write_report
from tests.browser import Chromium
from tests.conftest import StartApp, wait_for
from tests.end_to_end.test_report_page import draw_all, noise
from tests.hydra_search_report.cases import CASES, job
from tests.searches import CONDITIONAL, conditional

pytestmark = pytest.mark.slow

FACTS = replace(CONDITIONAL, n_trials=80)
TRIALS = conditional(80)
COUNT = "return document.querySelectorAll('#table tbody tr').length"
SEEN = """
  const rows = [...document.querySelectorAll('#table tbody tr')].filter(row => row.offsetParent);
  return rows.map(row => row.cells[arguments[0]].textContent);
"""
HEADS = "return [...document.querySelectorAll('#table th')].filter(h => h.offsetParent).map(h => h.dataset.name)"
CHOSEN = "return JSON.parse(document.querySelector('.curves script').textContent).data.map(trace => trace.name)"
TYPED = """
  const head = [...document.querySelectorAll('#table th')].find(head => head.dataset.name === arguments[0]);
  const field = head.querySelector('input');
  field.value = arguments[1];
  field.dispatchEvent(new Event('input', { bubbles: true }));
"""
AGE = "return document.getElementById('age').textContent"
MARKED = "window.marked = true"  # is gone when the page has been loaded again
STAYS = "return window.marked === true"
AT = "return document.querySelector('section[aria-labelledby=trials]').getBoundingClientRect().top"


def text_of(chromium: Chromium, script: str, *arguments: object) -> Any:
    """Run a script in a page that may be loading at this moment."""
    from selenium.common.exceptions import WebDriverException

    try:
        return chromium.run(script, *arguments)
    except WebDriverException:
        return None


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write the report of the first trials, of which some have left files, and return its address."""

    def written(count: int, status: str = "running", every: float = 60.0) -> str:
        for number in range(0, count, 10):
            if not (tmp_path / str(number)).exists():
                job(tmp_path, number, [])
                (tmp_path / str(number) / "app.log").write_text("log")
        write_report(FACTS, TRIALS[:count], tmp_path, status, every)
        return (tmp_path / "report.html").as_uri()

    return written


def open_marked(chromium: Chromium, url: str, **how: Any) -> None:
    chromium.open("about:blank")
    chromium.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"})
    chromium.open(url, **how)
    chromium.run("sessionStorage.clear()")
    chromium.run(MARKED)


def test_page_of_a_running_search_reloads_and_keeps_what_was_chosen(
    write: Callable[..., str], chromium: Chromium
) -> None:
    open_marked(chromium, write(40))
    chromium.run("document.querySelectorAll('#table th button')[2].click()")
    chromium.run("document.querySelectorAll('#table th button')[2].click()")
    chromium.run(TYPED, "accuracy", "> 0.8")
    chromium.run(TYPED, "preprocessor", "stand")
    chromium.run("[...document.querySelectorAll('#columns label')].find(l => l.textContent === ' worker').click()")
    chromium.run("document.querySelector('input[value=branch-1]').click()")
    finished = next(t.number for t in TRIALS[:40] if t.values and t.number not in numbers(chromium.run(CHOSEN)))
    chromium.run(f"document.querySelector('#trial-{finished} input').click()")
    chromium.run("document.querySelector('section[aria-labelledby=trials]').scrollIntoView()")
    chromium.run("scrollBy(0, -40); document.querySelector('#table').closest('.scroll').scrollLeft = 30")
    before, chosen, place = chromium.run(HEADS), chromium.run(CHOSEN), chromium.run(AT)
    assert "worker" not in before and len(chosen) == 6

    write(80)
    wait_for(lambda: text_of(chromium, COUNT) == 80, 150, "the page to reload itself")
    assert chromium.run(HEADS) == before
    values = [float(text) for text in chromium.run(SEEN, 2)]
    assert values == sorted(values, reverse=True) and min(values) > 0.8 and len(values) > 5
    assert set(chromium.run(SEEN, 3)) == {"standard"}
    assert chromium.run(CHOSEN) == chosen
    assert chromium.run("return document.querySelector('input[name=branch]:checked').value") == "branch-1"
    assert chromium.run("return [...document.querySelectorAll('.branch-plots')].map(p => p.hidden)")[:2] == [
        True,
        False,
    ]
    assert abs(chromium.run(AT) - place) < 3
    assert chromium.run("return document.querySelector('#table').closest('.scroll').scrollLeft") == 30
    assert "reloads itself" in chromium.run(AGE)

    write(80, "ended by n_trials")
    wait_for(lambda: text_of(chromium, "return document.getElementById('status').textContent") == "ended by n_trials",
             150, "the end to be seen")  # fmt: skip
    chromium.run(MARKED)
    time.sleep(24)
    assert chromium.run(STAYS), "a search that is over is loaded no more"
    assert re.fullmatch(r"Written .*, \d+ s ago\.", chromium.run(AGE))
    assert noise(chromium) == []


def numbers(names: list[str]) -> list[int]:
    return [int(name.removeprefix("trial ")) for name in names]


BUSY = {
    "a pause": ("document.getElementById('hold').click()", "document.getElementById('hold').click()"),
    "a marked text": ("getSelection().selectAllChildren(document.querySelector('h1'))", "getSelection().empty()"),
    "an open menu": ("document.getElementById('columns').open = true",
                     "document.getElementById('columns').open = false"),
    "a pressed button": ("document.dispatchEvent(new Event('pointerdown', {bubbles: true}))",
                         "document.dispatchEvent(new Event('pointerup', {bubbles: true}))"),
    "typing": ("dispatchEvent(new Event('keydown'));"
               "window.types = setInterval(() => dispatchEvent(new Event('keydown')), 300)", "clearInterval(types)"),
}  # fmt: skip


def test_page_is_not_reloaded_while_somebody_is_busy_with_it(write: Callable[..., str], chromium: Chromium) -> None:
    open_marked(chromium, write(10))
    last = "0"
    for what, (begin, end) in BUSY.items():  # each from before the one before has ended
        chromium.run(begin)
        chromium.run(last)
        time.sleep(24 if last == "0" else 3)  # the first: until it is due
        assert chromium.run(STAYS), what
        last = end
    chromium.run(last)
    wait_for(lambda: text_of(chromium, STAYS) is False, 30, "the page to reload itself")


def test_page_of_a_search_that_was_killed_is_not_called_live(
    write: Callable[..., str], tmp_path: Path, chromium: Chromium
) -> None:
    write(10, every=1.0)
    path = tmp_path / "report.html"
    long_ago = f'data-written="{time.time() - 200:.0f}" data-alive="{time.time() - 190:.0f}"'
    path.write_text(re.sub(r'data-written="\d+" data-alive="\d+"', long_ago, path.read_text(), count=1))
    open_marked(chromium, path.as_uri())
    assert chromium.run(AGE) == "Written 3 min ago; the search was running then."
    assert chromium.run("return document.getElementById('status').textContent") == "was running"
    assert "was running" in chromium.driver.title
    assert chromium.run("return document.getElementById('hold').offsetParent") is None
    time.sleep(5)
    assert chromium.run(STAYS)


def test_page_says_that_it_has_become_old_while_it_is_looked_at(write: Callable[..., str], chromium: Chromium) -> None:
    """Nobody writes it again: it reloads in vain, until it takes the search for dead."""
    open_marked(chromium, write(10, every=0.0))
    wait_for(lambda: "the search was running then" in str(text_of(chromium, AGE)), 150, "the page to say so")
    chromium.run(MARKED)
    time.sleep(7)
    assert chromium.run(STAYS)


def test_every_trial_that_is_clicked_in_a_plot_is_led_to(write: Callable[..., str], chromium: Chromium) -> None:
    open_marked(chromium, write(80, "complete"), width=1400)
    draw_all(chromium)
    chromium.run(TYPED, "trial", "3")  # hides the others
    visible = "[...document.querySelectorAll('.plot')].filter(place => place.offsetParent)"
    kinds = chromium.run(f"return {visible}.map(place => place.closest('figure').className)")
    assert len(kinds) > 5
    script = f"""
      const place = {visible}[arguments[0]];
      const data = place.data.find(trace => trace.meta?.trial !== undefined || trace.customdata);
      if (!data) return null;
      place.emit('plotly_click', {{ points: [{{ data, customdata: data.customdata?.[0] }}] }});
      return String(data.meta?.trial ?? [data.customdata[0]].flat()[0]);
    """
    in_view = """
      const at = document.getElementById(arguments[0]).getBoundingClientRect();
      return location.hash === `#${arguments[0]}` && at.height > 0 && at.top > 0 && at.bottom < innerHeight;
    """
    led = set()
    for index, kind in enumerate(kinds):
        if trial := chromium.run(script, index):
            wait_for(lambda row=f"trial-{trial}": chromium.run(in_view, row), 10, f"trial {trial} of {kind} to be seen")
            led.add(kind)
    assert led == {"history", "intermediate", "curves", "timeline", "contour", "parallel", "group"}


def test_a_real_click_on_a_point_leads_to_its_row(write: Callable[..., str], chromium: Chromium) -> None:
    from selenium.webdriver import ActionChains

    open_marked(chromium, write(10, "complete"))
    draw_all(chromium)
    chromium.run("document.querySelector('.history').scrollIntoView({block: 'center'})")
    points = chromium.driver.find_elements("css selector", ".history .points path")
    ActionChains(chromium.driver).move_to_element(points[-1]).pause(0.5).click().perform()
    last = max(trial.number for trial in TRIALS[:10] if trial.values)
    wait_for(lambda: chromium.driver.current_url.endswith(f"#trial-{last}"), 10, f"trial {last} to be led to")


@pytest.mark.parametrize(
    ("column", "wanted", "kept"),
    [
        ("trial", "7", lambda t: t.number == 7),
        ("trial", "10 .. 19", lambda t: 10 <= t.number <= 19),
        ("trial", ">= 70", lambda t: t.number >= 70),
        ("accuracy", ">0.9", lambda t: t.values and t.values[0] > 0.9),
        ("model", "!svm", lambda t: t.params["model"] == "forest"),
        ("model", "FOR", lambda t: t.params["model"] == "forest"),
        ("model", ">", lambda t: True),
        ("worker", "=node:4001", lambda t: t.user_attrs["worker"]["pid"] == 4001),
        ("start", "< 2026-03-01 12:00:20", lambda t: t.datetime_start.second < 20),
        ("reason", "least populated", lambda t: "error" in t.user_attrs),
        ("files", "app.log", lambda t: t.number % 10 == 0),
    ],
)  # fmt: skip
def test_rows_are_filtered_by_any_column(
    column: str, wanted: str, kept: Callable[[Any], bool], write: Callable[..., str], chromium: Chromium
) -> None:
    open_marked(chromium, write(80, "complete"))
    chromium.run(TYPED, column, wanted)
    assert chromium.run(SEEN, 0) == [str(trial.number) for trial in TRIALS if kept(trial)]
    chromium.run("document.getElementById('all-rows').click()")
    assert len(chromium.run(SEEN, 0)) == 80


@pytest.mark.parametrize(("width", "dark"), [(400, False), (1600, True)], ids=["small light", "wide dark"])
@pytest.mark.parametrize("case", ["two objectives", "four objectives"])
def test_nothing_runs_over_the_edge(case: str, width: int, dark: bool, tmp_path: Path, chromium: Chromium) -> None:
    facts, trials = CASES[case]
    for trial in trials:
        job(tmp_path, trial.number, [])
        (tmp_path / str(trial.number) / f"{'long' * 30}.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    write_report(facts, trials, tmp_path, "running")
    open_marked(chromium, (tmp_path / "report.html").as_uri(), width=width, dark=dark)
    draw_all(chromium)
    chromium.run("document.getElementById('columns').open = true")
    assert chromium.run("return document.documentElement.scrollWidth") <= width
    assert noise(chromium) == []


def test_page_is_looked_at_while_a_search_of_60_trials_runs(
    start_app: StartApp, tmp_path: Path, chromium: Chromium
) -> None:
    asked = ("hydra.sweeper.report=true", "hydra.sweeper.n_trials=60", "hydra.sweeper.n_jobs=2")
    process = start_app("tracked.py", "--multirun", "--config-name=asynchronous", *asked, "seconds=0.8", "steps=3")
    search = tmp_path / "multirun/search/report.html"
    wait_for(search.exists, 120, "the first report")
    open_marked(chromium, search.as_uri())
    assert chromium.run("return document.getElementById('status').textContent") == "running"
    chromium.run("document.querySelectorAll('#table th button')[2].click()")
    chromium.run(TYPED, "trial", "< 50")
    chromium.run("document.querySelector('section[aria-labelledby=trials]').scrollIntoView()")
    place, first = chromium.run(AT), chromium.run(COUNT)
    wait_for(lambda: (text_of(chromium, COUNT) or 0) > first, 200, "further trials in the page")
    assert abs(chromium.run(AT) - place) < 3
    values = [float(text) for text in chromium.run(SEEN, 2) if text]
    assert values == sorted(values) and values
    over = "return document.getElementById('status').textContent.startsWith('ended')"
    wait_for(lambda: text_of(chromium, over), 300, "the end in the page")
    assert len(chromium.run(SEEN, 0)) == 50 and chromium.run(COUNT) == 60

    process.communicate(timeout=200)  # what follows takes the directory away

    links = chromium.run("return [...document.querySelectorAll('main a')].map(link => link.href)")
    files = {Path(unquote(urlsplit(link).path)) for link in links if link.startswith("file:") and "#" not in link}
    assert len(files) >= 120 and all(path.exists() for path in files)
    rows = {link.partition("#")[2] for link in links if "#" in link}
    assert rows and all(chromium.run("return !!document.getElementById(arguments[0])", row) for row in rows)
    run = json.loads((search.parent / "7/.mlflow_run.json").read_text())["run_id"]
    assert run in chromium.run("return document.getElementById('trial-7').textContent")
    assert noise(chromium) == []
    moved = shutil.copytree(search.parent, tmp_path / "elsewhere") / "report.html"
    shutil.rmtree(search.parent)
    chromium.open(moved.as_uri())
    chromium.driver.get(chromium.run("return document.querySelector('#trial-3 a').href"))
    assert "tracked.log" in chromium.run("return document.body.textContent"), "the listing of its directory"
