import pytest

from hydra_plugins.hydra_mlflow_callback import _payload as payload
from hydra_plugins.hydra_search.urls import masked


def test_nested_config_becomes_dotted_keys_and_keeps_plain_lists_whole() -> None:
    config = {
        "model": {"depth": 3, "sizes": [50, 20]},
        "steps": [{"name": "a"}, {"name": "b"}],
        "none": None,
        "empty": {},
    }
    assert payload.flatten(config) == {
        "model.depth": "3",
        "model.sizes": "[50, 20]",
        "steps.0.name": "a",
        "steps.1.name": "b",
        "none": "None",
        "empty": "{}",
    }


def test_excluded_keys_go_with_all_below_them_but_not_their_namesakes() -> None:
    config = {"mlflow": {"uri": "x"}, "mlflow_like": 1, "model": {"mlflow": 2}}
    assert payload.params_of(config, ["mlflow"]) == {"mlflow_like": "1", "model.mlflow": "2"}


def test_value_longer_than_the_limit_is_cut_to_it() -> None:
    (value,) = payload.params_of({"text": "x" * 7000}, []).values()
    assert len(value) == payload.MAX_PARAM_LENGTH
    assert value.endswith("...")


@pytest.mark.parametrize("key", ["a=b", "weird(key)!", "../up", "/root", "a//b", "x" * 400, "", "ünï", "a/..", "."])
def test_any_key_becomes_one_that_mlflow_accepts(key: str) -> None:
    from mlflow.utils.validation import _validate_param

    _validate_param(payload.clean_key(key), "value")


def test_password_in_a_url_is_masked() -> None:
    uri = "postgresql+psycopg://me:secret@db.example:5432/optuna"
    assert masked(uri) == "postgresql+psycopg://me:***@db.example:5432/optuna"
    assert masked("http://127.0.0.1:5000/a@b") == "http://127.0.0.1:5000/a@b"
    assert payload.params_of({"uri": uri}, []) == {"uri": masked(uri)}


def test_numbers_of_a_metrics_file_are_found_and_the_rest_left() -> None:
    text = '{"accuracy": 0.5, "per_class": {"a": 1, "b": 2}, "name": "rf", "bad": NaN, "none": null, "huge": Infinity'
    text += f', "of 401 digits": 1{"0" * 400}}}'
    assert payload.numbers_in(text) == {"accuracy": 0.5, "per_class.a": 1.0, "per_class.b": 2.0}


def test_metrics_file_that_is_no_object_is_refused_with_its_type() -> None:
    with pytest.raises(ValueError, match=r"object of names and numbers, got list"):
        payload.numbers_in("[1, 2]")
