"""The database server."""

from tests.postgresql import postgresql

__all__ = ["postgresql"]
