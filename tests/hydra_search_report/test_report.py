import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search_report._page import tone
from hydra_plugins.hydra_search_report.report import note_running, write_report
from tests.searches import FACTS, made_up

from .cases import CASES, plain


def figures(page: str) -> list[dict[str, Any]]:
    return [json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', page)]


@pytest.mark.parametrize("case", CASES)
def test_every_search_has_its_page(case: str, tmp_path: Path) -> None:
    facts, trials = CASES[case]
    write_report(facts, trials, tmp_path, "running")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "This plot failed" not in page
    assert page.count("<tr data-state=") == len(trials)
    assert all(figure["data"] for figure in figures(page))
    assert len(page) < 12e6
    assert (tmp_path / "best.txt").exists() is False  # no job directory, so there is nothing to read it from
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    table = list(csv.DictReader(io.StringIO((tmp_path / "trials.csv").read_text())))
    assert [int(row["number"]) for row in table] == [trial.number for trial in trials]
    assert f"of {facts.n_trials} wanted" in (tmp_path / "summary.md").read_text()


def test_plots_of_each_kind_are_there(tmp_path: Path) -> None:
    write_report(*CASES["conditional"], tmp_path, "ended by n_trials")
    page = (tmp_path / "report.html").read_text()
    kinds = re.findall(r'<figure class="(\w+)">', page)
    by_branch = ["importances", "contour", "parallel", "group"]
    assert kinds == ["history", "intermediate", "curves", "timeline", *by_branch * 3]
    assert re.findall(r'value="branch-\d"[^>]*>([^<]*) <', page) == ["all trials", "model=svm", "model=forest"]
    assert "where model=svm" in page


def test_parameters_of_a_branch_are_shown_under_their_config_keys(tmp_path: Path) -> None:
    write_report(*CASES["conditional"], tmp_path, "")
    page = (tmp_path / "report.html").read_text()
    svm = page.partition('id="branch-1"')[2].partition('id="branch-2"')[0]
    titles = re.findall(r"<h4>(.*?)</h4>", svm)
    assert sorted(titles) == ["model.C", "model.class_weight", "model.gamma", "preprocessor"]


def test_text_of_users_stays_text(tmp_path: Path) -> None:
    write_report(*CASES["markup"], tmp_path, "<i>odd</i>")
    page = (tmp_path / "report.html").read_text()
    own = page.replace(plotly_js(), "")
    assert "<script>window" not in own
    assert "<img" not in own
    assert "<i>odd" not in own
    assert "<b>&" not in own
    assert len(re.findall("</script>", own)) == len(re.findall("<script", own))
    assert any("</script><script>" in json.dumps(figure) for figure in figures(page))


def test_goal_keeps_the_letters_of_its_metrics(tmp_path: Path) -> None:
    facts, trials = CASES["conditional"]
    write_report(replace(facts, metrics=("valAUC",), directions=("maximize",)), trials, tmp_path, "")
    assert '<p class="kicker">Maximize valAUC</p>' in (tmp_path / "report.html").read_text()


def plotly_js() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def test_page_asks_for_nothing(tmp_path: Path) -> None:
    write_report(*CASES["conditional"], tmp_path, "")
    own = (tmp_path / "report.html").read_text().replace(plotly_js(), "")
    assert set(re.findall(r"https?://[^\s'\"<]+", own)) == {"http://www.w3.org/2000/svg"}
    assert not re.findall(r'\b(?:src|href)="(?!data:|#trial-)', own)
    assert "localStorage" not in own
    assert "cookie" not in own


def test_plot_that_fails_says_why_and_the_rest_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no <picture> today")

    monkeypatch.setattr(optuna.visualization, "plot_contour", broken)
    monkeypatch.setattr(optuna.importance, "get_param_importances", broken)
    write_report(*CASES["conditional"], tmp_path, "")
    page = (tmp_path / "report.html").read_text()
    assert "This plot failed: RuntimeError: no &lt;picture&gt; today" in page
    assert '<figure class="history">' in page
    assert (tmp_path / "summary.md").exists()


def alive(folder: Path) -> list[str]:
    return re.findall(r'<html [^>]*data-alive="(\d+)"', (folder / "report.html").read_text())


@pytest.mark.parametrize("status", ["ended by n_trials", "interrupted", "unfinished: 3 of 6 trials are over"])
def test_only_the_page_of_a_running_search_shows_signs_of_life(status: str, tmp_path: Path) -> None:
    write_report(FACTS, plain(3), tmp_path, "running")
    assert len(alive(tmp_path)) == 1
    assert "the search was running then" in (tmp_path / "report.html").read_text(), "where no script says more"
    write_report(FACTS, plain(3), tmp_path, status)
    assert alive(tmp_path) == []


def test_sign_of_life_changes_nothing_else_in_the_page(tmp_path: Path) -> None:
    write_report(replace(FACTS, study_name='data-alive="77"'), plain(3), tmp_path, "running")
    path = tmp_path / "report.html"
    now = alive(tmp_path)[0]
    path.write_text(was := path.read_text().replace(f'data-alive="{now}"', 'data-alive="5"', 1))
    note_running(tmp_path)
    assert int(alive(tmp_path)[0]) >= int(now)
    assert path.read_text().replace(f'data-alive="{alive(tmp_path)[0]}"', 'data-alive="5"', 1) == was


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("running", "busy"),
        ("ended by n_trials", "good"),
        ("ended by timeout", "good"),
        ("ended by max_failure_rate", "bad"),
        ("interrupted", "bad"),
        ("unfinished: 6 of 20 trials are over", "bad"),
    ],
)
def test_status_is_marked_good_if_the_search_did_what_was_asked(status: str, expected: str) -> None:
    assert tone(status) == expected


def page_of(trials: list[FrozenTrial], status: str, tmp_path: Path, **facts: Any) -> str:
    write_report(replace(FACTS, n_trials=6, resume="RESUME", extend="EXTEND", **facts), trials, tmp_path, status)
    return (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("count", "status", "command"),
    [
        (6, "ended by n_trials", "EXTEND"),
        (6, "complete", "EXTEND"),
        (4, "interrupted", "RESUME"),
        (4, "ended by timeout", "RESUME"),
        (4, "ended by target", None),
        (4, "ended by max_failure_rate", None),
    ],
)
def test_go_on_with_is_a_command_that_makes_further_trials(
    count: int, status: str, command: str | None, tmp_path: Path
) -> None:
    page = page_of(plain(count), status, tmp_path, folder="/where/it/began")
    assert re.findall(r'<pre id="resumed-by"[^>]*>(.*?)</pre>', page) == ([command] if command else [])
    assert "/where/it/began" in page


def test_plots_with_nothing_to_show_take_no_place(tmp_path: Path) -> None:
    page = page_of(plain(1), "running", tmp_path)
    assert re.findall(r'<figure class="(\w+)">', page) == ["history", "timeline", "group"]
    assert "Importances need" not in page
    nothing = page_of([], "running", tmp_path)
    assert "<figure" not in nothing and "No trial has finished yet." in nothing


def test_objectives_stand_side_by_side_and_so_do_the_trials_of_the_front(tmp_path: Path) -> None:
    write_report(*CASES["two objectives"], tmp_path, "complete")
    page = (tmp_path / "report.html").read_text()
    for kind in ("history", "contour", "group"):
        assert re.search(rf'<div class="side"><figure class="{kind}">.*?</figure>\n<figure class="{kind}">', page), kind
    front = page.partition('id="front"')[2].partition("</section>")[0]
    best = sorted(optuna_front(CASES["two objectives"][1]))
    assert sorted(int(number) for number in re.findall(r'href="#trial-(\d+)"', front)) == best


def optuna_front(trials: list[FrozenTrial]) -> list[int]:
    """Return the numbers of the trials that no other beats: Optuna's own word."""
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.add_trials(trials)
    return [trial.number for trial in study.best_trials]


def test_every_trial_in_a_plot_is_known_by_its_number(tmp_path: Path) -> None:
    _, trials = CASES["conditional"]
    write_report(*CASES["conditional"], tmp_path, "complete")
    done = {trial.number for trial in trials if trial.values}
    traces = [trace for figure in figures((tmp_path / "report.html").read_text()) for trace in figure["data"]]
    marks = [t for t in traces if t["type"] == "scatter" and t.get("mode") == "markers" and t["x"] != [None, None]]
    assert len(marks) > 10
    assert all(len(trace["customdata"]) == len(trace["x"]) and set(trace["customdata"]) <= done for trace in marks)
    lines = [t for t in traces if t.get("mode", "").startswith("lines") and t.get("name") != "best so far"]
    assert len(lines) > 100 and all(isinstance(trace["meta"]["trial"], int) for trace in lines)
    (contour,) = [t for t in traces[: len(traces) // 2] if t.get("name") == "Feasible Trial"][:1]
    shown = [[str(trials[number].params[key]) for key in ("preprocessor", "model")] for number in contour["customdata"]]
    assert sorted(map(sorted, zip(contour["x"], contour["y"], strict=True))) == sorted(map(sorted, shown))


def test_importances_are_not_drawn_where_all_values_are_equal(tmp_path: Path) -> None:
    space = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
    trials = [made_up(n, values=[0.5], params={"x": n / 30, "y": 1 - n / 30}, distributions=space) for n in range(30)]
    page = page_of(trials, "complete", tmp_path)
    assert 'class="importances"' not in page and 'class="contour"' not in page
