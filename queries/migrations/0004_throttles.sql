-- 0004_throttles.sql: how often, and what happened. Two tables that only the gate touches.

-- One row counts the attempts of one key, for example 'login-address:203.0.113.7', for all workers and replicas.
-- Row locks make parallel attempts take turns, so a burst cannot slip through between a look and a write.
CREATE TABLE throttles (
    key           text        PRIMARY KEY,
    attempts      integer     NOT NULL DEFAULT 1,
    last_at       timestamptz NOT NULL DEFAULT now(),
    blocked_until timestamptz NOT NULL DEFAULT '-infinity'
);

CREATE INDEX throttles_last_at_idx ON throttles (last_at);  -- Forgetting goes from the oldest on.

ALTER TABLE throttles ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY throttles_gate ON throttles TO :"gate" USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON throttles TO :"gate";


-- What happened to accounts (ASVS 16.3). Written by gate functions in the transaction of the change itself, and never
-- changed: even the gate may only add. user_id refers to nobody, since the trail outlives the account.
CREATE TABLE audit_events (
    id         uuid        PRIMARY KEY DEFAULT uuidv7(),
    at         timestamptz NOT NULL DEFAULT moment(),
    event      text        NOT NULL,
    user_id    uuid,       -- whom it is about; NULL when nobody has that address
    actor_id   uuid        DEFAULT current_user_id(),  -- who did it; NULL for the operator and before log-in
    session_id uuid,
    ip_address inet
);

CREATE INDEX audit_events_user_id_idx ON audit_events (user_id, id);

ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_events_gate ON audit_events FOR INSERT TO :"gate" WITH CHECK (true);
GRANT INSERT ON audit_events TO :"gate";


SET LOCAL ROLE :"gate";
SET LOCAL row_security = on;  -- Bodies are checked as the gate sees the tables: through its policies.

-- Seconds that the key has yet to wait; 0 when it need not.
CREATE FUNCTION gate.wait_of(throttle text) RETURNS integer
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT coalesce(max(greatest(0, ceil(extract(epoch FROM blocked_until - clock_timestamp())))), 0)::integer
    FROM   throttles
    WHERE  key = throttle AND blocked_until > clock_timestamp();
END;

-- Counts one attempt and says how long to wait first: 0, go on; otherwise refuse, and nothing was counted.
--
-- The first `free` attempts cost nothing. Each one after them blocks the key for twice as long as the one before,
-- from one second to a quarter of an hour, and from ten times `free` on for a day, which also forgets them all: of an
-- account with ten free attempts a hundred failures in a row is the most (NIST SP 800-63B-4, 3.2.2).
CREATE FUNCTION gate.charge(throttle text, free integer) RETURNS integer
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH charged AS (
        INSERT INTO throttles AS t (key)
        VALUES (throttle)
        ON CONFLICT (key) DO UPDATE
        SET attempts      = CASE WHEN t.last_at < now() - interval '1 day' THEN 1 ELSE t.attempts + 1 END,
            last_at       = clock_timestamp(),
            blocked_until = CASE
                WHEN t.last_at < now() - interval '1 day' OR t.attempts + 1 < free THEN '-infinity'
                WHEN t.attempts + 1 >= 10 * free THEN clock_timestamp() + interval '1 day'
                ELSE clock_timestamp() + interval '1 second' * least(900, 2 ^ least(t.attempts + 1 - free, 10))
            END
        WHERE  t.blocked_until <= clock_timestamp()
        RETURNING 1
    )
    -- Where the row was blocked in the meantime by somebody whose commit this statement cannot see, one second.
    SELECT CASE WHEN EXISTS (SELECT FROM charged) THEN 0 ELSE greatest(1, gate.wait_of(throttle)) END;
END;

-- Forgets a few of the oldest keys; whoever counts also sweeps, so the table stays as large as a day of attempts.
CREATE FUNCTION gate.forget_old_attempts() RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    DELETE FROM throttles
    WHERE key IN (
        SELECT key FROM throttles
        WHERE  last_at < now() - interval '1 day' AND blocked_until < now()
        ORDER BY last_at
        LIMIT 5
        FOR UPDATE SKIP LOCKED
    );
END;

RESET ROLE;
