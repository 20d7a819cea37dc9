"""Commands that the callback prints: they are this MLflow's, and work in any folder."""

import sys
from pathlib import Path

import pytest
from mlflow.store.db.utils import _verify_schema
from sqlalchemy import create_engine, text

from hydra_plugins.hydra_mlflow_callback._client import mlflow_command, reaching, ui_command
from hydra_plugins.hydra_mlflow_callback.config import Settings
from hydra_plugins.hydra_search.errors import BadInput

SETTINGS = Settings("sqlite:////data/a b/mlflow.db", "e", "search")


def test_mlflow_is_called_by_the_interpreters_path_where_no_environment_is_active(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(Path(sys.executable).parent.parent)
    assert ui_command(SETTINGS) == f"{sys.executable} -m mlflow ui --backend-store-uri 'sqlite:////data/a b/mlflow.db'"
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert mlflow_command() == "mlflow"


def test_database_of_another_version_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/old.db")
    with engine.begin() as old:
        old.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        old.execute(text("INSERT INTO alembic_version VALUES ('451aebb31d03')"))
    refused = pytest.raises(BadInput, match=r"another version .* copy of it, then: .*mlflow db upgrade 'sqlite:")
    with refused, reaching(SETTINGS):
        _verify_schema(engine)
    engine.dispose()
