import csv
import io
import json
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search_report import _plots
from hydra_plugins.hydra_search_report.__main__ import main
from hydra_plugins.hydra_search_report._facts import SearchFacts
from hydra_plugins.hydra_search_report._page import tone
from hydra_plugins.hydra_search_report._report import write_records, write_report
from hydra_plugins.hydra_search_report._rerun import without_blanks
from hydra_plugins.hydra_search_report._surroundings import git_state, program_of, versions
from tests.searches import CONDITIONAL, FACTS, conditional, made_up

X = {"x": FloatDistribution(0, 1)}
ODD = CategoricalDistribution([None, True, False, "[50,50]"])


def plain(count: int) -> list[FrozenTrial]:
    return [made_up(n, values=[n / 10], params={"x": n / 10}, distributions=X, worker=7) for n in range(count)]


def after_an_interruption() -> list[FrozenTrial]:
    lost = made_up(3, TrialState.FAIL, worker=7, lost="worker lost")
    again = made_up(5, TrialState.WAITING, retry_of=3, retries=1)
    return [*plain(3), lost, made_up(4, TrialState.RUNNING, worker=8), again]


def with_odd_values() -> list[FrozenTrial]:
    curve = {0: float("nan"), 1: float("inf"), 2: 0.5}
    space = {"kind": ODD, "n": CategoricalDistribution([1, 10, 100]), "fixed": IntDistribution(3, 3)}
    return [
        made_up(n, values=[float("inf") if n == 7 else n / 9], curve=curve, distributions=space,
                params={"kind": ODD.choices[n % 4], "n": 10 ** (n % 3), "fixed": 3})
        for n in range(9)
    ]  # fmt: skip


def with_markup() -> list[FrozenTrial]:
    bad = "</script><script>window.hurt=1</script><img src=http://evil.example/x>$title"
    space = {bad: CategoricalDistribution([bad, "b"])}
    done = [made_up(n, values=[n], params={bad: (bad, "b")[n % 2]}, distributions=space) for n in range(5)]
    return [*done, made_up(5, TrialState.FAIL, error=f"{bad}\nsecond line")]


TWO = replace(FACTS, directions=("maximize", "minimize"), metrics=("accuracy", "seconds"))
CASES: dict[str, tuple[SearchFacts, list[FrozenTrial]]] = {
    "no trial": (FACTS, []),
    "one": (FACTS, plain(1)),
    "two": (FACTS, plain(2)),
    "none finished": (FACTS, [made_up(0, TrialState.RUNNING, worker=7), made_up(1, TrialState.WAITING)]),
    "only failed": (FACTS, [made_up(n, TrialState.FAIL, error="ValueError: no") for n in range(4)]),
    "only pruned": (FACTS, [made_up(n, TrialState.PRUNED, curve={0: 0.1}) for n in range(4)]),
    "interrupted": (FACTS, after_an_interruption()),
    "conditional": (CONDITIONAL, conditional(80)),
    "two objectives": (replace(TWO, space=CONDITIONAL.space), conditional(60, objectives=2)),
    "three objectives": (
        replace(FACTS, directions=("minimize",) * 3, metrics=("a", "b", "c")),
        [made_up(n, values=[n, 9 - n, n % 3], params={"x": n / 9}, distributions=X) for n in range(9)],
    ),
    "four objectives": (
        replace(FACTS, directions=("minimize",) * 4, metrics=("a", "b", "c", "d")),
        [made_up(n, values=[n, 9 - n, n % 3, 1], params={"x": n / 9}, distributions=X) for n in range(9)],
    ),
    "all equal": (FACTS, [made_up(n, values=[1.0], params={"x": n / 30}, distributions=X) for n in range(30)]),
    "odd values": (FACTS, with_odd_values()),
    "markup": (replace(FACTS, study_name="<b>&$1</script>", fixed=("a='</style>'",)), with_markup()),
    "two thousand": (CONDITIONAL, conditional(2000)),
}  # fmt: skip


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
    assert kinds == ["history", "intermediate", "timeline", *by_branch * 3]
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


def plotly_js() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def test_page_asks_for_nothing(tmp_path: Path) -> None:
    write_report(*CASES["conditional"], tmp_path, "")
    own = (tmp_path / "report.html").read_text().replace(plotly_js(), "")
    assert set(re.findall(r"https?://[^\s'\"<]+", own)) == {"http://www.w3.org/2000/svg"}
    assert not re.findall(r'\b(?:src|href)="(?!data:)', own)
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


def test_table_holds_all_that_is_known_of_a_trial(tmp_path: Path) -> None:
    trials = after_an_interruption()
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / ".mlflow_run.json").write_text('{"run_id": "abc"}')
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / ".mlflow_run.json").write_text("half a li")
    write_records(FACTS, trials, tmp_path, "running")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "trials.csv").read_text())))
    assert rows[1] == {
        "number": "1", "state": "COMPLETE", "value": "0.1", "params.x": "0.1", "duration_seconds": "2.0",
        "start": "2026-03-01T12:00:02.500000", "end": "2026-03-01T12:00:04.500000", "worker": "node:7",
        "directory": "1/", "run_id": "abc", "reason": "", "retry_of": "", "retried_as": "", "intermediate_values": "0",
    }  # fmt: skip
    assert (rows[2]["directory"], rows[2]["run_id"]) == ("2/", "")
    assert (rows[3]["state"], rows[3]["reason"], rows[3]["retried_as"]) == ("FAIL", "worker lost", "5")
    assert (rows[4]["state"], rows[4]["duration_seconds"]) == ("RUNNING", "")
    assert (rows[5]["state"], rows[5]["start"], rows[5]["retry_of"]) == ("WAITING", "", "3")


def test_table_of_a_conditional_space_has_one_column_for_a_key(tmp_path: Path) -> None:
    write_records(*CASES["two objectives"], tmp_path, "")
    head, *_ = csv.reader(io.StringIO((tmp_path / "trials.csv").read_text()))
    assert head[2:8] == [
        "accuracy",
        "seconds",
        "params.preprocessor",
        "params.model",
        "params.model.C",
        "params.model.gamma",
    ]
    assert len(head) == len(set(head))


def job(directory: Path, number: int, lines: Sequence[str]) -> None:
    (directory / str(number) / ".hydra").mkdir(parents=True)
    (directory / str(number) / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(list(lines)))


def test_best_text_survives_the_splitting_of_a_shell(tmp_path: Path) -> None:
    lines = ["model=svm", "model.C=1e-05", "model.layers=[50, 50]", "note='a\"b'", "n_trials=9", "+new={a: 1, b: [x]}"]
    job(tmp_path, 2, lines)
    write_records(replace(FACTS, search_keys=("n_trials",)), plain(3), tmp_path, "")
    split = subprocess.run(
        ["bash", "-c", "printf '%s\\n' $(cat best.txt)"], cwd=tmp_path, text=True, capture_output=True, check=True
    )
    expected = ["model=svm", "model.C=1e-05", "model.layers=[50,50]", "note='a\"b'", "+new={a:1,b:[x]}"]
    assert split.stdout.splitlines() == expected
    assert "python train.py $(cat multirun/demo/best.txt)" in (tmp_path / "summary.md").read_text()


def test_value_that_needs_its_blank_is_given_by_the_full_command(tmp_path: Path) -> None:
    job(tmp_path, 2, ["note='a b'", "x=1"])
    write_report(FACTS, plain(3), tmp_path, "")
    assert (tmp_path / "best.txt").read_text() == "note='a b' x=1\n"
    command = "python train.py " + shlex.join(["note='a b'", "x=1"])
    assert command in (tmp_path / "summary.md").read_text()
    assert "$(cat" not in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("line", "without"),
    [
        ("a=[1, 'b', {c: 2}]", "a=[1,'b',{c:2}]"),
        ("a='b c'", "a='b c'"),
        ("a=b c", "a=b c"),
        ("a=[x, 'b c']", "a=[x, 'b c']"),
        ("a=${b}", "a=${b}"),
        ("a=choice(1, 2)", "a=choice(1, 2)"),
        ("~a", "~a"),
    ],
)
def test_blanks_go_only_where_the_meaning_stays(line: str, without: str) -> None:
    assert without_blanks(line) == without


def test_best_text_of_an_earlier_state_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / "best.txt").write_text("old")
    write_records(*CASES["only failed"], tmp_path, "")
    assert not (tmp_path / "best.txt").exists()
    assert "No trial finished" in (tmp_path / "summary.md").read_text()


def test_best_of_several_objectives_is_the_first_of_the_front(tmp_path: Path) -> None:
    trials = [made_up(0, values=[0.1, 9]), made_up(1, values=[0.9, 5]), made_up(2, values=[0.8, 1])]
    job(tmp_path, 1, ["a=1"])
    write_records(TWO, trials, tmp_path, "")
    assert (tmp_path / "best.txt").read_text() == "a=1\n"
    assert (
        "trial 1, the first of 2 on the Pareto front with accuracy 0.9, seconds 5"
        in (tmp_path / "summary.md").read_text()
    )


def test_summary_reads_as_markdown(tmp_path: Path) -> None:
    job(tmp_path, 2, ["x=0.2"])
    write_records(FACTS, plain(3), tmp_path, "ended by n_trials")
    assert (tmp_path / "summary.md").read_text() == (
        "**demo**: maximize accuracy. Searched: dataset digits, model svm. Status: ended by n_trials.\n\n"
        "Trials: 3 finished, of 20 wanted.\n\n"
        "Best: trial 2 with accuracy 0.2, in `multirun/demo/2`.\n\n"
        "Run it again:\n\n```bash\npython train.py $(cat multirun/demo/best.txt)\n```\n\n"
        "| trial | accuracy | parameters | directory |\n| --- | --- | --- | --- |\n"
        "| 2 | 0.2 | `x=0.2` | multirun/demo/2 |\n| 1 | 0.1 | `x=0.1` | multirun/demo/1 |\n"
        "| 0 | 0 | `x=0` | multirun/demo/0 |\n\n"
        "Report: `multirun/demo/report.html`\n"
    )


def test_facts_are_read_back_as_they_were(tmp_path: Path) -> None:
    CONDITIONAL.save(tmp_path)
    assert SearchFacts.load(tmp_path) == CONDITIONAL


def test_program_keeps_what_chooses_the_configuration() -> None:
    argv = ["my app.py", "-m", "--config-name", "other", "--config-dir=x", "a=1"]
    assert program_of(argv) == "python 'my app.py' --config-name other --config-dir=x"


def test_surroundings_are_known(tmp_path: Path) -> None:
    assert {"python", "hydra", "optuna"} <= set(versions())
    assert git_state(tmp_path) == (None, False)
    calm = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    (tmp_path / "a").write_text("1")
    for words in (["init", "-q"], ["add", "a"], [*calm, "commit", "-qm", "a"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    commit, dirty = git_state(tmp_path)
    assert len(str(commit)) == 40
    assert not dirty
    (tmp_path / "a").write_text("2")
    assert git_state(tmp_path) == (commit, True)


def test_report_of_a_killed_search_is_made_from_what_it_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CONDITIONAL.save(tmp_path)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "optuna_journal.log")))
    study = optuna.create_study(study_name="demo", storage=storage, direction="maximize")
    study.add_trials(conditional(6))
    study.ask()
    main([str(tmp_path)])
    assert capsys.readouterr().out == f"{tmp_path / 'report.html'}\n"
    assert "unfinished: 6 of 20 trials are over, 1 were running when last seen" in (tmp_path / "summary.md").read_text()


def test_report_of_a_study_in_a_database_is_made_again_without_naming_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(study_name="demo", storage=url, direction="maximize")
    study.add_trials(plain(3))
    replace(FACTS, storage=url).save(tmp_path)
    main([str(tmp_path)])
    assert (tmp_path / "report.html").exists() and "3 finished" in (tmp_path / "summary.md").read_text()
    study._storage._backend.engine.dispose()  # type: ignore[attr-defined]


def test_database_that_cannot_be_opened_is_told_in_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(FACTS, storage="sqlite:////absent/study.db").save(tmp_path)
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert "the study's database can't be opened (unable to open database file)" in capsys.readouterr().err


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


@pytest.mark.parametrize("facts", [True, False])
def test_directory_without_a_search_is_refused(facts: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if facts:
        FACTS.save(tmp_path)
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert (
        "name the study's storage with --storage URL" if facts else "holds no recorded search"
    ) in capsys.readouterr().err


def test_thinning_keeps_the_best_and_the_order() -> None:
    trials = plain(100)
    kept = _plots.thinned(trials, 10, trials[41:43])
    numbers = [trial.number for trial in kept]
    assert len(numbers) == 10
    assert numbers == sorted(numbers)
    assert {0, 41, 42} <= set(numbers)
    assert _plots.thinned(trials, 100) == trials
