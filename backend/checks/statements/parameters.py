"""What a statement asks for and what it is given: the names, and the types against the annotations."""

import ast
from collections.abc import Iterator

from backend.checks.findings import Finding
from backend.checks.nullability.lookups import Catalogue
from backend.checks.statements.annotations import Annotation, passed
from backend.checks.statements.preparing import Prepared
from backend.checks.statements.reading import Call, Statement
from backend.checks.statements.types import kind_of, takes
from queries._statements import parsed


def given(statement: Statement, call: Call) -> dict[str, Annotation | None]:
    """What is passed for each keyword; None where it cannot be read."""
    return {str(one.arg): passed(one.value, call, statement.namespace) for one in call.arguments}


def check_names(statement: Statement, call: Call) -> Iterator[Finding]:
    """Placeholders of the text against the keywords of the call, and arguments of the function that go nowhere."""
    asked = parsed(statement.text).distinct
    for name in asked:
        if name not in call.keywords:
            line = statement.line_at(statement.text.find(f"%({name})s"))
            sentence = f"{statement.id} asks for %({name})s, which {call.function.name}() does not pass"
            yield Finding(statement.file, line, "missing-parameter", sentence, statement.id)
    for one in call.arguments:
        if one.arg not in asked:
            sentence = f"{call.function.name}() passes {one.arg or '**'} , which {statement.id} does not ask for"
            yield Finding(statement.file, one.value.lineno, "surplus-parameter", sentence, statement.id)
    used = {node.id for node in ast.walk(call.function) if isinstance(node, ast.Name)}
    every = call.function.args
    for argument in (*every.posonlyargs, *every.args, *every.kwonlyargs):
        if argument.arg not in used and argument.arg != "self":
            sentence = f"{call.function.name}() takes {argument.arg} and does nothing with it"
            yield Finding(statement.file, argument.lineno, "unused-argument", sentence, statement.id)


def check_types(statement: Statement, call: Call, prepared: Prepared, catalogue: Catalogue) -> Iterator[Finding]:
    """Annotations against the types that PostgreSQL has inferred."""
    values = {str(one.arg): one.value for one in call.arguments}
    for name, annotation in given(statement, call).items():
        if name not in prepared.parameters:
            continue
        line = values[name].lineno
        if annotation is None:
            sentence = f"what {call.function.name}() passes for {name} is no argument or attribute: it has no type"
            yield Finding(statement.file, line, "unreadable", sentence, statement.id)
        elif wrong := _wrong(annotation, prepared.parameters[name], catalogue):
            sentence = f"{call.function.name}() passes {name} as {annotation} and {statement.id} takes {wrong}"
            yield Finding(statement.file, line, "parameter-type", sentence, statement.id)


def _wrong(annotation: Annotation, oid: int, catalogue: Catalogue) -> str | None:
    """What it should be."""
    kind = kind_of(catalogue, oid)
    if kind is None:
        named = catalogue.types[oid].name if oid in catalogue.types else str(oid)
        return f"{named} , which has no row in backend/checks/statements/types.py"
    if not takes(kind, annotation.kinds):
        return kind.name
    if kind.labels and not annotation.values <= set(kind.labels):
        return f"{kind.name} , which has no {sorted(annotation.values - set(kind.labels))}"
    return None


def samples(statement: Statement, call: Call, prepared: Prepared, catalogue: Catalogue) -> list[dict[str, object]]:
    """Values to try it with: something everywhere, and None wherever that may be passed."""
    some: dict[str, object] = {}
    for name, oid in prepared.parameters.items():
        kind = kind_of(catalogue, oid)
        some[name] = kind.sample if kind else None
    optional = [name for name, one in given(statement, call).items() if one and one.optional and name in some]
    return [some, some | dict.fromkeys(optional)] if optional else [some]
