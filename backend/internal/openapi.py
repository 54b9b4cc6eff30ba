"""`backend openapi`: the OpenAPI document as a file."""

import msgspec
import rich_click as click
from litestar import Router

from backend.checks.importing import module_of
from backend.operators import OperatorError


@click.command(epilog="Example: backend openapi - | jq .paths")
@click.argument("path", type=click.Path(), default="openapi.json")
def openapi(path: str) -> None:
    """Write the OpenAPI document to PATH, which is openapi.json unless it is given; - is standard output.

    It needs neither settings nor a database.
    """
    text = document_of_the_routes()
    try:
        with click.open_file(path, "wb") as file:
            file.write(text)
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}.") from None


def document_of_the_routes() -> bytes:
    """What is written. Raises OperatorError where the routes or their examples cannot be imported."""
    api, openapi_json = module_of("backend.app").api, module_of("backend.documentation.document").openapi_json
    document: bytes = openapi_json(Router("/", route_handlers=api()).routes)
    return msgspec.json.format(document) + b"\n"
