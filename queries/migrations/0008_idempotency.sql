-- 0008_idempotency.sql: a write that is sent twice is done once, and answered twice.

-- One row for each request that carried an Idempotency-Key and was done; what was refused leaves none.
CREATE TABLE idempotency_keys (
    user_id    uuid        NOT NULL DEFAULT current_user_id()
                           CONSTRAINT idempotency_keys_user_id_fkey REFERENCES users ON DELETE CASCADE,
    route      text        NOT NULL,
    key        text        NOT NULL CONSTRAINT idempotency_keys_key_check CHECK (length(key) BETWEEN 1 AND 255),
    digest     bytea       NOT NULL,  -- of the body: the same key with another body is a mistake of the client
    answer     jsonb       NOT NULL,  -- what the answer was made of
    created_at timestamptz NOT NULL DEFAULT moment(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, route, key)
);

CREATE INDEX idempotency_keys_expires_at_idx ON idempotency_keys (expires_at);  -- Forgetting goes from the oldest on.

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY idempotency_keys_owner ON idempotency_keys TO :"runtime"
    USING      (user_id = (SELECT current_user_id()))
    WITH CHECK (user_id = (SELECT current_user_id()));

GRANT SELECT, DELETE,
      INSERT (route, key, digest, answer, expires_at)
ON idempotency_keys TO :"runtime";

-- Of everybody's keys the gate sees those that are over, and may only forget them; UPDATE is for the lock on a row.
CREATE POLICY idempotency_keys_gate ON idempotency_keys TO :"gate" USING (expires_at <= now()) WITH CHECK (false);
GRANT SELECT, DELETE, UPDATE (expires_at) ON idempotency_keys TO :"gate";


SET LOCAL ROLE :"gate";
SET LOCAL row_security = on;  -- Bodies are checked as the gate sees the tables: through its policies.

-- Whoever keeps a key sweeps a few that are over, of anybody: so the table stays as large as one lifetime of keys.
CREATE FUNCTION gate.forget_old_keys() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    DELETE FROM idempotency_keys
    WHERE (user_id, route, key) IN (
        SELECT user_id, route, key FROM idempotency_keys
        WHERE  expires_at <= now()
        ORDER BY expires_at
        LIMIT 5
        FOR UPDATE SKIP LOCKED
    );
END;

GRANT EXECUTE ON FUNCTION gate.forget_old_keys() TO :"runtime";

RESET ROLE;


-- Takes a key for the transaction, or refuses: it is in use, or was used with another body, or there is an answer. It
-- travels between enter() and the write, in the same message. Of many at once one gets the lock, and nobody waits.
-- Without a digest, because the body is yet to come, any answer there is will do. One that is known already is kept at
-- once: it goes with the transaction if the write does not succeed.
--
-- The look-up is a statement of its own, and so sees what was committed before the lock was given to us.
CREATE FUNCTION claim(of_route text, of_key text, of_digest bytea, with_answer jsonb, for_seconds integer) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    known bytea;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(concat_ws(' ', current_user_id(), of_route, of_key), 0)) THEN
        PERFORM refuse('idempotency_key_in_use');
    END IF;
    IF of_digest IS NOT NULL THEN  -- What takes long must not hold the rows of others.
        PERFORM gate.forget_old_keys();
    END IF;
    DELETE FROM public.idempotency_keys
    WHERE  user_id = current_user_id() AND route = of_route AND key = of_key AND expires_at <= now();
    SELECT digest INTO known
    FROM   public.idempotency_keys
    WHERE  user_id = current_user_id() AND route = of_route AND key = of_key;
    IF FOUND THEN
        PERFORM refuse(CASE WHEN known <> of_digest THEN 'idempotency_key_reused' ELSE 'idempotency_key_answered' END);
    END IF;
    IF with_answer IS NOT NULL THEN
        INSERT INTO public.idempotency_keys (route, key, digest, answer, expires_at)
        VALUES (of_route, of_key, of_digest, with_answer, now() + make_interval(secs => for_seconds));
    END IF;
END;
$$;

GRANT EXECUTE ON FUNCTION claim(text, text, bytea, jsonb, integer) TO :"runtime";
