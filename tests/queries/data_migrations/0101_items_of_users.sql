-- 0101_items_of_users.sql: a foreign key is added in two steps, of which the second looks at the rows that are there.
--
-- It looks as the owner, and forced row security would show it none: it would find that everything is in order.

ALTER TABLE items ADD CONSTRAINT items_owner_again_fkey FOREIGN KEY (owner_id) REFERENCES users NOT VALID;
ALTER TABLE items NO FORCE ROW LEVEL SECURITY;
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;

ALTER TABLE items VALIDATE CONSTRAINT items_owner_again_fkey;

ALTER TABLE items FORCE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
