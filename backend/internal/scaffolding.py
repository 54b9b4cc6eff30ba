"""`backend new resource`: a resource with all that belongs to it, in the shape of items."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click

from backend.operators import OperatorError

if TYPE_CHECKING:  # A command that is only asked for its help imports none of this.
    from rich.tree import Tree

    from backend.internal.scaffold.plan import File
    from backend.internal.scaffold.resource import Resource

ROOT: Final = Path(__file__).resolve().parents[2]


@click.group(epilog="Example: backend new resource books title:text pages:int:optional")
def new() -> None:
    """Write code that is yours from then on."""


@new.command(epilog="Example: backend new resource books title:text:unique pages:int published_on:date:optional")
@click.argument("name")
@click.argument("fields", nargs=-1, metavar="FIELD:TYPE[:MODIFIER]...")
@click.option("--singular", help="What one of them is called, where that cannot be told from NAME.")
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
def resource(name: str, fields: tuple[str, ...], singular: str | None, dry_run: bool) -> None:
    """Write the resource NAME, a plural, with these fields: migration, queries, contract, controller, refusals, tests.

    Types are text, int, bigint, bool, float, decimal, date and uuid. A field is required unless it is `optional`.
    `unique` is it among those of one owner; `index` gives it an index. Fields that may be left out come last.
    """
    from backend.internal.scaffold.plan import planned
    from backend.internal.scaffold.resource import Resource
    from backend.internal.scaffold.writing import written

    made = Resource.of(name, fields, singular)
    _refuse_taken(made)
    files = planned(made, ROOT)
    if dry_run:
        _show(_tree(made, files))
        return
    paths = written(files, ROOT)
    click.echo("".join(f"{path}\n" for path in paths), nl=False)
    click.echo(f"Next: `backend check`, `backend migrate`, and `pytest tests/api/test_{name}.py`.")


def _refuse_taken(made: "Resource") -> None:
    """Raises OperatorError for a path, a type or a refusal that the application has already, or if it is broken."""
    from litestar import Router

    from backend.checks.importing import module_of

    try:
        api, document = module_of("backend.app").api, module_of("backend.documentation.document").document
    except OperatorError as error:
        raise OperatorError(f"the application does not start as it is: {error}") from None
    from backend.errors import Problem

    known = document(Router("/", route_handlers=api()).routes)
    path = f"/v1/{made.name}"
    if any(one == path or one.startswith(f"{path}/") for one in known["paths"]):
        raise OperatorError(f"{path} is an address already")
    for shape in (made.shape, f"New{made.shape}", f"{made.shape}Patch", f"PageOf{made.shape}"):
        if shape in known["components"]["schemas"]:
            raise OperatorError(f"{shape} is a type of the API already; call one of {made.name} otherwise: --singular")
    for field in made.unique:
        if made.code(field) in Problem.registry:
            raise OperatorError(f"{made.code(field)} is the code of a problem already")


def _tree(made: "Resource", files: "list[File]") -> "Tree":
    from rich.tree import Tree

    tree = Tree(f"/v1/{made.name}, each a {made.shape}")
    for title, chosen in (("new", [one for one in files if one.before is None]), ("changed", files)):
        branch = tree.add(title)
        for file in chosen:
            if title == "new":
                branch.add(f"{file.path}, {len(file.added)} lines")
            elif file.before is not None:
                leaf = branch.add(file.path)
                for line in file.added:
                    leaf.add(line.strip())
    return tree


def _show(tree: "Tree") -> None:
    from rich.console import Console

    Console(markup=False, highlight=False, soft_wrap=True).print(tree)
