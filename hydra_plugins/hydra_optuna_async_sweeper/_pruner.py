"""The pruner of a study, from hydra/sweeper/pruner."""

from typing import TYPE_CHECKING, cast

from hydra.utils import instantiate
from optuna.pruners import BasePruner, NopPruner

if TYPE_CHECKING:
    from ._search import Plain

TARGETS = ("optuna.pruners.*",)


def make_pruner(spec: "Plain | None") -> BasePruner:
    """Call the `_target_` of a pruner; nothing but pruners can be called. None never prunes."""
    if not spec:
        return NopPruner()
    return cast("BasePruner", instantiate(dict(spec), _execution_whitelist_=TARGETS))
