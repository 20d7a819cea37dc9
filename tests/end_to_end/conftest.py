"""The browser, for the tests that look at pages, and the database server."""

from tests.browser import chromium
from tests.postgresql import postgresql

__all__ = ["chromium", "postgresql"]
