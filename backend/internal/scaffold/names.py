"""Names: which there can be, and what is made of them."""

import builtins
import keyword
import re
from typing import Final

from backend.internal.scaffold.keywords import NO_NAMES
from backend.operators import OperatorError

_LONGEST: Final = 63  # Bytes of an identifier in PostgreSQL: NAMEDATALEN - 1.
_RESOURCE: Final = re.compile(r"[a-z]+(?:_[a-z]+)*")
_FIELD: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")

# What every table has, and what PostgreSQL keeps of every row.
_EVERY_ROW: Final = {"id", "owner_id", "created_at", "updated_at", "version"}
_SYSTEM: Final = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}
# Arguments of the functions that are written, or of those that they call.
_ARGUMENTS: Final = {"conn", "shape", "statement", "versions", "self"}
# Letters that look like digits.
_LIKE_DIGITS: Final = {"i", "l", "o"}
# Functions of `queries._fetch`, which an argument of the same name would stand in front of.
_CALLED: Final = {"fetch_one", "fetch_optional"}
# Types in lower case: in a Struct the name of a field would stand in front of them.
_TYPES: Final = {"date", "datetime"}
# In the controller, what would stand in front of the module of queries, which is called as the resource is.
_LOCAL: Final = {"added", "conn", "cursor", "data", "edited", "if_match", "limit", "removal", "removed", "self"}
# Tables that no migration file makes.
_TABLES: Final = {"schema_migrations"}
# What the interactive interpreter adds, wherever it is not one.
_BUILTINS: Final = frozenset(dir(builtins)) | {"copyright", "credits", "exit", "license", "quit", "help"}

# Plurals whose end does not tell the singular: lenses and cases, heroes and shoes, wolves and caves, prizes, statuses.
_UNCLEAR: Final = re.compile(
    r".*(?:[^s]ses|zes|oes|ves|ss|us|is)|(?:.*_)?(?:[a-z]{1,2}ies|calories|cookies|movies|news|series|species)"
)
_NO_PLURAL: Final = "its singular cannot be told from it; name that as well: --singular"

# Beginnings with a vowel that is spoken as a consonant.
_CONSONANTS: Final = ("eu", "one", "uni", "us", "ut")


def camel(name: str) -> str:
    """`book_review` is BookReview."""
    return "".join(part.capitalize() for part in name.split("_"))


def _is_python(name: str) -> bool:
    """Whether it means something in Python, as it is or, like `none`, as the name of a class."""
    return any(keyword.iskeyword(one) for one in (name, camel(name))) or name in _BUILTINS


def spoken(name: str) -> str:
    """`book_review` is "book review"."""
    return name.replace("_", " ")


def with_article(name: str) -> str:
    """`item` is "an item"."""
    vowel = name[0] in "aeiou" and not name.startswith(_CONSONANTS)
    return f"{'an' if vowel or name.startswith(('hour', 'honor', 'heir')) else 'a'} {spoken(name)}"


def singular_of(name: str, given: str | None) -> str:
    """What one row is called: `given`, or told from the plural. Raises OperatorError where it cannot be told."""
    found = given or _singular(name)
    if found == name:
        raise OperatorError(f"--singular {name!a} is the plural as well; take another word for one of them")
    if found is None:
        raise OperatorError(f"{name!a}: {_NO_PLURAL}")
    if not _RESOURCE.fullmatch(found):
        raise OperatorError(f"--singular {found!a} is not made of lower-case letters and single underscores")
    if _is_python(found) or found in {"conn", "found", "self"}:
        raise OperatorError(f"{found!a} means something else in the code that is written; name it: --singular")
    return found


def _singular(name: str) -> str | None:
    if _UNCLEAR.fullmatch(name) or not name.endswith("s"):
        return None
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    return name[:-2] if name.endswith(("ches", "shes", "sses", "xes")) else name[:-1]


def refuse_resource(name: str) -> None:
    """Raises OperatorError for what can be no table, module and path at once."""
    if not _RESOURCE.fullmatch(name):
        raise OperatorError(f"{name!a} is not made of lower-case letters and single underscores, as book_reviews is")
    if name in NO_NAMES:
        raise OperatorError(f"{name!a} is a reserved word of SQL")
    if name.startswith("pg_") or name in _TABLES:
        raise OperatorError(f"{name!a} is a table of PostgreSQL's or of `backend migrate`")
    if _is_python(name) or name in _LOCAL:
        raise OperatorError(f"{name!a} means something else in the code that is written")


def refuse_field(name: str, singular: str, optional: list[str]) -> None:
    """Raises OperatorError for what can be no column, argument and attribute at once."""
    if not _FIELD.fullmatch(name):
        raise OperatorError(f"the field {name!a} is not made of lower-case letters, digits and single underscores")
    if name in _LIKE_DIGITS:
        raise OperatorError(f"the field {name} looks like a digit where it is read; say more")
    if name in _EVERY_ROW:
        raise OperatorError(f"the field {name} comes by itself: every row has one")
    if name in NO_NAMES:
        raise OperatorError(f"the field {name} is a reserved word of SQL")
    if name in _SYSTEM:
        raise OperatorError(f"the field {name} is a system column of PostgreSQL")
    if name in _TYPES:
        raise OperatorError(f"the field {name} is named as a type; say which one it is, as in published_on")
    if name in _CALLED:
        raise OperatorError(f"the field {name} is the name of a function in the code that is written")
    if _is_python(name):
        raise OperatorError(f"the field {name} is a word of Python; say more, as in {singular}_{name}")
    if name in _ARGUMENTS | {f"{singular}_id"} | {f"sets_{one}" for one in optional}:
        raise OperatorError(f"the field {name} is the name of an argument in the code that is written")


def refuse_long(identifiers: list[str]) -> None:
    """Raises OperatorError for what PostgreSQL would cut off."""
    for one in identifiers:
        if len(one) > _LONGEST:
            raise OperatorError(f"{one} has {len(one)} characters, and PostgreSQL keeps {_LONGEST}; take shorter names")
