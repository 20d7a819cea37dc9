"""The browser, for the tests that look at pages."""

from tests.browser import chromium

__all__ = ["chromium"]
