-- 0001_variables.sql: where :"gate" is the name of a role, and where it is only text, as in psql.
--
-- Not in this comment, which a name with a line break in it would end, nor in /* this one. It's the same for strings.

CREATE TABLE kept AS
SELECT ':"gate" isn''t one' AS in_a_string, $$:"gate" in $ a body$$ AS in_a_body, 1 AS "it isn't";
ALTER TABLE kept OWNER TO :"owner";
COMMENT ON TABLE kept IS 'The quote in the name of that column began no string.';

CREATE DOMAIN gate AS text;  /* nor is :"gate" here,
                                or :"runtime" */
ALTER TABLE kept ADD COLUMN in_a_cast text DEFAULT 'x'::"gate";

GRANT SELECT ON kept TO :"runtime", :"gate";
