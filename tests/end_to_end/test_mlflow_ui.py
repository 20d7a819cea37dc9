"""A finished search in MLflow's own pages, in a real browser."""

from pathlib import Path

import pytest
from selenium.common.exceptions import NoSuchElementException
from selenium.webdriver.common.keys import Keys

from tests.browser import LOCAL, Chromium
from tests.conftest import MLflowServer, RunApp, wait_for
from tests.end_to_end.test_report_page import draw_all
from tests.recorded import Recorded

pytestmark = pytest.mark.slow

SEARCH = ("--multirun", "--config-name=asynchronous", "hydra.sweeper.report=true", "hydra.sweeper.n_trials=6")
NAMES = {f"trial-{number}" for number in range(6)}
TEXTS = "return [...document.querySelectorAll(arguments[0])].map(element => element.textContent)"
POINTS = """
  const plots = [...document.querySelectorAll('.js-plotly-plot')];
  return plots.flatMap(plot => (plot.data ?? []).map(trace => (trace.y ?? trace.x).length));
"""


class Pages:
    """MLflow's pages of one experiment."""

    def __init__(self, chromium: Chromium, uri: str, experiment: str) -> None:
        self.chromium = chromium
        self.uri = uri
        self.runs = f"{uri}/#/experiments/{experiment}/runs"

    def open(self, address: str, width: int = 1600) -> None:
        self.chromium.open("about:blank")  # an address that differs after # only would not be loaded anew
        self.chromium.open(address, width=width)

    def has(self, text: str) -> bool:
        return text in str(self.chromium.run("return document.body.innerText"))

    def wait_for(self, text: str) -> None:
        wait_for(lambda: self.has(text), 60, f"{text!r} in {self.chromium.driver.current_url}")

    def links(self, prefix: str = "trial-") -> list[str]:
        return [text for text in self.chromium.run(TEXTS, "a") if text.startswith(prefix)]

    def click(self, how: str, what: str) -> None:
        def clicked() -> bool:
            try:
                element = self.chromium.driver.find_element(how, what)
            except NoSuchElementException:
                return False
            self.chromium.run("arguments[0].click()", element)
            return True

        wait_for(clicked, 60, f"{what} in {self.chromium.driver.current_url}")

    def noise(self) -> tuple[list[str], list[str]]:
        """Return the errors that are not MLflow's own, and what was asked of other machines."""
        errors = [message for message in self.chromium.messages() if not message.startswith(f"{self.uri}/ajax-api/")]
        return errors, [url for url in self.chromium.requests() if not url.startswith((self.uri, *LOCAL))]


def test_finished_search_is_found_and_understood_in_mlflow(
    run_app: RunApp, mlflow_server: MLflowServer, chromium: Chromium, tmp_path: Path
) -> None:
    done = run_app("tracked.py", *SEARCH, env={"MLFLOW_TRACKING_URI": mlflow_server.uri})
    assert done.returncode == 0, done.stdout + done.stderr
    recorded = Recorded(mlflow_server.uri)
    parent = recorded.parent
    best = parent.data.tags["best.trial"]
    pages = Pages(chromium, mlflow_server.uri, parent.info.experiment_id)

    # The list: the parent with its runs below it, and a filter on them.
    pages.open(pages.runs)
    pages.wait_for("7 matching runs")
    if not pages.links():
        pages.click("xpath", "//a[.='search']/ancestor::*[@role='gridcell'][1]//button")
    wait_for(lambda: set(pages.links()) == NAMES, 60, f"the nested runs, not {pages.links()}")
    box = chromium.driver.find_element("css selector", "input[placeholder*='metrics.rmse']")
    box.send_keys("tags.study_name = 'search' and tags.kind = 'plain' and metrics.trial_number < 2", Keys.ENTER)
    pages.wait_for("3 matching runs")
    assert set(pages.links()) == {"trial-0", "trial-1"}, "and the parent, which MLflow shows with its children"

    # The parent's page: what was found, with links; its curve; the report.
    page = f"{pages.runs}/{parent.info.run_id}"
    pages.open(page)
    pages.wait_for("Trials: 6 finished, of 6 wanted.")
    wait_for(lambda: set(pages.links()) >= NAMES, 60, "the child runs")
    pages.click("link text", best)
    chromium.driver.switch_to.window(chromium.driver.window_handles[-1])
    wait_for(lambda: recorded.children[best].info.run_id in chromium.driver.current_url, 30, "the best run's page")
    pages.wait_for(best)
    pages.open(f"{page}/model-metrics")
    wait_for(lambda: 6 in chromium.run(POINTS), 60, "a curve of six points")
    assert pages.has("best_score")
    assert pages.noise() == ([], [])
    sweep = tmp_path / "multirun/search"
    pages.chromium.open((sweep / "report.html").as_uri())
    pages.open(chromium.run("return document.querySelector('#trial-3 a[href^=http]').href"))
    pages.wait_for("trial-3")
    assert recorded.children["trial-3"].info.run_id in chromium.driver.current_url
    pages.open(f"{page}/artifacts/report.html")
    wait_for(lambda: chromium.driver.find_elements("css selector", "iframe.mlflow-html-iframe"), 60, "the report")
    chromium.driver.switch_to.frame(chromium.driver.find_element("css selector", "iframe.mlflow-html-iframe"))
    wait_for(lambda: chromium.run("return document.querySelectorAll('.plot').length"), 60, "its plots")
    draw_all(chromium)
    chromium.driver.switch_to.default_content()
    assert pages.noise() == ([], [])
