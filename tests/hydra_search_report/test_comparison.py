"""Searches side by side, through the front door: what stands in the Markdown, on the page, and in the plain values."""

import html
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search_report.comparison import Compared, SideBySide, facts_of_study
from tests.searches import CONDITIONAL, FACTS, made_up

from .cases import CASES, TWO, plain
from .test_report import figures, plotly_js

X = {"x": FloatDistribution(0, 1)}
SPACE = {"metrics": ["accuracy"], "options": {"dataset": "digits"}, "keys": ["x"], "space": {"x": "interval(0, 1)"}}


def search(name: str, values: Sequence[float], **facts: Any) -> Compared:
    """Return a search of finished trials of 2 s each, one after the other."""
    trials = [
        made_up(n, values=[value], params={"x": n / 10}, distributions=X, start=2.0 * n)
        for n, value in enumerate(values)
    ]
    return Compared(name, replace(FACTS, study_name=name, **facts), trials, "complete")


def with_config(one: Compared, **config: Any) -> Compared:
    return replace(one, fingerprint={**SPACE, "config": config})


def rows(text: str, heading: str) -> dict[str, list[str]]:
    """Return a table of the Markdown below its heading."""
    part = text.partition(f"## {heading}\n\n")[2].partition("\n\n")[0]
    lines = [re.split(r" (?<!\\)\| ", line.strip("|").strip()) for line in part.splitlines()[2:]]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def confirmed(one: Compared, trial: int, values: Sequence[float]) -> Compared:
    runs = [
        made_up(100 + n, values=[value], start=500.0, confirms={"trial": trial, "override": f"seed={n}"})
        for n, value in enumerate(values)
    ]
    return replace(one, trials=[*one.trials, *runs])


def test_markdown_has_the_best_what_differs_and_the_parameters_side_by_side() -> None:
    one = with_config(search("a", [0.5, 0.9, 0.7]), seed=1, test_size=0.2)
    other = with_config(search("b", [0.6, 0.8], sampler="RandomSampler()", seed=7, n_trials=2), seed=1, test_size=0.3)
    assert SideBySide([one, other]).markdown() == (
        "# a and b\n\n"
        "The jobs differ in test_size: values compare only if these do not change what is measured.\n\n"
        "a has found the best accuracy: 0.9, beside 0.8 of b. Each search is one draw, and the best of many noisy "
        "values flatters: whether it is more than luck, only searches under several seeds, or confirmed trials "
        "(hydra.sweeper.confirm) on both sides can tell.\n\n"
        "## The best of each\n\n"
        "|  | a | b |\n| --- | --- | --- |\n"
        "| status | complete | complete |\n"
        "| best accuracy | 0.9 | 0.8 |\n"
        "| of trial | 1 | 1 |\n"
        "| best accuracy after 2 trials | 0.9 | 0.8 |\n"
        "| best accuracy after 4 s | 0.9 | 0.8 |\n"
        "| finished | 3 | 2 |\n| pruned | 0 | 0 |\n| failed | 0 | 0 |\n"
        "| time to the best | 4 s | 4 s |\n| total time | 6 s | 4 s |\n"
        "| median time of a finished trial | 2 s | 2 s |\n"
        "| started | 2026-03-01 12:00:00 | 2026-03-01 12:00:00 |\n\n"
        "## Settings of the searches that differ\n\n"
        "|  | a | b |\n| --- | --- | --- |\n"
        "| sampler | TPESampler(seed=42) | RandomSampler() |\n| seed | 42 | 7 |\n| n_trials | 20 | 2 |\n\n"
        "## Configuration and space that differ\n\n"
        "|  | a | b |\n| --- | --- | --- |\n| test_size | 0.2 | 0.3 |\n\n"
        "## Parameters of the best\n\n"
        "|  | a | b |\n| --- | --- | --- |\n| x | 0.1 | 0.1 |\n"
    )


@pytest.mark.parametrize("case", [name for name in CASES if name != "two thousand"])
def test_every_search_is_compared_with_one_like_it_and_with_another(case: str) -> None:
    facts, trials = CASES[case]
    one, twin = Compared("one", facts, trials, "running"), Compared("its | twin", facts, trials, "complete")
    sides = SideBySide([one, twin, Compared("two", *CASES["two objectives"], "complete")])
    page, text = sides.page(), sides.markdown()
    assert "This plot failed" not in page and all(figure["data"] for figure in figures(page))
    assert "its \\| twin" in text and "Traceback" not in text
    assert [found["name"] for found in json.loads(json.dumps(sides.plain()))["searches"]] == [
        "one",
        "its | twin",
        "two",
    ]


def test_two_thousand_trials_are_one_page_of_five_megabytes() -> None:
    sides = SideBySide([Compared(name, *CASES["two thousand"], "complete") for name in "ab"])
    assert len(sides.page()) < 6e6


def test_page_keeps_text_of_users_as_text_and_asks_for_nothing() -> None:
    facts, trials = CASES["markup"]
    bad = "</script><script>window.hurt=1</script>"
    one = Compared(bad, facts, trials, f"<i>{bad}", fingerprint={**SPACE, "config": {bad: f"<img src=x>{bad}"}})
    other = with_config(search("b", [0.5]), **{bad: "$title"})
    own = SideBySide([one, other, replace(one, name="c")]).page().replace(plotly_js(), "")
    assert "<script>window" not in own and "<img" not in own and "<i>" not in own and html.escape(bad) in own
    assert len(re.findall("</script>", own)) == len(re.findall("<script", own))
    urls = set(re.findall(r"https?://[^\s'\"<]+", own))
    assert {url for url in urls if "evil" not in url} == {"http://www.w3.org/2000/svg"}
    assert not re.findall(r'\b(?:src|href)="(?!data:)', own)


def test_curves_of_the_same_metric_share_axes_and_of_others_do_not() -> None:
    loss = search("c", [0.3, 0.2], metrics=("loss",), directions=("minimize",))
    sides = SideBySide([search("a", [0.5, 0.9]), search("b", [0.6]), loss])
    titles = re.findall(r'<figure class="course"><h3>(.*?)</h3>', sides.page())
    assert titles == [
        "Best accuracy so far over trials: a, b", "Best accuracy so far over seconds: a, b",
        "Best loss so far over trials: c", "Best loss so far over seconds: c",
    ]  # fmt: skip
    together, _, alone, _ = [figure["data"] for figure in figures(sides.page())[:4]]
    assert [trace["name"] for trace in together] == ["a", "b"] and [trace["name"] for trace in alone] == ["c"]
    assert alone[0]["y"] == [0.3, 0.2, 0.2]
    note = "The searches optimize different things (a, b: maximize accuracy; c: minimize loss): their values are not"
    assert note in sides.markdown() and sides.plain()["comparable"] is False
    assert rows(sides.markdown(), "The best of each")["best loss"] == ["", "", "0.2"]


def test_same_metric_in_the_other_direction_is_another_thing() -> None:
    other = search("b", [0.5], directions=("minimize",))
    text = SideBySide([search("a", [0.5]), other]).markdown()
    assert "(a: maximize accuracy; b: minimize accuracy)" in text
    page = SideBySide([search("a", [0.5], metrics=("valAUC",)), other]).page()
    assert '<p class="kicker">Maximize valAUC; minimize accuracy</p>' in page
    assert rows(text, "The best of each")["objective"] == ["maximize accuracy", "minimize accuracy"]


def test_several_objectives_have_fronts_a_hypervolume_and_a_curve_each() -> None:
    def of(name: str, pairs: Sequence[tuple[float, float]]) -> Compared:
        return Compared(name, TWO, [made_up(n, values=list(pair)) for n, pair in enumerate(pairs)], "complete")

    sides = SideBySide([of("a", [(0.9, 5), (0.5, 1), (0.1, 9)]), of("b", [(0.8, 6), (0.95, 5)])])
    found = rows(sides.markdown(), "The best of each")
    assert found["trials on its Pareto front"] == ["2", "1"]
    assert found["of these on the front of all"] == ["1", "1"]
    # beyond accuracy 0.1 and 9 seconds
    assert found["hypervolume"] == [f"{0.8 * 4 + 0.4 * 4:.6g}", f"{0.85 * 4:.6g}"]
    assert found["best accuracy"] == ["0.9", "0.95"] and found["best seconds"] == ["1", "5"]
    assert sides.page().count('<figure class="course">') == 4
    assert "those of the first trial on the Pareto front (a: trial 0; b: trial 1)." in sides.markdown()


def test_best_that_keeps_no_constraints_loses_against_one_that_does() -> None:
    one, other = search("a", [0.9, 0.8]), search("b", [0.5])
    for trial in one.trials:
        trial.system_attrs["constraints"] = [1.0]
    text = SideBySide([one, other]).markdown()
    assert rows(text, "The best of each")["best accuracy"] == ["0.9 (infeasible)", "0.5"]
    assert rows(text, "The best of each")["feasible"] == ["0", "1"]
    assert "b has found the best accuracy: 0.5, beside 0.9 of a, which keeps no constraints." in text


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([0.70, 0.71, 0.72], "a difference of 0.1 (95% interval 0.0752 to 0.125, 3 pairs of runs): more than the luck"),
        ([0.60, 0.90, 0.75], "a difference of 0.06 (95% interval -0.288 to 0.408, 3 pairs of runs): no more than luck"),
        ([0.60, 0.70], "(95% interval -0.441 to 0.761, 3 and 2 runs): no more than luck may"),
        ([0.70], "One run on a side has no interval"),
    ],
)
def test_confirmed_trials_on_both_sides_tell_whether_the_difference_is_luck(values: list[float], told: str) -> None:
    one, other = search("a", [0.9, 0.8]), search("b", [0.95])
    text = SideBySide([confirmed(one, 0, [0.80, 0.82, 0.81]), confirmed(other, 0, values)]).markdown()
    assert "By confirmed runs a leads b: 0.81 beside " in text and told in text
    assert rows(text, "The best of each")["confirmed"][0] == "0.81 ± 0.01 (3 runs)"
    assert "one draw" not in text


def test_runs_that_differ_by_rounding_alone_are_no_lead() -> None:
    one, other = search("a", [0.9, 0.8]), search("b", [0.95])
    values = [0.8, 0.7, 0.6]
    text = SideBySide([confirmed(one, 0, values), confirmed(other, 0, [v - 2e-16 for v in values])]).markdown()
    assert "no more than luck may bring about" in text


def test_confirmed_on_one_side_only_are_no_proof() -> None:
    text = SideBySide([confirmed(search("a", [0.9, 0.8]), 1, [0.7, 0.7]), search("b", [0.85])]).markdown()
    assert "a has found the best accuracy: 0.9, beside 0.85 of b. Each search is one draw" in text
    assert rows(text, "The best of each")["of trial"] == ["1", "0"], "the best of those that were confirmed"


def test_search_without_a_finished_trial_is_shown_as_such() -> None:
    text = SideBySide(
        [search("a", [0.5]), Compared("b", FACTS, [made_up(0, TrialState.RUNNING)], "running")]
    ).markdown()
    assert rows(text, "The best of each")["best accuracy"] == ["0.5", "no finished trial"]
    assert "b has no finished trial." in text and "b had running trials when this was made" in text
    assert "has found the best" not in text


def test_secrets_are_masked_wherever_a_comparison_could_show_them(tmp_path: Path) -> None:
    hidden = "hidden-word"
    (tmp_path / "multirun.yaml").write_text(
        "hydra:\n  sweeper:\n    timeout: ${oc.env:HIDDEN}\n"
        "    enqueue: ['inner.code=hidden-word', 'db_password=hidden-word']\n"
    )
    space = {"inner.code": FloatDistribution(0, 1)}
    trials: list[FrozenTrial] = [made_up(0, values=[0.5], params={"inner.code": 0.123321}, distributions=space)]
    config = {"inner.code [x=1]": hidden, "address": f"postgresql://me:{hidden}@host/db", "inner.list": [hidden]}
    one = Compared(
        "a", replace(FACTS, redact=("inner",)), trials, "complete", directory=tmp_path,
        fingerprint={**SPACE, "config": config},
    )  # fmt: skip
    sides = SideBySide([one, with_config(search("b", [0.5]))])
    whole = sides.markdown() + sides.page().replace(plotly_js(), "") + json.dumps(sides.plain())
    assert hidden not in whole and "0.123321" not in whole
    assert sides.plain()["parameters"]["inner.code"] == {"a": "***", "b": None}
    assert sides.plain()["settings"]["address"]["a"] == "postgresql://me:***@host/db"
    assert sides.plain()["settings"]["hydra.sweeper.timeout"]["a"] == "${oc.env:HIDDEN}"


def test_settings_of_the_sweeper_are_read_by_their_pointers(tmp_path: Path) -> None:
    for name, minutes in (("a", 5), ("b", 7)):
        (tmp_path / name).mkdir()
        text = (
            f"minutes: {minutes}\nhydra:\n  sweeper: {{timeout: '${{minutes}}', target: null}}\n"
            "  runtime: {choices: {hydra/launcher: joblib}}\n"
        )
        (tmp_path / name / "multirun.yaml").write_text(text)
    searches = [replace(search(name, [0.5]), directory=tmp_path / name) for name in "ab"]
    plain_values = SideBySide(searches).plain()
    assert plain_values["settings"] == {
        "hydra.sweeper.timeout": {"a": "5", "b": "7"}, "minutes": {"a": "5", "b": "7"},
    }  # fmt: skip


def test_what_one_search_fixes_and_another_searches_stands_in_one_row() -> None:
    one, other = with_config(search("a", [0.5]), y=3), with_config(search("b", [0.5]))
    assert other.fingerprint is not None
    other = replace(other, fingerprint={**other.fingerprint, "space": {"x": "interval(0, 1)", "y": "interval(0, 9)"}})
    found = rows(SideBySide([one, other]).markdown(), "Configuration and space that differ")
    assert found == {"y": ["3", "searched: interval(0, 9)"]}


def test_study_of_another_program_is_compared_without_settings() -> None:
    facts = facts_of_study("b", ["MAXIMIZE"], None)
    sides = SideBySide([search("a", [0.5], metrics=("value",)), Compared("b", facts, plain(3), "3 trials")])
    assert "Of a, b not all settings are recorded" in sides.markdown()
    assert rows(sides.markdown(), "The best of each")["best value"] == ["0.5", "0.2"]
    assert facts_of_study("b", ["MAXIMIZE", "MINIMIZE"], None).metrics == ("value 0", "value 1")


def test_same_parameters_stand_side_by_side_on_the_same_axes() -> None:
    page = SideBySide([Compared("a", CONDITIONAL, CASES["conditional"][1], ""), search("b", [0.5, 0.6])]).page()
    assert "have a parameter in common" in page
    page = SideBySide([search("a", [0.5, 0.9, 0.7]), search("b", [0.5, 0.6])]).page()
    assert re.findall(r'<figure class="group"><h3>(.*?)</h3>', page) == ["accuracy by x"]
    left, right = figures(page)[-2:]
    assert (left["layout"], left["data"][0]["x"], right["data"][0]["x"]) == (right["layout"], [0, 0.1, 0.2], [0, 0.1])
    assert left["data"][1]["customdata"] == [1] and left["data"][1]["marker"]["color"] == "@best"


def test_five_searches_have_a_look_each_and_the_same_in_table_and_plots() -> None:
    page = SideBySide([search(name, [0.5]) for name in "abcde"]).page()
    lines = [trace["line"] for trace in figures(page)[0]["data"]]
    colours = [line["color"].removeprefix("@") for line in lines]
    assert len(set(colours)) == 5 and all(page.count(f"--{colour}: #") == 2 for colour in colours), "dark and light"
    assert re.findall(r'class="dot" style="background: var\(--(\w+)\)"', page)[:5] == colours
