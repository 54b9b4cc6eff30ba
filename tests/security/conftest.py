"""People who cost no hash: what is tested here is not how they came in."""

from tests.queries.conftest import ada, admin, bob

__all__ = ["ada", "admin", "bob"]
