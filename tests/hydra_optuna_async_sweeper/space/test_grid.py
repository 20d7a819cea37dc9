"""Every point of a discrete space once, in an order that the seed decides, however many there are."""

from itertools import product

import pytest

from hydra_plugins.hydra_optuna_async_sweeper.space._grid import Grid, ShuffledGrid, shuffled
from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from hydra_plugins.hydra_search.errors import BadInput

from .spaces import distributions, points_of, space_of, suggested


def test_grid_has_each_point_once() -> None:
    space = space_of(
        """
        a: range(0, 1, 0.25)
        b: {type: float, low: 0, high: 0.3, step: 0.1}
        m: {choices: {p: {m.x: {low: 1, high: 5, step: 2}}, q: {m.x: "a, b"}, r: {}}}
        """
    )
    points = points_of(space)
    jobs = [tuple(suggested(space, point)) for point in points]
    assert len(points) == len(set(jobs)) == 4 * 4 * (3 + 2 + 1)
    assert sorted({point["b"] for point in points}) == [0.0, 0.1, 0.2, 0.3]
    assert {point["p/m.x"] for point in points if point["m"] == "p"} == {1, 3, 5}
    assert {frozenset(point) for point in points if point["m"] == "r"} == {frozenset({"a", "b", "m"})}
    made = distributions(space)
    for point in points:
        assert all(made[name]._contains(made[name].to_internal_repr(point[name])) for name in point)


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [("interval(0, 1)", r"Write range\(low, high, step\)"), ({"type": "float", "low": 0, "high": 1}, "Add a step")],
)
def test_grid_refuses_the_continuous(entry: object, remedy: str) -> None:
    space = parse_space({"m": {"choices": {"a": {"m.x": entry}}}})
    with pytest.raises(BadInput, match=f"m.x: the grid sampler tries every value and can't draw .* {remedy}"):
        points_of(space)


def test_last_parameter_of_a_grid_changes_first() -> None:
    space = parse_space({"a": "choice(p, q)", "b": "range(0, 3)", "c": "1, 2"})
    expected = [{"a": a, "b": b, "c": c} for a, b, c in product("pq", range(3), (1, 2))]
    assert points_of(space) == expected


def test_grid_knows_its_points_from_others() -> None:
    space = parse_space({"a": "1, 2", "m": {"choices": {"p": {"x": "range(0, 3)"}, "q": {}}}})
    grid = Grid.of(space)
    assert all(map(grid.has, points_of(space)))
    others = [
        {},
        {"a": 1},
        {"a": 3, "m": "q"},
        {"a": 1, "m": "p"},
        {"a": 1, "m": "q", "x": 1},
        {"a": 1, "m": "p", "x": 3},
    ]
    assert not any(map(grid.has, [*others, {"a": 1, "m": "p", "x": 3}]))


@pytest.mark.parametrize("size", [1, 2, 3, 16, 17, 1000])
def test_shuffled_places_are_all_places_and_the_seed_decides_their_order(size: int) -> None:
    orders = [[shuffled(place, size, seed) for place in range(size)] for seed in (1, 1, 2)]
    assert sorted(orders[0]) == list(range(size)) and orders[0] == orders[1]
    assert size < 16 or (orders[0] != orders[2] and orders[0] != sorted(orders[0]))


def test_first_points_of_a_large_grid_are_spread_over_all_of_its_axes() -> None:
    grid = ShuffledGrid(Grid.of(parse_space({f"x{i}": "range(0, 100)" for i in range(6)})), seed=1)
    points = [grid.point(number) for number in range(200)]
    for name in points[0]:
        thirds = [sum(point[name] * 3 // 100 == third for point in points) for third in range(3)]
        assert min(thirds) > 45, "of 200, and no axis stands still"
