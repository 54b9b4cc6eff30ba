"""Databases that tests make for themselves, each with an owner of its own, who is no superuser."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import psycopg
from msgspec.structs import replace
from psycopg import sql

from backend.database.embedded import Embedded
from backend.settings import Settings

PASSWORD = "hexe-Kupfer_41-Ulme"

type Rows = list[tuple[Any, ...]]


class Place:
    """An empty database, an owner, and the login that `migrate` makes; the roles' names share a prefix."""

    def __init__(self, server: Embedded, suffix: str) -> None:
        self.server = server
        self.prefix = f"test_{secrets.token_hex(4)}"
        self.database = self.prefix + suffix
        self.owner = f"{self.prefix}{suffix[:20]}_owner"
        self.login = f"{self.prefix}{suffix[:20]}_app"
        self.environment = {
            "DATABASE_URL": self.url(self.login),
            "DATABASE_OWNER_URL": self.url(self.owner),
            "DATA_DIR": str(server.data_dir),
        }
        self.settings = Settings.read(self.environment)
        self.superuser_url = server.superuser_url.rpartition("/")[0] + f"/{quote(self.database, safe='')}"

    def url(self, role: str, *, password: str = PASSWORD, port: int | None = None, database: str | None = None) -> str:
        """The URL of this database for a role; with other values it is a wrong one."""
        name = f"{quote(role, safe='')}:{quote(password, safe='')}"
        where = f"127.0.0.1:{port or self.server.port}"
        return f"postgresql://{name}@{where}/{quote(database or self.database, safe='')}"

    def settings_of(self, role: str) -> Settings:
        """The settings of an API that logs in as this role."""
        return replace(self.settings, database_url=self.url(role))

    def run(self, statement: str, *values: object, role: str | None = None) -> Rows:
        """What a superuser or `role` is answered; each statement is a transaction of its own."""
        url = self.url(role) if role else self.superuser_url
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def give(self, statement: str, *names: str, **named: str) -> None:
        """Runs DDL as a superuser; `{}` and `{x}` stand for names, `{password}` for the password of every role here."""
        names_of = [sql.Identifier(name) for name in names], {key: sql.Identifier(name) for key, name in named.items()}
        composed = sql.SQL(statement).format(*names_of[0], **names_of[1], password=sql.Literal(PASSWORD))
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(composed)

    def new_login(self, name: str, attributes: str = "LOGIN") -> str:
        """A role of that name, under the prefix of this place."""
        role = f"{self.prefix}_{name}"
        self.give(f"CREATE ROLE {{}} {attributes} PASSWORD {{password}}", role)
        return role


@contextmanager
def new_place(server: Embedded, suffix: str = "", owner: str = "CREATEROLE") -> Iterator[Place]:
    """A place whose owner has the attributes `owner`; it and every role of its prefix are gone afterwards."""
    place = Place(server, suffix)
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        create = f"CREATE ROLE {{}} LOGIN {owner} PASSWORD {{}}"
        connection.execute(sql.SQL(create).format(sql.Identifier(place.owner), sql.Literal(PASSWORD)))
        names = sql.Identifier(place.database), sql.Identifier(place.owner)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))
        try:
            yield place
        finally:
            _remove(connection, place)


def _remove(connection: psycopg.Connection[Any], place: Place) -> None:
    connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(place.database)))
    ours = "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s) ORDER BY rolname = %s"
    # The owner last: the memberships that he granted go with the others.
    for (role,) in connection.execute(ours, (place.prefix, place.owner)).fetchall():
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
