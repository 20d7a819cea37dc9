"""The browser, for the tests that look at pages, the database server, and where a search is."""

from pathlib import Path

import pytest

from tests.browser import chromium
from tests.postgresql import postgresql

__all__ = ["chromium", "postgresql"]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """The directory of the search that a test starts."""
    return tmp_path / "multirun/search"
