"""The OpenAPI document and a page that shows it, for as long as DOCS is on. The page needs no other host."""

from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from litestar import MediaType, Request, Response, Router
from litestar.handlers import HTTPRouteHandler

from backend.answers import Answer
from backend.handlers import get

_ASSETS: Final = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "start.js": "text/javascript",
}

# Swagger UI draws its icons from `data:` addresses, and sets styles by script only, which needs no permission.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Lodestar</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{folder}/swagger-ui.css">
<div id="documentation"></div>
<script src="{folder}/swagger-ui-bundle.js"></script>
<script src="{folder}/start.js"></script>
</html>
"""


def documentation() -> Router:
    """`/openapi.json`, `/docs`, and the files of the page in a folder that is named after their digest."""
    packaged = files("backend.documentation") / "swagger_ui"
    contents = {name: (packaged / name).read_bytes() for name in _ASSETS}
    folder = f"/docs/{sha256(b''.join(contents.values())).hexdigest()[:16]}"
    assets = [_asset(f"{folder}/{name}", _ASSETS[name], content) for name, content in contents.items()]
    return Router("/", route_handlers=[_openapi, _page(folder), *assets], include_in_schema=False)


@get("/openapi.json", exclude_from_auth=True)
async def _openapi(request: Request[Any, Any, Any]) -> Answer[bytes]:
    """Built, and what builds it imported, when it is first asked for; once for each application."""
    state = request.app.state
    if "openapi" not in state:
        from backend.documentation.document import openapi_json

        state.openapi = openapi_json(request.app.routes)
    return Answer(state.openapi)


def _page(folder: str) -> HTTPRouteHandler:
    page = _PAGE.format(folder=folder)

    @get("/docs", media_type=MediaType.HTML, exclude_from_auth=True)
    async def docs() -> Response[str]:
        return Response(page, headers={"Content-Security-Policy": _POLICY})

    return docs


def _asset(path: str, media_type: str, content: bytes) -> HTTPRouteHandler:
    """A route for each file: a name that is none of theirs is no route, and no path is ever made of one."""

    @get(path, media_type=media_type, exclude_from_auth=True)
    async def asset() -> Response[bytes]:
        return Response(content, headers={"Cache-Control": "public, max-age=31536000, immutable"})

    return asset
