import pytest

from hydra_plugins.hydra_search_report._axes import value_axis
from hydra_plugins.hydra_search_report._branches import sections
from hydra_plugins.hydra_search_report._figures import curves, history, pareto
from tests.searches import FACTS, made_up

from .cases import CASES, TWO, X, plain

GOOD = [0.94, 0.95, 0.955, 0.96, 0.965, 0.97]


@pytest.mark.parametrize(
    ("values", "direction", "title", "low", "high"),
    [
        ([0.9649] * 12, "maximize", "m", 0.91, 1.02),
        ([0.0, 0.0], "minimize", "m", -1.0, 1.0),
        ([*GOOD, 0.1, float("nan")], "maximize", "m (1 below)", 0.93, 0.98),
        ([*GOOD, 17.0, float("inf")], "minimize", "m (1 above)", 0.93, 0.98),
        ([*[0.5] * 9, 0.52, -40.0], "maximize", "m (1 below)", 0.49, 0.53),
    ],
)
def test_axis_fits_what_is_worth_telling_apart(
    values: list[float], direction: str, title: str, low: float, high: float
) -> None:
    axis = value_axis("m", values, direction)
    start, end = axis["range"]
    assert low <= start < min(v for v in values if v > low) and end <= high and axis["title"]["text"] == title


@pytest.mark.parametrize(
    "values", [[], [float("nan")], [0.3, 0.9], [n / 10 for n in range(11)], [*GOOD, 5.0], [0.5] * 9 + [0.1]]
)
def test_axis_is_plotlys_own_where_that_fits_and_the_better_side_is_never_cut(values: list[float]) -> None:
    assert value_axis("m", values, "maximize") == {"title": {"text": "m"}}


def test_every_plot_of_values_has_such_an_axis() -> None:
    trials = [*plain(9), made_up(9, values=[-90.0], params={"x": 0.5}, distributions={"x": X["x"]}, curve={0: -90.0})]
    for n, trial in enumerate(trials[:9]):
        trial.intermediate_values = {0: n / 10}
    layouts = [history(FACTS, trials, 0)["layout"], curves(FACTS, trials)["layout"]]
    two = [made_up(n, values=[t.values[0], -t.values[0]]) for n, t in enumerate(trials)]
    layouts.append(front := pareto(TWO, two)["layout"])
    assert [layout["yaxis"]["range"][0] > -1 for layout in layouts[:2]] == [True, True]
    assert front["xaxis"]["range"][0] > -1 and front["yaxis"]["range"][1] < 1
    (section,) = sections(FACTS, trials, {})
    slices = [plot.figure for plot in section.plots if plot.kind == "slice"]
    assert slices and all("accuracy (1 below)" in str(figure) for figure in slices)


def test_equal_values_have_no_colours_to_tell_apart() -> None:
    (section,) = sections(*CASES["all equal"], {})
    assert {plot.kind for plot in section.plots if plot.figure} == {"slice"}
