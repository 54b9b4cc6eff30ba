"""Of a statement that is wrong it is found what is, and where."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend.checks.database import Database
from backend.checks.statements import reading
from backend.checks.statements.reading import modules
from backend.checks.statements.usage import run_otherwise, run_outside
from backend.operators import OperatorError
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
        'EDIT: Final = "UPDATE items SET title = %(title)s, description = %(description)s WHERE version = 1"\n'
        "async def edit(conn: Door, description: str) -> None:\n"
        "    await execute(conn, EDIT, title=description, description='')\n",
        ("crossed", 4, "title"),
    ),
    (
        'class Row(Struct, kw_only=True):\n    id: UUID\nFIND: Final = "SELECT id FROM items"\n'
        "async def find(conn: Door) -> list[Row]:\n    return await fetch_all(conn, Row, FIND)\n",
        ("columns", 6, "kw_only"),
    ),
    (
        "class Text(Struct):\n    description: str | None\n"
        "class Row(Struct):\n    text: Text | None\n    version: int\n"
        'FIND: Final = "SELECT description, version FROM items"\n'
        "async def find(conn: Door) -> list[Row]:\n    return await fetch_all(conn, Row, FIND)\n",
        ("nullable", 9, "Text.description"),
    ),
    *(
        (
            f'{above}FIND: Final = "SELECT id FROM items"\n'
            f"async def find(conn: Door, shape: Any) -> Any:\n"
            f"    shape; return await fetch_all(conn, {shape}, FIND)\n",
            ("unreadable-shape", line, shape),
        )
        for above, shape, line in (("", "shape", 4), ("", "dict", 4), ("class Row(Struct):\n    pass\n", "Row", 6))
    ),
    *(
        (
            f'class Row(Struct):\n    found: {kind}\nFIND: Final = "SELECT {expression} AS found FROM items"\n'
            "async def find(conn: Door) -> list[Row]:\n    return await fetch_all(conn, Row, FIND)\n",
            ("nullable", 4, "found"),
        )
        for kind, expression in (
            ("str", "substring(title SIMILAR 'a#\"b#\"c' ESCAPE '#')".replace('"', '\\"')),
            ("str", "concat(VARIADIC CASE WHEN title > '' THEN ARRAY[title] END)"),
            ("int", "ntile(CASE WHEN title > '' THEN 4 END) OVER (ORDER BY id)"),
            ("int", "max(version) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"),
            ("int", "max(version) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND CURRENT ROW EXCLUDE CURRENT ROW)"),
            ("int", "max(version) FILTER (WHERE title > '') OVER ()"),
            ("str", "max(description) OVER ()"),
            ("str", "lag(title) OVER (ORDER BY id)"),
            ("str", "CASE WHEN description IS NULL AND title > '' THEN title ELSE description END"),
            ("str", "CASE WHEN description IS NULL THEN description ELSE title END"),
        )
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
    "class Row(Struct):\n    number: int\n    quarter: int\n    newest: str\n    so_far: int\n    next: int\n"
    'OF: Final = """SELECT row_number() OVER ids AS number, ntile(4) OVER ids AS quarter,\n'
    "first_value(title) OVER ids AS newest, sum(version::integer) OVER ids AS so_far,\n"
    "max(version) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS next\n"
    'FROM items WINDOW ids AS (ORDER BY id)"""\n'
    "async def of(conn: Door) -> list[Row]:\n    return await fetch_all(conn, Row, OF)\n",
    "class Row(Struct):\n    text: str\n"
    'OF: Final = "SELECT '
    "CASE WHEN description IS NULL OR title = '' THEN title ELSE description END AS text FROM items\"\n"
    "async def of(conn: Door) -> list[Row]:\n    return await fetch_all(conn, Row, OF)\n",
    "class Row(Struct):\n    titles: list[str]\n    things: dict[str, int]\n"
    'OF: Final = "SELECT '
    "coalesce(jsonb_agg(title), '[]') AS titles, jsonb_build_object('a', 1) AS things FROM items\"\n"
    "async def of(conn: Door) -> Row:\n    return await fetch_one(conn, Row, OF)\n",
    "class Beside(Struct):\n    user: User | None\n    count: int\n"
    'OF: Final = """SELECT u.id, u.email, u.full_name, u.is_active, u.is_admin, u.email_verified_at, u.created_at,\n'
    'u.updated_at, c.count FROM (SELECT count(*) FROM items) c LEFT JOIN users u ON true"""\n'
    "async def of(conn: Door) -> Beside:\n    return await fetch_one(conn, Beside, OF)\n",
]


@pytest.mark.parametrize("source", RIGHT)
def test_what_is_right_is_not_found(source: str, checked: Database, tmp_path: Path) -> None:
    assert found_in(checked, module_of(tmp_path, source)) == []


PAST = [
    "async def find(conn: Any) -> None:\n    await conn.execute('SELECT 1')\n",
    "async def find(conn: Door) -> None:\n    await conn.run('SELECT 1', {})\n",
    "async def find(conn: Any) -> None:\n    conn.cursor()\n",
    "import queries._fetch as door\nasync def find(conn: Door) -> None:\n    await door.execute(conn, 'SELECT 1')\n",
    "from queries._fetch import execute as send\nasync def find(conn: Door) -> None:\n    await send(conn, '')\n",
    "send = execute\n",
    "ONE: Final = 'SELECT 1'\nasync def one(conn: Door) -> None:\n    await execute(conn, statement=ONE)\n",
    "ONE: Final = 'SELECT 1'\nasync def one(conn: Door) -> None:\n    await execute(*(conn, ONE))\n",
]


@pytest.mark.parametrize("source", PAST)
def test_what_goes_round_the_one_way_of_running_a_statement_is_found(source: str, tmp_path: Path) -> None:
    assert [one.code for one in run_otherwise(module_of(tmp_path, source))] == ["run-otherwise"]


def test_what_runs_statements_outside_of_queries_is_found() -> None:
    assert [one.line for one in run_outside(ast.parse("\nfrom queries._fetch import Conn, execute"), "there.py")] == [2]
    assert list(run_outside(ast.parse("from queries._fetch import Conn"), "there.py")) == []


def test_of_a_function_within_another_a_statement_is_run_once(checked: Database, tmp_path: Path) -> None:
    source = (
        'FIND: Final = "SELECT id FROM items"\n'
        "def outer(conn: Door) -> Any:\n    async def find() -> None:\n        await execute(conn, FIND)\n"
        "    return find\n"
    )
    module = module_of(tmp_path, source)
    assert found_in(checked, module) == []
    assert [call.function.name for call in reading.calls_of(module)] == ["find"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of statements in place of `queries`."""
    made = tmp_path / "wishes"
    (made / "reports").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(reading, "queries", SimpleNamespace(__path__=[str(made)]))
    modules.cache_clear()
    yield made
    modules.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == made.name]:
        del sys.modules[name]


def test_modules_in_folders_of_folders_are_looked_at(folder: Path) -> None:
    for file in (folder / "__init__.py", folder / "one.py", folder / "reports" / "daily.py"):
        file.write_text("")
    assert [one.__name__ for one in modules()] == ["wishes", "wishes.one", "wishes.reports.daily"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def x(:", "SyntaxError"),
        ("raise RuntimeError('no')", r"RuntimeError: no \(.*broken.py:1\)$"),
        ("import nothing_there", "nothing_"),
    ],
)
def test_of_a_module_that_cannot_be_imported_a_line_tells(source: str, said: str, folder: Path) -> None:
    (folder / "reports" / "broken.py").write_text(source)
    with pytest.raises(OperatorError, match=rf"^wishes\.reports\.broken cannot be imported: .*{said}"):
        modules()
