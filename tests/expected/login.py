"""Log-in, and what it counts and writes down."""

from typing import Any, Final

from tests.expected.shapes import Grants, Route
from tests.people import PASSWORD, Person


def credentials(person: Person) -> dict[str, Any]:
    return {"email": person.email, "password": PASSWORD}


def refresh_token(person: Person) -> dict[str, Any]:
    return {"refresh_token": person.tokens["refresh_token"]}


ROUTES: Final = {
    "POST /v1/login": Route("anyone", 2, credentials),
    "POST /v1/login/refresh": Route("anyone", 1, refresh_token),
    "POST /v1/logout": Route("user", 1),
}

GRANTS: Final = {
    "throttles": Grants(readable=False),
    "audit_events": Grants(readable=False),
}
