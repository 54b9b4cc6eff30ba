"""Whatever is in `queries` reaches PostgreSQL by one way: what `backend check` knows nothing of."""

import ast
import inspect

import pytest

from backend.checks.statements.reading import modules, tree_of
from queries import _fetch, _sharing, claim, context


@pytest.mark.checklist(49)
def test_only_the_ground_floor_speaks_to_a_connection() -> None:
    """What travels is ENTER and a statement, both constants; nothing else is put together."""
    for module in modules():
        spoken = [node.attr for node in ast.walk(tree_of(module)) if isinstance(node, ast.Attribute)]
        assert {"execute", "executemany", "cursor", "copy", "run", "stream"}.isdisjoint(spoken), module.__name__
    sent, senders = [], ("connection.ask", "connection.answer", ".execute")
    for module in (_fetch, _sharing):
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(senders):
                sent += [ast.unparse(one) for one in node.args]
    assert sorted(sent) == [
        "'COMMIT'",
        "(begin, {})",
        "(statement, parameters)",
        "(statement, parameters)",
        "*front",
        "*patience",
        "*self._front",
        "*self._front()",
        "answers",
        "asked",
    ]
    assert "{" not in inspect.getsource(context).partition("class Context")[0]
    assert "{" not in inspect.getsource(claim).partition("class Claim")[0]
