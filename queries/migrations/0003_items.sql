-- 0003_items.sql: items belong to one user and are visible to nobody else. Every later resource copies this file.

CREATE TABLE items (
    id          uuid        PRIMARY KEY DEFAULT uuidv7(),
    owner_id    uuid        NOT NULL DEFAULT current_user_id()
                            CONSTRAINT items_owner_id_fkey REFERENCES users ON DELETE CASCADE,
    title       text        NOT NULL CONSTRAINT items_title_check CHECK (length(title) BETWEEN 1 AND 200),
    description text        CONSTRAINT items_description_check CHECK (length(description) <= 2000),
    created_at  timestamptz NOT NULL DEFAULT moment(),
    updated_at  timestamptz NOT NULL DEFAULT moment()
);

-- Leads with the column of the policy, then the order of a page: newest first is by id, for ids are UUIDv7.
CREATE INDEX items_owner_id_idx ON items (owner_id, id);

CREATE TRIGGER items_touch
BEFORE UPDATE ON items
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
EXECUTE FUNCTION touch();

ALTER TABLE items ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY items_owner ON items TO :"runtime"          -- (SELECT ...): evaluated once per statement, not per row
    USING      (owner_id = (SELECT current_user_id()))
    WITH CHECK (owner_id = (SELECT current_user_id()));

-- The owner of an item is never written by hand: it is the default, and the policy checks it all the same.
GRANT SELECT, DELETE,
      INSERT (title, description),
      UPDATE (title, description)
ON items TO :"runtime";
