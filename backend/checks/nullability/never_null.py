"""PostgreSQL's own functions and operators that give a value whenever all their arguments are values.

Those that do, and not the few hundred that may not (`->>`, `to_char` of infinity, `substring` by a pattern): what is
forgotten here is a finding that somebody sees, what were forgotten there a NULL that nobody does.
"""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPERATORS: Final = _words(
    """
    = <> < <= > >= + - * / % ^ || ~ ~* !~ !~* ~~ ~~* !~~ !~~* ^@ && @> <@ << >> & | ? ?| ?& |/ ||/ @ !!
    """
)

FUNCTIONS: Final = _words(
    """
    now clock_timestamp statement_timestamp transaction_timestamp timeofday date_trunc date_bin timezone
    make_interval make_date make_time make_timestamp make_timestamptz to_timestamp to_date isfinite age
    justify_days justify_hours justify_interval
    lower upper initcap casefold normalize length char_length character_length octet_length bit_length
    btrim ltrim rtrim lpad rpad left right replace translate repeat reverse substr substring overlay position strpos
    split_part starts_with ascii chr format quote_ident quote_literal string_to_array array_to_string unistr to_hex
    regexp_replace regexp_count regexp_instr regexp_like regexp_split_to_array like_escape
    md5 sha224 sha256 sha384 sha512 crc32 encode decode convert convert_to convert_from get_byte set_byte bit_count
    hashtext hashtextextended
    abs ceil ceiling floor round trunc sign mod div power pow sqrt cbrt exp ln log gcd lcm factorial width_bucket random
    gen_random_uuid uuidv4 uuidv7 nextval
    host family masklen network netmask hostmask broadcast abbrev set_masklen text
    to_json to_jsonb row_to_json array_to_json json_typeof jsonb_typeof json_array_length jsonb_array_length
    jsonb_set jsonb_insert jsonb_pretty json_strip_nulls jsonb_strip_nulls
    cardinality array_append array_prepend array_cat array_remove array_replace array_shuffle trim_array
    isempty lower_inc upper_inc lower_inf upper_inf
    to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline
    setweight
    set_config current_database version pg_backend_pid
    """
)

# Of the same names, with arguments of these types: ranges (lower, upper) and patterns (substring).
_MAY_BE_NULL: Final = frozenset(
    {
        ("lower", (3831,)),
        ("upper", (3831,)),
        ("lower", (4537,)),
        ("upper", (4537,)),
        ("substring", (25, 25)),
        ("substring", (25, 25, 25)),
    }
)

# Whatever their arguments are.
REGARDLESS: Final = _words(
    "concat json_build_object jsonb_build_object num_nulls num_nonnulls quote_nullable pg_typeof"
)

# Those that give rows, in FROM or among the columns; where an argument is NULL there is no row.
SETS: Final = _words(
    """
    generate_series generate_subscripts regexp_split_to_table json_array_elements jsonb_array_elements json_object_keys
    jsonb_object_keys
    """
)

# Aggregates and window functions that count; of no rows 0.
COUNTS: Final = _words("count regr_count row_number rank dense_rank percent_rank cume_dist")
# Of at least one row, and values in all of them, a value.
OF_VALUES: Final = _words(
    """
    max min sum avg bool_and bool_or every any_value array_agg string_agg json_agg jsonb_agg json_object_agg
    jsonb_object_agg bit_and bit_or
    """
)

# Window functions of which the same is true, if the row itself is in the frame.
OF_FRAMES: Final = _words("first_value last_value ntile")
# Of PostgreSQL's bits for a frame: it begins no later than with the row and ends no earlier; it leaves the row out.
_BEGINS, _ENDS, _LEAVES_OUT = 0xA20, 0x4500, 0x18000

_JSONB: Final = 3802


def is_certain(name: str, types: tuple[int, ...]) -> bool:
    """Of a function with these types of arguments."""
    return name in FUNCTIONS and (name, types) not in _MAY_BE_NULL


def is_certain_cast(types: tuple[int, ...]) -> bool:
    """Of PostgreSQL's own casts only those of `jsonb` may give NULL: that of its null."""
    return types[:1] != (_JSONB,)


def has_own_row(frame: int) -> bool:
    """Whether the frame of a window, by its `frameOptions`, has the row itself in it."""
    return bool(frame & _BEGINS and frame & _ENDS and not frame & _LEAVES_OUT)
