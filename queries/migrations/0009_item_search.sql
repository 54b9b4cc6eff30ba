-- 0009_item_search.sql: items in the order of their titles, and those whose titles have something in them.

-- The order of titles is the database's own; the id decides between equal ones, and so no two places are the same.
CREATE INDEX items_owner_id_title_idx ON items (owner_id, title, id);


-- Trigrams find any part of a title, and btree_gin lets the index lead with the owner: a word that is everywhere in
-- other people's titles costs nobody else anything, and the time of an answer tells nothing about them. Both come with
-- PostgreSQL and are trusted: who may CREATE in the database may have them. A schema that only the owner uses, for
-- extensions leave their functions to PUBLIC.
DO $$
BEGIN
    CREATE SCHEMA IF NOT EXISTS trigrams;
    CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA trigrams;
    CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA trigrams;
EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file THEN
    RAISE EXCEPTION USING
        MESSAGE = SQLERRM,
        HINT    = format('A DBA must run: CREATE SCHEMA IF NOT EXISTS trigrams AUTHORIZATION %I; '
                         'CREATE EXTENSION pg_trgm SCHEMA trigrams; CREATE EXTENSION btree_gin SCHEMA trigrams;',
                         current_user);
END;
$$;

-- Wherever a DBA has put them.
SELECT set_config('search_path', 'public, ' || string_agg(DISTINCT quote_ident(nspname), ', '), true)
FROM   pg_extension e
JOIN   pg_namespace n ON n.oid = e.extnamespace
WHERE  extname IN ('pg_trgm', 'btree_gin');

-- Folded as Unicode says, whatever the locale of the database: "STRASSE" is in "Lange Straße". New items wait in a list
-- that every search reads from end to end, so it is kept shorter than the 4 MB that are usual; inserting costs no more.
CREATE INDEX items_title_search_idx ON items
USING gin (owner_id uuid_ops, casefold(title COLLATE pg_unicode_fast) gin_trgm_ops)
WITH  (gin_pending_list_limit = 128);

SET LOCAL search_path = public;


-- LIKE is not LEAKPROOF, so under row security no index serves it. The gate sees every row and finds one's own itself.
-- It answers with ids alone: the rows are shown by row security, as ever.
CREATE POLICY items_gate ON items FOR SELECT TO :"gate" USING (true);
GRANT SELECT (id, owner_id, title) ON items TO :"gate";

SET LOCAL ROLE :"gate";
SET LOCAL row_security = on;  -- Bodies are checked as the gate sees the tables: through its policies.

-- The pattern for what is sought, in which nothing is a wildcard.
CREATE FUNCTION gate.likeness(sought text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN '%' || regexp_replace(casefold(sought COLLATE pg_unicode_fast), '([\\%_])', '\\\1', 'g') || '%';

-- The items of whoever asks that have `sought` in their titles, from a place in an order on.
--
-- First a walk in the order that is wanted, of a thousand items at the most and no further than the page is full: what
-- is frequent is found there. Only what is rare is asked of the index, which gives all of it in no order. Which of the
-- two it is must not be left to the planner: policies forbid it a look at its statistics, so it goes by the length of
-- what is sought. Planned with the values of each call, all orders but one fold away, and so does the pattern; and the
-- planner knows how many items there are of whoever asks, hence no (SELECT current_user_id()).
CREATE FUNCTION gate.search_items(sought text, in_order text, from_title text, from_id uuid, at_most integer)
RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 20
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
BEGIN ATOMIC
    WITH walk AS (
        (SELECT id, title FROM items
         WHERE  in_order = '-created_at' AND owner_id = current_user_id()
         AND    id < from_id
         ORDER BY id DESC LIMIT 1000)
        UNION ALL
        (SELECT id, title FROM items
         WHERE  in_order = 'created_at' AND owner_id = current_user_id()
         AND    id > from_id
         ORDER BY id LIMIT 1000)
        UNION ALL
        (SELECT id, title FROM items
         WHERE  in_order = '-title' AND owner_id = current_user_id()
         AND    (title, id) < (coalesce(from_title, (SELECT max(title) FROM items WHERE owner_id = current_user_id())),
                               from_id)
         ORDER BY title DESC, id DESC LIMIT 1000)
        UNION ALL
        (SELECT id, title FROM items
         WHERE  in_order = 'title' AND owner_id = current_user_id()
         AND    (title, id) > (from_title, from_id)
         ORDER BY title, id LIMIT 1000)
    ), near AS MATERIALIZED (
        SELECT id, title FROM walk
        WHERE  casefold(title COLLATE pg_unicode_fast) LIKE gate.likeness(sought)
        LIMIT  at_most
    ), far AS MATERIALIZED (
        SELECT id, title FROM items
        WHERE  (SELECT count(*) FROM near) < at_most
        AND    owner_id = current_user_id()
        AND    casefold(title COLLATE pg_unicode_fast) LIKE gate.likeness(sought)
        AND    CASE in_order
                   WHEN '-created_at' THEN id < from_id
                   WHEN 'created_at'  THEN id > from_id
                   WHEN '-title'      THEN (title, id) < (from_title, from_id) OR from_title IS NULL
                   WHEN 'title'       THEN (title, id) > (from_title, from_id)
               END
    ), found AS (
        SELECT id, title FROM near WHERE (SELECT count(*) FROM near) = at_most
        UNION ALL
        SELECT id, title FROM far
    )
    SELECT id
    FROM   found
    ORDER BY CASE in_order WHEN 'title' THEN title END,
             CASE in_order WHEN '-title' THEN title END DESC,
             CASE WHEN in_order IN ('-created_at', '-title') THEN id END DESC,
             id
    LIMIT  at_most;
END;

GRANT EXECUTE ON FUNCTION gate.search_items(text, text, text, uuid, integer) TO :"runtime";

RESET ROLE;
