"""Of a statement that is wrong it is found what is, and where."""

from pathlib import Path

import pytest

from backend.checks.database import Database
from tests.checks.written import found_in, module_of

SHAPE = "class Row(Struct):\n    id: UUID\n    title: str\n"

# The source, which begins in the second line, and what is found: code, line and a word of the sentence.
WRONG = [
    (
        'FIND: Final = """\nSELECT id\nFROM   items\nWHERE  nothing = 1\n"""\n'
        "async def find(conn: Door) -> None:\n    await execute(conn, FIND)\n",
        ("refused", 5, "nothing"),
    ),
    (
        'FIND: Final = Cheap("""\nSELECT id FROM items\nWHERE  id = %(item_id)s\nAND    title = %(title)s\n""")\n'
        "async def find(conn: Door, item_id: UUID) -> None:\n    await execute(conn, FIND, item_id=item_id)\n",
        ("missing-parameter", 5, "title"),
    ),
    (
        'FIND: Final = "SELECT id FROM items"\n'
        "async def find(conn: Door, item_id: UUID) -> None:\n    await execute(conn, FIND, item_id=item_id)\n",
        ("surplus-parameter", 4, "item_id"),
    ),
    (
        'FIND: Final = "SELECT id FROM items"\n'
        "async def find(\n    conn: Door,\n    item_id: UUID,\n) -> None:\n    await execute(conn, FIND)\n",
        ("unused-argument", 5, "item_id"),
    ),
    (
        'FIND: Final = "SELECT id FROM items WHERE id = %(item_id)s"\n'
        "async def find(conn: Door, item_id: str) -> None:\n    await execute(conn, FIND, item_id=item_id)\n",
        ("parameter-type", 4, "uuid"),
    ),
    (
        'FIND: Final = "SELECT id FROM items WHERE title = %(title)s"\n'
        'async def find(conn: Door, title: "int | None") -> None:\n    await execute(conn, FIND, title=title)\n',
        ("parameter-type", 4, "text"),
    ),
    (
        'FIND: Final = "SELECT id FROM items WHERE title = %(title)s"\n'
        "async def find(conn: Door, claim: Claim) -> None:\n    await execute(conn, FIND, title=claim.seconds)\n",
        ("parameter-type", 4, "int"),
    ),
    (
        'FIND: Final = "SELECT id FROM items WHERE title = ANY (%(titles)s::text[])"\n'
        "async def find(conn: Door, titles: str) -> None:\n    await execute(conn, FIND, titles=titles)\n",
        ("parameter-type", 4, "text[]"),
    ),
    (
        'FIND: Final = "SELECT id FROM items WHERE version = %(version)s"\n'
        "async def find(conn: Door, version: Literal['a']) -> None:\n    await execute(conn, FIND, version=version)\n",
        ("parameter-type", 4, "str"),
    ),
    (
        'FIND: Final = "SELECT id FROM items WHERE title = %(title)s"\n'
        "async def find(conn: Door, title: str) -> None:\n    await execute(conn, FIND, title=title + 'x')\n",
        ("unreadable", 4, "title"),
    ),
    (
        f'{SHAPE}FIND: Final = "SELECT title, id FROM items"\n'
        "async def find(conn: Door) -> list[Row]:\n    return await fetch_all(conn, Row, FIND)\n",
        ("columns", 5, "Row.id"),
    ),
    (
        f'{SHAPE}FIND: Final = "SELECT id FROM items"\n'
        "async def find(conn: Door) -> list[Row]:\n    return await fetch_all(conn, Row, FIND)\n",
        ("columns", 5, "Row.title"),
    ),
    (
        f'{SHAPE}FIND: Final = "SELECT id, title, version FROM items"\n'
        "async def find(conn: Door) -> list[Row]:\n    return await fetch_all(conn, Row, FIND)\n",
        ("columns", 5, "version"),
    ),
    (
        f'{SHAPE}FIND: Final = "SELECT id, version AS title FROM items"\n'
        "async def find(conn: Door) -> list[Row]:\n    return await fetch_all(conn, Row, FIND)\n",
        ("column-type", 5, "int8"),
    ),
    (
        f'{SHAPE}FIND: Final = "SELECT id, description AS title FROM items"\n'
        "async def find(conn: Door) -> list[Row]:\n    return await fetch_all(conn, Row, FIND)\n",
        ("nullable", 5, "Row.title"),
    ),
    (
        f'{SHAPE}FIND: Final = "SELECT id, ROW(1) AS title FROM items"\n'
        "async def find(conn: Door) -> list[Row]:\n    return await fetch_all(conn, Row, FIND)\n",
        ("column-type", 5, "record"),
    ),
    (
        f'{SHAPE}FIND: Final = "SELECT id, title FROM items"\n'
        "async def find(conn: Door) -> Row:\n    return await fetch_one(conn, Row, FIND)\n",
        ("no-row", 7, "find()"),
    ),
    (
        'FIND: Final = """\nSELECT id\n     , items.* FROM items\n"""\n'
        "async def find(conn: Door) -> None:\n    await execute(conn, FIND)\n",
        ("star", 4, "*"),
    ),
    (
        'FIND: Final = "SELECT password_hash, email FROM users"\n'
        "async def find(conn: Door) -> None:\n    await execute(conn, FIND)\n",
        ("denied", 2, "password_hash"),
    ),
    (
        'FIND: Final = "DELETE FROM users"\nasync def find(conn: Door) -> None:\n    await execute(conn, FIND)\n',
        ("denied", 2, "DELETE"),
    ),
    (
        "FIND: Final = \"SELECT gate.wait_of('a')\"\n"
        "async def find(conn: Door) -> None:\n    await execute(conn, FIND)\n",
        ("denied", 2, "wait_of"),
    ),
    (
        "ADD: Final = \"INSERT INTO items (description, title) VALUES (%(title)s, '' || %(description)s)\"\n"
        "async def add(conn: Door, title: str, description: str) -> None:\n"
        "    await execute(conn, ADD, title=title, description=description)\n",
        ("crossed", 2, "title"),
    ),
    (
        'FIND: Final = "SELECT int2larger(%(x)s, 1::smallint)"\n'  # Behind a pooler 1 is an integer.
        "async def find(conn: Door, x: int) -> None:\n    await execute(conn, FIND, x=x)\n",
        ("refused", 2, "int2larger(integer, smallint)"),
    ),
    (
        'ADD: Final = "INSERT INTO items (title) VALUES (%(title)s)"\n'
        "async def add(conn: Door, title: str | None) -> None:\n    await execute(conn, ADD, title=title)\n",
        ("nullable", 4, "title"),
    ),
    (
        'FIND: Final = "SELECT 1 WHERE %(x)s::smallint > 0 AND int2(%(x)s) > 0; SELECT 1"\n'
        "async def find(conn: Door, x: int) -> None:\n    await execute(conn, FIND, x=x)\n",
        ("unpreparable", 2, "spelled"),
    ),
    (
        'FIND: Final = "SELECT id FROM items WHERE title = " + "\'x\'"\n'
        "async def find(conn: Door) -> None:\n    await execute(conn, FIND)\n",
        ("glued", 2, "together"),
    ),
    (
        'FIND: str = "SELECT id FROM items"\nasync def find(conn: Door) -> None:\n    await execute(conn, FIND)\n',
        ("glued", 2, "Final"),
    ),
    (
        "FIND: Final = \"SELECT id FROM items WHERE title LIKE 'a%'\"\n"
        "async def find(conn: Door) -> None:\n    await execute(conn, FIND)\n",
        ("glued", 2, "values"),
    ),
    (
        'NOTHING: Final = "SELECT"\nasync def nothing(conn: Door) -> None:\n    await execute(conn, NOTHING)\n',
        ("idle", 2, "nothing"),
    ),
]


@pytest.mark.parametrize(("source", "expected"), WRONG, ids=lambda one: one[0] if isinstance(one, tuple) else "")
def test_what_is_wrong_is_found_where_it_is(
    source: str, expected: tuple[str, int, str], checked: Database, tmp_path: Path
) -> None:
    found = found_in(checked, module_of(tmp_path, source))
    code, line, word = expected
    assert [(one.code, one.line) for one in found] == [(code, line)], found
    assert word in found[0].sentence.split() or word in found[0].sentence


RIGHT = [
    'OF: Final = "SELECT id FROM items WHERE title = ANY (%(titles)s::text[]) AND version = ANY (%(versions)s)"\n'
    "async def of(conn: Door, titles: list[str], versions: list[int] | None) -> None:\n"
    "    await execute(conn, OF, titles=text_array(titles), versions=versions)\n",
    'Title = NewType("Title", str)\ntype Number = int\n'
    'OF: Final = "SELECT id FROM items WHERE title = %(title)s AND version = %(version)s AND id <> %(one)s"\n'
    'async def of(conn: Door, title: Title, version: "Number", item: Item) -> None:\n'
    "    await execute(conn, OF, title=title, version=version, one=item.id)\n",
    'LIMIT = 3\nOF: Final = "SELECT id FROM items WHERE title = %(title)s LIMIT %(limit)s"\n'
    "async def of(conn: Door) -> None:\n    await execute(conn, OF, title='x', limit=LIMIT)\n",
    'class Row(Struct):\n    title: Literal["a", "b"]\n    twice: int\n'
    'OF: Final = "SELECT title, version * 2 AS twice FROM items"\n'
    "async def of(conn: Door) -> list[Row]:\n    return await fetch_all(conn, Row, OF)\n",
    "class Beside(Struct):\n    user: User | None\n    count: int\n"
    'OF: Final = """SELECT u.id, u.email, u.full_name, u.is_active, u.is_admin, u.email_verified_at, u.created_at,\n'
    'u.updated_at, c.count FROM (SELECT count(*) FROM items) c LEFT JOIN users u ON true"""\n'
    "async def of(conn: Door) -> Beside:\n    return await fetch_one(conn, Beside, OF)\n",
]


@pytest.mark.parametrize("source", RIGHT)
def test_what_is_right_is_not_found(source: str, checked: Database, tmp_path: Path) -> None:
    assert found_in(checked, module_of(tmp_path, source)) == []
