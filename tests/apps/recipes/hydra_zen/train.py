"""A configuration that hydra-zen makes of a function's signature: the search is one more argument of it."""

from hydra_zen import ZenStore, make_config, zen

HYDRA = {
    "sweeper": {"n_trials": 6, "n_jobs": 1, "sampler": {"seed": 1}, "params": {"x": "interval(0, 1)"}},
    "callbacks": {"mlflow": {"metric": "loss", "direction": "minimize"}},
}
PLUGINS = ["_self_", {"override hydra/sweeper": "optuna_async"}, {"override hydra/callbacks": "mlflow"}]


def train(x: float, depth: int) -> float:
    return (x - 0.3) ** 2 + depth


store = ZenStore()
store(make_config(x=0.5, depth=1, hydra=HYDRA, hydra_defaults=PLUGINS), name="config")

if __name__ == "__main__":
    store.add_to_hydra_store()
    zen(train).hydra_main(config_name="config", config_path=None, version_base="1.3")
