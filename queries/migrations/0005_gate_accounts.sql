-- 0005_gate_accounts.sql: sign-up, log-in, refresh, and what needs one's own password hash.
--
-- All of these are SECURITY DEFINER functions of the gate: they see every account and session, and hand out only what
-- their one wish needs. Their bodies are SQL-standard (BEGIN ATOMIC): parsed and bound to tables and functions when
-- they are created, so no search_path can turn them round later; it is pinned all the same, for what they call.
-- Parameters are named so that no column has the same name, for in SQL the column would win.
--
-- Counting an attempt must outlive the refusal that follows. So nothing here raises once it has counted: a function
-- answers with what happened (no row, or seconds to wait), the transaction commits, and the service refuses.

SET LOCAL ROLE :"gate";
SET LOCAL row_security = on;  -- Bodies are checked as the gate sees the tables: through its policies.

-- Failed log-ins are counted for an account and its address together where the account has been logged in to from
-- there, and otherwise for the account alone: strangers can block the strangers' way in, never the owner's own.
-- Whether there is such an account makes no difference to the counting.
CREATE FUNCTION gate.login_key(to_email text, from_network text) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE
        WHEN EXISTS (SELECT
                     FROM   sessions s
                     JOIN   users u ON u.id = s.user_id
                     WHERE  u.email = to_email AND s.network = from_network)
        THEN 'login-known:' || from_network || ':'
        ELSE 'login-account:'
    END || encode(sha256(convert_to(to_email, 'UTF8')), 'hex');
END;


-- Whether the account's hash still is the one that was read a moment ago. It comes back as its digest: a statement that
-- fails is written to PostgreSQL's log with its values, and that is no place for a hash.
CREATE FUNCTION gate.is_hash(stored text, seen_digest text) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN encode(sha256(convert_to(stored, 'UTF8')), 'hex') = seen_digest;


-- Before hashing: counts the attempt, then looks up the hash. An account that is disabled or is not there has none, and
-- costs the same. An address is charged only for accounts that have not been logged in to from there: otherwise
-- one client of a shared address could keep everybody else there out.
CREATE FUNCTION gate.begin_login(to_email text, from_network text, limited boolean)
RETURNS TABLE (user_id uuid, password_hash text, retry_after integer)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT gate.forget_old_attempts();
    WITH key AS MATERIALIZED (
        SELECT gate.login_key(to_email, from_network) AS throttle
    ), address AS MATERIALIZED (
        SELECT throttle, CASE
            WHEN NOT limited OR throttle LIKE 'login-known:%' THEN 0
            ELSE gate.charge('login-address:' || from_network, 100)
        END AS wait
        FROM key
    ), account AS MATERIALIZED (
        SELECT CASE WHEN NOT limited OR wait > 0 THEN wait ELSE gate.charge(throttle, 10) END AS wait
        FROM   address
    )
    SELECT u.id, u.password_hash, a.wait
    FROM   account a
    LEFT JOIN users u ON u.email = to_email AND u.is_active AND a.wait = 0;
END;


CREATE FUNCTION gate.fail_login(to_email text, from_address inet) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    INSERT INTO audit_events (event, user_id, ip_address)
    SELECT 'login_failed', (SELECT id FROM users WHERE email = to_email), from_address;
END;


-- The third round trip of a log-in whose hash was weaker than today's.
CREATE FUNCTION gate.upgrade_hash(of_user uuid, seen_digest text, new_hash text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    UPDATE users SET password_hash = new_hash WHERE id = of_user AND gate.is_hash(password_hash, seen_digest);
END;


-- Opens a session, if the account still is as it was when its hash was read. A session is on a new device when none of
-- the account's sessions, ended ones included, has one of these fingerprints: the first is today's, the second what it
-- was under the key before.
CREATE FUNCTION gate.finish_login(
    of_user uuid, seen_digest text, device text, agent text, from_address inet, from_network text, prints bytea[],
    idle_seconds integer, max_seconds integer
) RETURNS TABLE (user_id uuid, session_id uuid, generation bigint, is_admin boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    -- The right password makes good what was counted for it: of the address only what was charged to it.
    UPDATE throttles
    SET    attempts = attempts - 1
    FROM   users u
    WHERE  u.id = of_user AND gate.is_hash(u.password_hash, seen_digest) AND u.is_active
    AND    key = 'login-address:' || from_network AND attempts > 0
    AND    gate.login_key(u.email, from_network) NOT LIKE 'login-known:%';
    DELETE FROM throttles
    USING  users u
    WHERE  u.id = of_user AND gate.is_hash(u.password_hash, seen_digest) AND u.is_active
    AND    key = gate.login_key(u.email, from_network);
    -- At most a hundred sessions live at once (ASVS 7.1.2): the ones used longest ago make room.
    UPDATE sessions
    SET    ended_at = moment()
    WHERE  id IN (
        SELECT id FROM sessions s
        WHERE  s.user_id = of_user AND ended_at IS NULL
        ORDER BY last_used_at DESC
        OFFSET 99
    );
    -- Ended ones are remembered for their devices and addresses, but not without end.
    DELETE FROM sessions
    WHERE  id IN (
        SELECT id FROM sessions s
        WHERE  s.user_id = of_user AND ended_at IS NOT NULL
        ORDER BY id DESC
        OFFSET 200
    );
    WITH opened AS (
        INSERT INTO sessions (user_id, device_name, user_agent, ip_address, network, fingerprint, is_new_device,
                              idle_until, expires_at)
        SELECT u.id, device, agent, from_address, from_network, prints[1],
               NOT EXISTS (SELECT FROM sessions s WHERE s.user_id = u.id AND s.fingerprint = ANY (prints)),
               now() + least(idle_seconds, max_seconds) * interval '1 second',
               now() + max_seconds * interval '1 second'
        FROM   users u
        WHERE  u.id = of_user AND gate.is_hash(u.password_hash, seen_digest) AND u.is_active
        FOR SHARE OF u  -- Against whoever changes the password or disables the account at this moment.
        RETURNING id, sessions.user_id, sessions.generation
    ), forgotten AS (  -- The new session remembers device and address as well as an old one did.
        DELETE FROM sessions s
        USING  opened
        WHERE  s.user_id = of_user
        AND    s.fingerprint = ANY (prints)
        AND    s.network = from_network
        AND    (s.ended_at IS NOT NULL OR s.idle_until < now())
    ), noted AS (
        INSERT INTO audit_events (event, user_id, actor_id, session_id, ip_address)
        SELECT 'login', of_user, of_user, id, from_address FROM opened
    )
    SELECT o.user_id, o.id, o.generation, u.is_admin
    FROM   opened o
    JOIN   users u ON u.id = o.user_id;
END;


-- Compare and swap, in one statement: the current generation moves on by one; its predecessor, within the grace, gets
-- the current one again and moves nothing. A statement that waited for the row looks at it anew, so of fifty at once
-- one moves and the others are within the grace. No row: refused. Nothing is throttled here: who comes this far has a
-- token with a right MAC of 256 bits, and must not be kept out by what others at his address have tried.
CREATE FUNCTION gate.rotate_session(
    of_session uuid, from_generation bigint, grace_seconds integer, idle_seconds integer
) RETURNS TABLE (user_id uuid, generation bigint, is_admin boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    UPDATE sessions s
    SET    generation   = from_generation + 1,
           rotated_at   = CASE WHEN s.generation = from_generation THEN moment() ELSE s.rotated_at END,
           last_used_at = moment(),
           idle_until   = least(now() + idle_seconds * interval '1 second', s.expires_at)
    FROM   users u
    WHERE  s.id = of_session
    AND    u.id = s.user_id
    AND    u.is_active
    AND    s.ended_at IS NULL
    AND    s.idle_until > now()
    AND    s.expires_at > now()
    AND    (s.generation = from_generation
            OR s.generation = from_generation + 1
               AND s.rotated_at > now() - grace_seconds * interval '1 second')
    RETURNING s.user_id, s.generation, u.is_admin;
END;


-- A genuine refresh token that was refused. If it is of an older generation it is a replay: somebody has copied it, and
-- nobody can say who is who, so the session ends (RFC 9700, 4.14.2).
CREATE FUNCTION gate.end_replayed_session(
    of_session uuid, from_generation bigint, from_address inet, grace_seconds integer
) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    WITH ended AS (
        UPDATE sessions
        SET    ended_at = moment()
        WHERE  id = of_session
        AND    ended_at IS NULL
        AND    (generation > from_generation + 1
                OR generation = from_generation + 1
                   AND rotated_at <= now() - grace_seconds * interval '1 second')
        RETURNING id, user_id
    )
    INSERT INTO audit_events (event, user_id, session_id, ip_address)
    SELECT 'refresh_replayed', user_id, id, from_address FROM ended;
END;


-- A refresh token that is none of ours, counted for the address it came from.
CREATE FUNCTION gate.count_forged_refresh(from_network text) RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT gate.charge('refresh-address:' || from_network, 100);
END;


-- What the API shows of an account. The hash is not among it.
CREATE TYPE gate.account AS (
    id uuid, email text, full_name text, is_active boolean, is_admin boolean, email_verified_at timestamptz,
    created_at timestamptz, updated_at timestamptz
);


-- No account in the answer: the address is taken, or has to wait. `next_in` says for how many seconds the next sign-up
-- from there will be refused, so that a worker can refuse it before it hashes.
CREATE FUNCTION gate.sign_up(
    with_email text, with_hash text, with_name text, from_address inet, from_network text, limited boolean
) RETURNS TABLE (
    id uuid, email text, full_name text, is_active boolean, is_admin boolean, email_verified_at timestamptz,
    created_at timestamptz, updated_at timestamptz, retry_after integer, next_in integer
)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    WITH address AS MATERIALIZED (
        SELECT CASE WHEN limited THEN gate.charge('signup-address:' || from_network, 20) ELSE 0 END AS wait
    ), added AS (
        INSERT INTO users (email, password_hash, full_name)
        SELECT with_email, with_hash, with_name FROM address WHERE wait = 0
        ON CONFLICT ON CONSTRAINT users_email_key DO NOTHING
        RETURNING *
    ), noted AS (
        INSERT INTO audit_events (event, user_id, actor_id, ip_address)
        SELECT 'signed_up', u.id, u.id, from_address FROM added u
    )
    SELECT u.id, u.email, u.full_name, u.is_active, u.is_admin, u.email_verified_at, u.created_at, u.updated_at,
           a.wait, CASE WHEN limited THEN gate.wait_of('signup-address:' || from_network) ELSE 0 END
    FROM   address a
    LEFT JOIN added u ON true;
END;


-- Before hashing, for whoever is logged in and proves it once more (ASVS 7.5.1). Guesses with a stolen access token
-- are counted as log-ins are.
CREATE FUNCTION gate.begin_password_check(limited boolean)
RETURNS TABLE (email text, full_name text, password_hash text, retry_after integer)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    WITH attempt AS MATERIALIZED (
        SELECT CASE WHEN limited THEN gate.charge('password:' || current_user_id(), 10) ELSE 0 END AS wait
    )
    SELECT u.email, u.full_name, u.password_hash, a.wait
    FROM   attempt a
    JOIN   users u ON u.id = current_user_id();
END;


CREATE FUNCTION gate.fail_password_check(from_address inet) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    INSERT INTO audit_events (event, user_id, session_id, ip_address)
    VALUES ('password_check_failed', current_user_id(), current_session_id(), from_address);
END;


-- Every other session ends with the old password (ASVS 7.4.3). Two statements, so that the second also sees a session
-- that was opened while the first waited for it. False: somebody else was faster.
CREATE FUNCTION gate.change_password(seen_digest text, new_hash text, from_address inet) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    WITH changed AS (
        UPDATE users
        SET    password_hash = new_hash
        WHERE  id = current_user_id() AND gate.is_hash(password_hash, seen_digest)
        RETURNING id
    ), noted AS (
        INSERT INTO audit_events (event, user_id, session_id, ip_address)
        SELECT 'password_changed', id, current_session_id(), from_address FROM changed
    )
    DELETE FROM throttles WHERE key = 'password:' || (SELECT id FROM changed);
    UPDATE sessions s
    SET    ended_at = moment()
    FROM   users u
    WHERE  u.id = current_user_id() AND u.password_hash = new_hash
    AND    s.user_id = u.id AND s.ended_at IS NULL AND s.id <> current_session_id();
    SELECT EXISTS (SELECT FROM users WHERE id = current_user_id() AND password_hash = new_hash);
END;


CREATE FUNCTION gate.delete_me(seen_digest text, from_address inet) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    WITH deleted AS (
        DELETE FROM users WHERE id = current_user_id() AND gate.is_hash(password_hash, seen_digest) RETURNING id
    ), noted AS (
        INSERT INTO audit_events (event, user_id, session_id, ip_address)
        SELECT 'user_deleted', id, current_session_id(), from_address FROM deleted
    )
    SELECT EXISTS (SELECT FROM deleted);
END;


-- 'local' ends this session, 'others' all but this one, 'global' all. Answers with those that it ended.
CREATE FUNCTION gate.end_my_sessions(scope text) RETURNS SETOF uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    WITH ended AS (
        UPDATE sessions
        SET    ended_at = moment()
        WHERE  user_id = current_user_id()
        AND    ended_at IS NULL
        AND    CASE scope
                   WHEN 'local'  THEN id = current_session_id()
                   WHEN 'others' THEN id <> current_session_id()
                   WHEN 'global' THEN true
               END
        RETURNING id
    ), noted AS (
        INSERT INTO audit_events (event, user_id, session_id)
        SELECT 'session_ended', current_user_id(), id FROM ended
    )
    SELECT id FROM ended;
END;


CREATE FUNCTION gate.end_my_session(of_session uuid) RETURNS SETOF uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    WITH ended AS (
        UPDATE sessions
        SET    ended_at = moment()
        WHERE  id = of_session AND user_id = current_user_id() AND ended_at IS NULL AND idle_until > now()
        RETURNING id
    ), noted AS (
        INSERT INTO audit_events (event, user_id, session_id)
        SELECT 'session_ended', current_user_id(), id FROM ended
    )
    SELECT id FROM ended;
END;

GRANT EXECUTE ON FUNCTION
    gate.begin_login(text, text, boolean),
    gate.fail_login(text, inet),
    gate.upgrade_hash(uuid, text, text),
    gate.finish_login(uuid, text, text, text, inet, text, bytea[], integer, integer),
    gate.rotate_session(uuid, bigint, integer, integer),
    gate.end_replayed_session(uuid, bigint, inet, integer),
    gate.count_forged_refresh(text),
    gate.sign_up(text, text, text, inet, text, boolean),
    gate.begin_password_check(boolean),
    gate.fail_password_check(inet),
    gate.change_password(text, text, inet),
    gate.delete_me(text, inet),
    gate.end_my_sessions(text),
    gate.end_my_session(uuid)
TO :"runtime";

RESET ROLE;
