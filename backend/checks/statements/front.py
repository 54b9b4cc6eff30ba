"""What travels in front of statements: checked as they are, and run once, for PL/pgSQL shows nothing before.

BEGIN needs no check: there is nothing in it that could be wrong but the word.
"""

import ast
from collections.abc import Iterator
from copy import deepcopy
from types import ModuleType
from typing import Final
from uuid import uuid4

import psycopg
from psycopg.adapt import Transformer

from backend.checks.database import Database, Who
from backend.checks.findings import Finding
from backend.checks.statements.preparing import refusal
from backend.checks.statements.reading import Call, Statement, tree_of
from queries import claim, context
from queries._statements import parsed

type Values = dict[str, object]

_SECONDS: Final = 60
_ENDED: Final = "P0001", "session_ended"
# A claim of somebody who is not there: after all that it does, the answer that it keeps belongs to nobody.
_NOBODY: Final = "23503"
_BECOME: Final = "SELECT set_config('lodestar.user_id', %s, true)"


def entering() -> Statement:
    """ENTER, as Context fills it."""
    return _statement(context, "ENTER", "Context")


def claiming() -> Statement:
    """CLAIM, as Claim fills it."""
    return _statement(claim, "CLAIM", "Claim")


def _statement(module: ModuleType, name: str, shape: str) -> Statement:
    """With the method of the Struct that has its values as the function that runs it."""
    nodes = list(ast.walk(tree_of(module)))
    (written,) = (one for one in nodes if isinstance(one, ast.AnnAssign) and ast.unparse(one.target) == name)
    (method,) = (one for one in nodes if isinstance(one, ast.FunctionDef) and one.name == "parameters")
    function = deepcopy(method)
    function.args.args[0].annotation = ast.Name(shape)
    (values,) = (one for one in ast.walk(function) if isinstance(one, ast.Dict))
    pairs = zip(values.keys, values.values, strict=True)
    keywords = [ast.keyword(ast.literal_eval(key), value) for key, value in pairs if key]
    call = Call(function, written.target, None, keywords, function.lineno)
    return Statement(module.__name__, name, getattr(module, name), written.lineno, [call], written.lineno, written)


def check_front(database: Database) -> Iterator[Finding]:
    """Runs each as who does, and takes it back."""
    enter: Values = {"enter_user_id": None, "enter_session_id": None, "enter_read_only": False}
    enter["enter_timeout_ms"] = _SECONDS * 1000
    roles: tuple[Who, ...] = ("runtime", "owner")
    for who in roles:
        yield from _run(database, who, entering(), enter)
    somebody = enter | {"enter_user_id": uuid4(), "enter_session_id": uuid4()}
    yield from _run(database, "runtime", entering(), somebody, _ENDED)
    key = {"claim_route": "/", "claim_key": str(uuid4()), "claim_digest": b"", "claim_answer": "{}"}
    yield from _run(database, "runtime", claiming(), key | {"claim_seconds": _SECONDS}, (_NOBODY, None))
    idle = Statement(context.__name__, "IDLE", context.IDLE, entering().line, [], entering().line, entering().written)
    yield from _run(database, "runtime", idle, {"milliseconds": _SECONDS * 1000})


def _run(
    database: Database,
    who: Who,
    statement: Statement,
    values: Values,
    ends: tuple[str, str | None] | None = None,
) -> Iterator[Finding]:
    """Under an identity that nobody has. `ends` are the SQLSTATE and the constraint (None: any) of its end."""
    asked, ended = parsed(statement.text), None
    try:
        with database.acting(who) as connection:
            connection.execute(_BECOME, [str(uuid4())])
            transformer = Transformer(connection)
            connection.execute(asked.spelled([transformer.as_literal(value) for value in asked.values(values)]))
    except psycopg.Error as error:
        ended = error
    said = (ended.sqlstate, ended.diag.constraint_name) if ended else None
    if said == ends or (said and ends and ends == (said[0], None)):
        return
    if ended:
        yield refusal(statement, ended, statement.text)
    else:
        sentence = f"{statement.id} lets in somebody who is not there, and should end with {ends}"
        yield Finding(statement.file, statement.line, "open", sentence, statement.id)
