"""Words that PostgreSQL takes for something else than a name, unless they are quoted, as the house's SQL never is."""

from typing import Final

# pg_get_keywords() of PostgreSQL 18, categories R (reserved) and T (reserved, but may be a function or a type). All the
# other key words can be the name of a table or of a column.
_RESERVED: Final = """
all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
concurrently constraint create cross current_catalog current_date current_role current_schema current_time
current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from
full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
returning right select session_user similar some symmetric system_user table tablesample then to trailing true union
unique user using variadic verbose when where window with
"""
NO_NAMES: Final = frozenset(_RESERVED.split())
