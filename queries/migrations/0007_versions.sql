-- 0007_versions.sql: which state of a row somebody has seen. The database counts, so nobody can forget to.

-- Beside a row and not part of it: the API shows it as an ETag (RFC 9110, 8.8.3), and an UPDATE or DELETE that is only
-- wanted of a certain state names it in its WHERE. A constant default does not rewrite the table.
ALTER TABLE items ADD COLUMN version bigint NOT NULL DEFAULT 1;

-- Together with touch(), and under the same condition: what does not change anything is no new state.
CREATE FUNCTION count_version() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END;
$$;

CREATE TRIGGER items_version
BEFORE UPDATE ON items
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
EXECUTE FUNCTION count_version();
