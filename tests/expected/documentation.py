"""What the API says about itself: its document, the page that shows it, its problems and its public keys."""

from typing import Final

import httpx

from tests.expected.shapes import Route, Way
from tests.people import Person


async def known(_: httpx.AsyncClient, __: Person) -> str:
    return "not_found"


ROUTES: Final = {
    "GET /.well-known/jwks.json": Route("anyone", 0),
    "GET /openapi.json": Route("anyone", 0),
    "GET /docs": Route("anyone", 0),
    "GET /docs/{digest}/swagger-ui.css": Route("anyone", 0),
    "GET /docs/{digest}/swagger-ui-bundle.js": Route("anyone", 0),
    "GET /docs/{digest}/start.js": Route("anyone", 0),
    "GET /problems": Route("anyone", 0),
    "GET /problems/{code}": Route("anyone", 0),
}

IDS: Final[dict[str, Way]] = {"code": known}
