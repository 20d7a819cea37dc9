"""What a sampler does where its settings leave it open, decided for the search."""

from collections.abc import Mapping

TPE = "optuna.samplers.TPESampler"


def settle(spec: Mapping[str, object] | None, n_objectives: int) -> Mapping[str, object]:
    """Return the sampler's settings with what they leave open decided for this search; what they say stays.

    For TPE null is open, as under hydra/sweeper/sampler=tpe; for other samplers it is a value, and nothing is open.
    """
    spec = spec or {"_target_": TPE}  # as Optuna, where nothing is said
    if spec.get("_target_") != TPE:
        return spec
    given = {key: value for key, value in spec.items() if value is not None}
    # Optuna 5's own defaults, said so that Optuna 4 has them too
    multivariate = bool(given.get("multivariate", n_objectives == 1 or given.get("group", False)))
    return {"multivariate": multivariate, "constant_liar": True, **given}
