"""How the lists of items are found: through an index that has their order, and a search through the trigrams' too."""

import re
from collections.abc import AsyncIterator
from typing import Final

import pytest
from litestar import Litestar

from backend.checks.statements.preparing import execution, preparation
from backend.contracts.pages import NEWEST, OLDEST
from backend.settings import Settings
from queries import item_lists, items
from queries._statements import parsed
from tests.database import Connection, introduce, rows
from tests.people import Person

ORDERS: Final = ["-created_at", "created_at", "-title", "title"]
# A value for each parameter, the index, and the condition that begins in it where the page before has ended.
LISTS: Final[dict[str, tuple[list[bytes], str, str]]] = {
    items.PAGE: ([b"NULL", b"21"], "items_owner_id_idx", r"\(id < \$1\)"),
    item_lists.OLDEST: ([b"NULL", b"21"], "items_owner_id_idx", r"\(id > \$1\)"),
    item_lists.BY_TITLE: (
        [b"'x'", b"NULL", b"21"],
        "items_owner_id_title_idx",
        r"\(ROW\(title, id\) > ROW\(\$1, \$2\)\)",
    ),
    item_lists.BY_TITLE_DESCENDING: (
        [b"NULL", b"NULL", b"21"],
        "items_owner_id_title_idx",
        r"\(ROW\(title, id\) < ROW\(\(InitPlan \d\)\.col1, \$2\)\)",
    ),
}

# Ada has one item in five hundred that is rare, and every second one is frequent; everybody else has nothing but both.
# The list of what an index has not yet taken in would be read as well, and so be planned with.
CROWD: Final = """
INSERT INTO items (owner_id, title)
SELECT %s, n || CASE WHEN n %% 2 = 0 THEN ' frequent' ELSE '' END || CASE WHEN n %% 500 = 7 THEN ' rare' ELSE '' END
FROM   generate_series(1, 10000) AS n;
"""
OTHERS: Final = "INSERT INTO items (owner_id, title) SELECT %s, 'rare and frequent' FROM generate_series(1, 80)"
TIDY: Final = "SELECT gin_clean_pending_list('items_title_search_idx'); ANALYZE items"


@pytest.fixture
async def as_ada(superuser: Connection, app: Litestar, settings: Settings, ada: Person) -> AsyncIterator[Connection]:
    """Her connection, with many items and many owners, until its transaction is rolled back."""
    async with superuser.transaction(force_rollback=True):
        await superuser.execute(CROWD.encode(), (ada.id,))
        for _ in range(60):
            other = await introduce(superuser, app, settings, "other")
            await superuser.execute(OTHERS.encode(), (other.id,))
        await superuser.execute("SET LOCAL search_path = public, trigrams")
        await superuser.execute(TIDY.encode())
        await superuser.execute("LOAD 'auto_explain'")
        await superuser.execute("SET LOCAL auto_explain.log_min_duration = 0")
        await superuser.execute("SET LOCAL auto_explain.log_nested_statements = on")
        await superuser.execute("SET LOCAL auto_explain.log_analyze = on")
        await superuser.execute("SET LOCAL client_min_messages = log")
        await superuser.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await superuser.execute("SET LOCAL ROLE lodestar_app")
        await superuser.execute("SELECT set_config('lodestar.user_id', %s, true)", (ada.id,))
        yield superuser


async def test_a_page_in_any_order_is_read_from_its_index_without_a_sort(as_ada: Connection) -> None:
    """Under row security, with plans that know no values: only LEAKPROOF comparisons may look into an index."""
    await as_ada.execute("SET LOCAL enable_seqscan = off")
    for statement, (values, index, condition) in LISTS.items():
        prepared = parsed(statement)
        await as_ada.execute(preparation(prepared))
        explain = b"EXPLAIN " + execution(prepared, values)
        plan = "\n".join(line for (line,) in await rows(as_ada, explain.decode()))
        assert "Sort" not in plan, plan
        assert f" using {index} " in plan.replace(" Backward", ""), plan
        assert re.search(rf"Index Cond: \(\(owner_id = \(InitPlan \d\)\.col1\) AND {condition}\)", plan), plan


async def searched(connection: Connection, sought: str, order: str) -> tuple[int, str]:
    """How many were found, and how the gate looked for them."""
    plans: list[str] = []
    connection.add_notice_handler(lambda notice: plans.append(notice.message_primary or ""))
    text = None if order == "-title" else ""
    after = NEWEST if order.startswith("-") else OLDEST
    search = "SELECT FROM gate.search_items(%s, %s, %s, %s, 21)"
    found = await connection.execute(search.encode(), (sought, order, text, after))
    (plan,) = [one for one in plans if "items_title_search_idx" in one or "CTE near" in one]
    return found.rowcount, plan


def lines_of(plan: str, what: str) -> list[str]:
    return [line for line in plan.splitlines() if what in line]


async def test_what_is_rare_is_found_through_its_trigrams_among_ones_own(as_ada: Connection) -> None:
    for order in ORDERS:
        found, plan = await searched(as_ada, "rare", order)
        (scan,) = lines_of(plan, "Bitmap Index Scan on items_title_search_idx")
        assert found == 20
        assert "rows=20" in scan.partition("actual")[2], plan


async def test_what_is_frequent_is_found_by_a_short_walk(as_ada: Connection) -> None:
    for order in ORDERS:
        found, plan = await searched(as_ada, "frequent", order)
        assert found == 21
        assert all("never executed" in line for line in lines_of(plan, "items_title_search_idx")), plan
        walks = [line for line in lines_of(plan, "->  Limit") if "rows=4" in line.partition("actual")[2]]
        assert len(walks) == 1, plan


async def test_of_the_other_orders_nothing_is_left_in_the_plan(as_ada: Connection) -> None:
    for order in ORDERS:
        _, plan = await searched(as_ada, "frequent", order)
        assert len(lines_of(plan, "One-Time Filter: false")) == 3, plan
        assert "'%frequent%'" in plan, "the pattern is made once"
        assert "CASE" not in plan, plan
