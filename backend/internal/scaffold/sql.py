"""The migration of a resource, and the text of its statements."""

from collections.abc import Iterator

from backend.internal.scaffold.fields import Field
from backend.internal.scaffold.layout import WIDTH, filled
from backend.internal.scaffold.resource import Resource, filled_in


def migration(resource: Resource, file: str) -> str:
    """What `file` has in it."""
    names = [field.name for field in resource.fields]
    return filled_in(
        "migration",
        resource,
        file=file,
        columns="\n".join(_columns(resource)),
        indexes="".join(_indexes(resource)),
        # Where items has its comment.
        policy_space=" " * max(2, 58 - len(f'CREATE POLICY {resource.name}_owner ON {resource.name} TO :"runtime"')),
        insert_grant=filled("INSERT (", names, "),", indent=6),
        update_grant=filled("UPDATE (", names, ")", indent=6),
    )


def _columns(resource: Resource) -> Iterator[str]:
    widths = (
        max(len(name) for name in resource.columns),
        max(len("timestamptz"), *(len(field.kind.column) for field in resource.fields)),
    )

    def column(name: str, kind: str, *rest: str) -> str:
        head = f"    {name:<{widths[0]}} {kind:<{widths[1]}} "
        flat = f"{head}{' '.join(rest)}".rstrip()
        if len(flat) < WIDTH:
            return flat
        return f"\n{' ' * len(head)}".join((f"{head}{' '.join(rest[:-1])}".rstrip(), rest[-1]))

    yield column("id", "uuid", "PRIMARY KEY DEFAULT uuidv7()") + ","
    head = column("owner_id", "uuid", "NOT NULL DEFAULT current_user_id()")
    yield head
    key = f"CONSTRAINT {resource.name}_owner_id_fkey REFERENCES users ON DELETE CASCADE,"
    yield " " * (head.index("NOT")) + key
    for field in resource.fields:
        check = [f"CONSTRAINT {resource.name}_{field.name}_check CHECK ({field.check})"] if field.check else []
        yield column(field.name, field.kind.column, *([] if field.optional else ["NOT NULL"]), *check) + ","
    for name in ("created_at", "updated_at"):
        yield column(name, "timestamptz", "NOT NULL DEFAULT moment()") + ","
    comment = "  -- Counted by the trigger below, and shown as an ETag."
    yield column("version", "bigint", "NOT NULL DEFAULT 1") + ("," if resource.unique else "") + comment
    yield from _keys(resource)


def _keys(resource: Resource) -> Iterator[str]:
    """Of one owner: among everybody's rows a refusal would tell what somebody else has."""
    for number, field in enumerate(resource.unique, 1):
        if number == 1:
            yield "    -- Of each owner: one among everybody's rows would tell, by its refusal, what somebody else has."
        end = "" if number == len(resource.unique) else ","
        yield f"    CONSTRAINT {resource.key(field)} UNIQUE (owner_id, {field.name}){end}"


def _indexes(resource: Resource) -> Iterator[str]:
    for field in resource.fields:
        if field.index:
            name = f"{resource.name}_owner_id_{field.name}_idx"
            yield f"CREATE INDEX {name} ON {resource.name} (owner_id, {field.name}, id);\n"


def statements(resource: Resource) -> dict[str, str]:
    """The parts of the statements that name fields."""
    names, shown = [field.name for field in resource.fields], resource.columns
    counted = [*shown, "version"]
    return {
        "select": filled("SELECT ", shown),
        "select_version": filled("SELECT ", counted),
        "insert": filled(f"INSERT INTO {resource.name} (", names, ")"),
        "values": filled("VALUES (", [f"%({name})s" for name in names], ")"),
        "returning": filled("RETURNING ", counted),
        "returning_edited": filled("RETURNING ", counted, indent=4),
        "select_edited": filled("SELECT ", [f"edited.{name}" for name in counted]),
        "assignments": ",\n".join(_assignments(resource)),
    }


def _assignments(resource: Resource) -> Iterator[str]:
    width = max(len(field.name) for field in resource.fields)
    for number, field in enumerate(resource.fields):
        yield f"    {'   ' if number else 'SET'}    {field.name:<{width}} = {_assigned(field, 14 + width)}"


def _assigned(field: Field, at: int) -> str:
    name = field.name
    if not field.optional:
        return f"coalesce(%({name})s, {name})"
    flat = f"CASE WHEN %(sets_{name})s THEN %({name})s ELSE {name} END"
    if at + len(flat) < WIDTH:
        return flat
    return f"CASE WHEN %(sets_{name})s\n{' ' * (at + 5)}THEN %({name})s ELSE {name} END"
