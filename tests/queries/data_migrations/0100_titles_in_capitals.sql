-- 0100_titles_in_capitals.sql: a data migration, as one is written here.
--
-- Row security is forced on the owner too, and none of the policies is for him. So the UPDATE alone would touch no row
-- and say that all is well, if `migrate` did not make it raise. In between NO FORCE and FORCE the owner is exempt; ALTER
-- TABLE locks the table until the end of the transaction, so nobody else ever sees it like that.

ALTER TABLE items NO FORCE ROW LEVEL SECURITY;

UPDATE items
SET    title = upper(title);

ALTER TABLE items FORCE ROW LEVEL SECURITY;
