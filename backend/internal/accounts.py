"""`backend users` and `backend sessions`: what the operator does to accounts, at the owner's connection."""

import sys
from typing import Final

import msgspec
import rich_click as click

from backend.contracts.text import Email, Name
from backend.internal.asking import ask
from backend.operators import OperatorError
from backend.security.passwords import Passwords, refuse_weak
from backend.settings import Settings
from queries import operators
from queries._fetch import Conn

_WEAK: Final = {
    "too_short": "it has fewer than {} characters",
    "too_long": "it is longer than 1,024 bytes",
    "common_password": "it is one of the commonest",
    "context_word": "it is made of the address, the name or the name of this service",
}


@click.group(epilog="Example: backend users create --admin ada@example.com")
def users() -> None:
    """Create accounts, and change their rights."""


@users.command(epilog="Example: backend users create --admin --full-name 'Ada Lovelace' ada@example.com")
@click.argument("email")
@click.option("--admin", is_flag=True, help="Make it an administrator.")
@click.option("--full-name", help="The name of its owner.")
def create(email: str, admin: bool, full_name: str | None) -> None:
    """Create an account with the address EMAIL.

    Its password is asked for, or read as one line from standard input where that is no terminal.
    """
    settings = Settings.read()
    email, full_name = _address(email), _name(full_name)
    password = _new_password(settings, email, full_name)

    async def wish(conn: Conn) -> object:
        hashed = await _hashed(settings, password)
        return await operators.create_user(conn, email=email, password_hash=hashed, full_name=full_name, is_admin=admin)

    made = ask(settings, email, wish)
    click.echo(f"Created {email}{', an administrator,' if admin else ''} with the id {made}.")


@users.command(epilog="Example: backend users promote ada@example.com")
@click.argument("email")
def promote(email: str) -> None:
    """Make the account EMAIL an administrator."""
    _set_rights(email, "is an administrator", is_admin=True)


@users.command(epilog="Example: backend users demote ada@example.com")
@click.argument("email")
def demote(email: str) -> None:
    """Make the account EMAIL no administrator, unless it is the last."""
    _set_rights(email, "is no administrator", is_admin=False)


@users.command(epilog="Example: backend users disable ada@example.com")
@click.argument("email")
def disable(email: str) -> None:
    """Disable the account EMAIL and end its sessions, unless it is the last administrator."""
    _set_rights(email, "is disabled and has no sessions", is_active=False)


@users.command(epilog="Example: backend users enable ada@example.com")
@click.argument("email")
def enable(email: str) -> None:
    """Enable the account EMAIL again."""
    _set_rights(email, "is enabled", is_active=True)


@click.group(epilog="Example: backend sessions revoke --all")
def sessions() -> None:
    """End sessions."""


@sessions.command(epilog="Example: backend sessions revoke ada@example.com")
@click.argument("email", required=False)
@click.option("--all", "everybody", is_flag=True, help="Of every account.")
def revoke(email: str | None, everybody: bool) -> None:
    """End all sessions of the account EMAIL, or with --all those of every account.

    The next request of such a session is refused, although its access token has not expired.
    """
    if everybody == (email is not None):
        raise click.UsageError("Give either EMAIL or --all.")
    whose = None if email is None else _address(email)

    async def wish(conn: Conn) -> int:
        async with conn.transaction() as tx:
            if whose is not None and not await operators.set_rights(tx, email=whose, is_active=None, is_admin=None):
                raise _unknown(whose)
            return await operators.end_sessions(tx, whose)

    ended = ask(Settings.read(), whose or "", wish)
    click.echo(f"Ended {ended} session{'' if ended == 1 else 's'}{f' of {whose}' if whose else ''}.")


def _set_rights(email: str, done: str, *, is_active: bool | None = None, is_admin: bool | None = None) -> None:
    email = _address(email)

    async def wish(conn: Conn) -> None:
        if not await operators.set_rights(conn, email=email, is_active=is_active, is_admin=is_admin):
            raise _unknown(email)

    ask(Settings.read(), email, wish)
    click.echo(f"{email} {done}.")


def _unknown(email: str) -> OperatorError:
    return OperatorError(f"there is no account with the address {email}")


def _address(text: str) -> str:
    try:
        return msgspec.convert(text, Email).lower()
    except msgspec.ValidationError:
        raise OperatorError(f"{text!a} is no e-mail address") from None


def _name(text: str | None) -> str | None:
    try:
        if text is not None:
            msgspec.convert(text, Name).encode()
    except (msgspec.ValidationError, UnicodeError):
        raise OperatorError("--full-name is longer than 200 characters, or not UTF-8") from None
    return text


def _new_password(settings: Settings, email: str, full_name: str | None) -> str:
    """Never from an argument or the environment, where others on the machine could read it."""
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    else:
        password = _line_of_input()
    context = (email, email.partition("@")[0], *(full_name or "").split())
    if code := refuse_weak(password, min_length=settings.password_min_length, context=context):
        raise OperatorError(f"the password is refused: {_WEAK[code].format(settings.password_min_length)}")
    return password


def _line_of_input() -> str:
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")  # In UTF-8, as the API gets it, in any locale.
    except UnicodeError:
        raise OperatorError("the password on standard input is not UTF-8") from None


async def _hashed(settings: Settings, password: str) -> str:
    passwords = Passwords(settings)
    try:
        return await passwords.hash(password)
    finally:
        await passwords.close()
