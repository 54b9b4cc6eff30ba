"""Every step that would weaken the schema is noticed, and named by file and line."""

from typing import Final

import pytest

from backend.checks.database import Connection, Database
from backend.checks.findings import ROOT
from tests.checks.schema_mutations import EQUIVALENT, Mutation, findings, generated, outcome
from tests.checks.tampered import tampering

KINDS: Final = {
    "drop FORCE",
    "drop ENABLE",
    "drop a policy",
    "WITH CHECK (true)",
    "drop an index",
    "revoke a right",
    "revoke a column",
    "reset search_path",
    "grant to PUBLIC",
    "change the owner",
    "SECURITY INVOKER",
}


@pytest.fixture(scope="module")
def mutations(opened: tuple[Connection, Database]) -> list[Mutation]:
    return generated(opened[0])


def test_of_every_kind_there_are_some_and_of_every_table_and_function(
    mutations: list[Mutation], opened: tuple[Connection, Database]
) -> None:
    assert {one.kind for one in mutations} == KINDS
    secured = {table.name for table in opened[1].catalogue.tables if table.enabled}
    for kind in ("drop FORCE", "drop ENABLE", "drop a policy", "drop an index"):
        assert {one.of for one in mutations if one.kind == kind} >= secured, kind
    assert len([one for one in mutations if one.kind == "grant to PUBLIC"]) > 30


def test_nothing_is_found_in_what_was_not_changed(opened: tuple[Connection, Database]) -> None:
    with tampering(*opened, "SELECT") as tampered:
        assert list(findings(tampered, Mutation("none", "", ""))) == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_weakens_the_schema_is_found(
    kind: str, mutations: list[Mutation], opened: tuple[Connection, Database]
) -> None:
    for mutation in mutations:
        if mutation.kind != kind:
            continue
        became, finding = outcome(*opened, mutation)
        if finding is None:
            assert became != "missed", mutation.change
            continue
        lines = (ROOT / finding.file).read_text().splitlines()
        assert 1 <= finding.line <= len(lines), finding
        assert mutation.of.partition("(")[0] in finding.sentence, finding


def test_what_changes_nothing_that_is_relied_on_is_still_there_to_be_changed(mutations: list[Mutation]) -> None:
    assert set(EQUIVALENT) <= {one.change for one in mutations}
