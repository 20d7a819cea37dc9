"""YAML as OmegaConf writes it, of what it would change and of what not."""

from enum import Enum
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from hydra_plugins.hydra_search.yaml_text import yaml_text


class Color(Enum):
    RED = 1


@pytest.mark.parametrize(
    "value",
    ["5", 5, 0.1, 1e300, float("nan"), float("-inf"), None, True, "???", "${x}", [], {}, [{"a": [1]}, "b"], Color.RED,
     Path("a/b"), b"bytes", {5: "a", True: 1}, {Color.RED: 1}, (1, 2), 10**30, "a\nb"],
    ids=str,
)  # fmt: skip
def test_text_is_the_one_of_omegaconf(value: object) -> None:
    content: dict[str, object] = {"key": value, "nested": {"list": [value, value]}}
    assert yaml_text(content) == OmegaConf.to_yaml(OmegaConf.create(content))


def test_text_that_looks_like_an_interpolation_and_is_none_is_written_as_it_is() -> None:
    assert yaml_text({"a": "costs ${"}) == "a: costs ${\n"
