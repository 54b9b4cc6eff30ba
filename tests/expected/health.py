"""What a load balancer asks, and the list of applied migrations that the answer depends on."""

from typing import Final

from tests.expected.shapes import Grants, Route

ROUTES: Final = {
    "GET /health/live": Route("anyone", 0),
    "GET /health/ready": Route("anyone", 0),
}

GRANTS: Final = {"schema_migrations": Grants()}
