"""What refusals mean: the pages that the `type` of a problem leads to, written from the refusals themselves."""

from html import escape
from inspect import cleandoc
from typing import Annotated, Final

from litestar import Controller, MediaType, Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import PathParameter

from backend.errors import NotFound, Problem
from backend.handlers import get

_HEADERS: Final = {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "public, max-age=3600"}

Code = Annotated[str, PathParameter(description="The `code` of a problem.", examples=[Example(value="not_found")])]

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<h1>{title}</h1>
{body}
</html>
"""


def _page_of(kind: type[Problem]) -> str:
    paragraphs = escape(cleandoc(kind.__doc__ or "")).split("\n\n")
    facts = f"<p>Status {kind.status_code}, code <code>{kind.code}</code></p>"
    return _PAGE.format(title=escape(kind.title), body="\n".join([facts, *(f"<p>{one}</p>" for one in paragraphs)]))


def _index() -> str:
    kinds = sorted(Problem.registry.values(), key=lambda kind: (kind.status_code, kind.code))
    lines = [f'<li>{kind.status_code} <a href="/problems/{kind.code}">{escape(kind.title)}</a></li>' for kind in kinds]
    return _PAGE.format(title="Problems", body="\n".join(["<ul>", *lines, "</ul>"]))


def _documented(page: str) -> dict[int, ResponseSpec]:
    return {200: ResponseSpec(str, media_type=MediaType.HTML, examples=[Example(value=page)])}


class ProblemController(Controller):
    path = "/problems"
    tags = ["Service"]

    @get("/", media_type=MediaType.HTML, exclude_from_auth=True, responses=_documented(_index()))
    async def page(self) -> Response[str]:
        """List the problems that there are, as a page to read."""
        return Response(_index(), headers=_HEADERS)

    @get(
        "/{code:str}",
        media_type=MediaType.HTML,
        exclude_from_auth=True,
        raises=[NotFound],
        responses=_documented(_page_of(NotFound)),
    )
    async def find(self, code: Code) -> Response[str]:
        """Read what a problem means. It is the page that its `type` leads to."""
        kind = Problem.registry.get(code)
        if kind is None:
            raise NotFound
        return Response(_page_of(kind), headers=_HEADERS)
