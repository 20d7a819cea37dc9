import subprocess
import sys

from tests.conftest import ROOT, environment

SCAN = """
import sys
from hydra.core.plugins import Plugins
from hydra_plugins import hydra_trial
from hydra_plugins.hydra_search import errors
from hydra_plugins.hydra_optuna_async_sweeper import preflight_callback as early

before = errors.BadInput, hydra_trial.TrialPruned, early.PreflightCallback
Plugins.instance()
from hydra_plugins.hydra_preflight_callback import preflight_callback as late
from hydra_plugins.hydra_search.errors import BadInput

assert before == (errors.BadInput, hydra_trial.TrialPruned, late.PreflightCallback), "each class is there once"
assert before[0] is BadInput
"""


def test_scanner_of_hydra_leaves_the_classes_that_were_imported_before_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCAN], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
