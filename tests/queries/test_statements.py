"""Every statement is prepared against the real schema, as the role that runs it, and compared with its Struct."""

import ast
import inspect
import re
import types
from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

import pytest
from msgspec import Struct
from msgspec.structs import fields
from psycopg import AsyncConnection

from backend.checks.reading import OWNERS, Statement, calls_of, modules, statements, tree_of
from backend.settings import Settings
from queries import _fetch, _sharing, claim, context
from queries._fetch import row_maker
from queries.claim import CLAIM, Claim
from queries.context import ENTER, Context
from tests.database import Connection, rows

PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")
KINDS: Final = {
    "uuid": UUID,
    "text": str,
    "boolean": bool,
    "smallint": int,
    "integer": int,
    "bigint": int,
    "double precision": float,
    "numeric": Decimal,
    "bytea": bytes,
    "date": date,
    "timestamp with time zone": datetime,
}

every_statement = pytest.mark.parametrize("statement", statements(), ids=lambda one: one.id)


@pytest.fixture(scope="module")
async def roles(settings: Settings) -> AsyncIterator[dict[bool, Connection]]:
    """The API's connection, and the owner's."""
    assert settings.database_url
    assert settings.database_owner_url
    async with (
        await AsyncConnection.connect(settings.database_url, autocommit=True) as runtime,
        await AsyncConnection.connect(settings.database_owner_url, autocommit=True) as owner,
    ):
        yield {False: runtime, True: owner}


async def prepared(connection: Connection, text: str) -> list[tuple[str, str]]:
    """Prepares it under PostgreSQL's own placeholders, and answers with the names and types of its columns."""
    names = list(dict.fromkeys(PLACEHOLDER.findall(text)))
    numbered = PLACEHOLDER.sub(lambda found: f"${names.index(found[1]) + 1}", text).strip()
    await connection.execute(f"PREPARE statement AS {numbered}".encode())
    described = connection.pgconn.describe_prepared(b"statement")
    await connection.execute(b"DEALLOCATE statement")
    columns = [(described.fname(n) or b"").decode() for n in range(described.nfields)]
    kinds = [described.ftype(n) for n in range(described.nfields)]
    named = await rows(connection, "SELECT oid::regtype::text FROM unnest(%s::oid[]) AS oid", kinds)
    return list(zip(columns, (kind for (kind,) in named), strict=True))


def expected(shape: type[Struct]) -> list[type]:
    """The types of the columns that a Struct takes; one that it begins with takes its columns first."""
    found: list[type] = []
    for field in fields(shape):
        kind = without_none(field.type)
        if isinstance(kind, type) and issubclass(kind, Struct):
            found += expected(kind)
        else:
            found.append(kind)
    return found


def without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (types.UnionType, Union):
        (annotation,) = (one for one in get_args(annotation) if one is not type(None))
    return str if get_origin(annotation) is Literal else annotation


@every_statement
async def test_a_statement_is_prepared_and_fills_its_struct(
    statement: Statement, roles: dict[bool, Connection]
) -> None:
    columns = await prepared(roles[statement.module in OWNERS], statement.text)
    if shape := statement.shape:
        row_maker(shape, [name for name, _ in columns])
        assert [KINDS[kind] for _, kind in columns] == expected(shape)


@every_statement
def test_a_statement_is_given_what_it_asks_for(statement: Statement) -> None:
    assert None not in statement.call.keywords
    assert sorted(map(str, statement.call.keywords)) == sorted(set(PLACEHOLDER.findall(statement.text)))


@every_statement
def test_a_statement_has_one_function_named_for_the_wish(statement: Statement) -> None:
    assert statement.call.function.name.upper() == statement.name


@every_statement
@pytest.mark.checklist(49)
def test_a_statement_has_no_other_place_for_values_than_its_parameters(statement: Statement) -> None:
    assert "%" not in PLACEHOLDER.sub("", statement.text)
    assert "{" not in statement.text


async def test_what_travels_in_front_is_prepared_as_well(roles: dict[bool, Connection]) -> None:
    for connection in roles.values():
        assert await prepared(connection, ENTER) == [("enter", "void")]
    assert await prepared(roles[False], CLAIM) == [("claim", "void")]
    assert set(PLACEHOLDER.findall(ENTER)) == set(Context(1).parameters())
    assert set(PLACEHOLDER.findall(CLAIM)) == set(Claim("", "", b"", 1).parameters())


@pytest.mark.checklist(49)
def test_a_statement_is_written_out_at_the_top_of_its_module() -> None:
    """Never glued from pieces: a plain text, maybe marked as Cheap, declared Final, and named where it is run."""
    declared = {(one.module, one.name) for one in statements()}
    assert len(declared) > 30
    for module in modules():
        for node in tree_of(module).body:
            if isinstance(node, ast.AnnAssign) and isinstance(getattr(module, ast.unparse(node.target)), str):
                assert ast.unparse(node.annotation) == "Final", ast.unparse(node)
                written = node.value
                if isinstance(written, ast.Call) and ast.unparse(written.func) == "Cheap":
                    (written,) = written.args
                assert isinstance(written, ast.Constant), ast.unparse(node)
        for call in calls_of(module):
            assert isinstance(call.statement, ast.Name), ast.unparse(call.statement)
            assert (module.__name__, call.statement.id) in declared


@pytest.mark.checklist(49)
def test_only_the_ground_floor_speaks_to_a_connection() -> None:
    """What travels is ENTER and a statement, both constants; nothing else is put together."""
    for module in modules():
        spoken = [node.attr for node in ast.walk(tree_of(module)) if isinstance(node, ast.Attribute)]
        assert {"execute", "executemany", "cursor", "copy", "run", "stream"}.isdisjoint(spoken), module.__name__
    sent = []
    for module in (_fetch, _sharing):
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("connection.ask", ".execute")):
                sent += [ast.unparse(one) for one in node.args]
    assert sorted(sent) == [
        "'COMMIT'",
        "(begin, {})",
        "(statement, parameters)",
        "(statement, parameters)",
        "*asked",
        "*front",
        "*patience",
        "*self._front()",
    ]
    assert "{" not in inspect.getsource(context).partition("class Context")[0]
    assert "{" not in inspect.getsource(claim).partition("class Claim")[0]
