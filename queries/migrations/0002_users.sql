-- 0002_users.sql: accounts and their sessions, and the door through which every request comes in.

CREATE TABLE users (
    id                uuid        PRIMARY KEY DEFAULT uuidv7(),
    -- Lower-cased text, not citext: citext's operators are not LEAKPROOF, so row security would not use the index.
    email             text        NOT NULL
                                  CONSTRAINT users_email_key UNIQUE
                                  CONSTRAINT users_email_check CHECK (email = lower(email) AND length(email) <= 254),
    password_hash     text,       -- NULL: this account cannot log in with a password.
    full_name         text        CONSTRAINT users_full_name_check CHECK (length(full_name) <= 200),
    is_active         boolean     NOT NULL DEFAULT true,
    is_admin          boolean     NOT NULL DEFAULT false,
    email_verified_at timestamptz,
    created_at        timestamptz NOT NULL DEFAULT moment(),
    updated_at        timestamptz NOT NULL DEFAULT moment()
);

CREATE TRIGGER users_touch  -- A hash that is upgraded at log-in is no change that anybody sees.
BEFORE UPDATE OF email, full_name, is_active, is_admin, email_verified_at ON users
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
EXECUTE FUNCTION touch();


-- A session is a family of refresh tokens. At rest there is only its generation: a token is (session, generation, MAC),
-- and the key of the MAC is not here, so a copy of this table refreshes nothing.
CREATE TABLE sessions (
    id             uuid        PRIMARY KEY DEFAULT uuidv7(),
    user_id        uuid        NOT NULL CONSTRAINT sessions_user_id_fkey REFERENCES users ON DELETE CASCADE,
    generation     bigint      NOT NULL DEFAULT 0,
    rotated_at     timestamptz NOT NULL DEFAULT moment(),  -- The grace for the predecessor counts from here.
    device_name    text        CONSTRAINT sessions_device_name_check CHECK (length(device_name) <= 200),
    user_agent     text        CONSTRAINT sessions_user_agent_check CHECK (length(user_agent) <= 500),
    ip_address     inet        NOT NULL,
    network        text        NOT NULL,  -- What throttling calls an address: IPv4 whole, IPv6 by /64.
    fingerprint    bytea       NOT NULL,  -- A keyed digest of the device; compared, never shown.
    is_new_device  boolean     NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT moment(),
    last_used_at   timestamptz NOT NULL DEFAULT moment(),
    idle_until     timestamptz NOT NULL,  -- Moved forward by each refresh ...
    expires_at     timestamptz NOT NULL,  -- ... but never beyond this.
    ended_at       timestamptz            -- Ended sessions stay for a while: they remember devices and addresses.
);

-- Leads with the column of the policy, then the order in which sessions are listed.
CREATE INDEX sessions_user_id_idx ON sessions (user_id, id);


-- Row security. FORCE holds the owner to it as well. What is not allowed by a policy is not there.
ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY users_self ON users TO :"runtime"
    USING      (id = (SELECT current_user_id()))
    WITH CHECK (id = (SELECT current_user_id()));

CREATE POLICY sessions_self ON sessions TO :"runtime"
    USING      (user_id = (SELECT current_user_id()))
    WITH CHECK (user_id = (SELECT current_user_id()));

CREATE POLICY users_gate ON users TO :"gate" USING (true) WITH CHECK (true);
CREATE POLICY sessions_gate ON sessions TO :"gate" USING (true) WITH CHECK (true);

-- Columns are granted one by one: no hash, generation or fingerprint to read, and one column to write.
GRANT SELECT (id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at),
      UPDATE (full_name)
ON users TO :"runtime";

GRANT SELECT (id, user_id, device_name, user_agent, ip_address, is_new_device, created_at, last_used_at,
              idle_until, expires_at, ended_at)
ON sessions TO :"runtime";

GRANT SELECT, INSERT, UPDATE, DELETE ON users, sessions TO :"gate";


-- Two rules that must see everybody's rows. A function of the owner is itself under FORCE and would see none, so both
-- belong to the gate.
SET LOCAL ROLE :"gate";

-- A disabled account has no sessions, whoever disabled it and by whatever statement.
CREATE FUNCTION gate.end_sessions_of_disabled() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    UPDATE sessions
    SET    ended_at = moment()
    WHERE  user_id = NEW.id AND ended_at IS NULL;
    RETURN NULL;
END;
$$;

-- Somebody must be left who can administer. The lock makes two administrators who leave at once take turns; the
-- second then sees what the first has done, for a statement inside a function reads anew.
CREATE FUNCTION gate.keep_an_admin() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('users_last_admin'));
    IF NOT EXISTS (SELECT FROM users WHERE is_admin AND is_active) THEN
        PERFORM refuse('users_last_admin');
    END IF;
    RETURN NULL;
END;
$$;

GRANT EXECUTE ON FUNCTION gate.end_sessions_of_disabled(), gate.keep_an_admin() TO :"owner";  -- To make the triggers.
RESET ROLE;

CREATE TRIGGER users_disabled
AFTER UPDATE OF is_active ON users
FOR EACH ROW WHEN (OLD.is_active AND NOT NEW.is_active)
EXECUTE FUNCTION gate.end_sessions_of_disabled();

CREATE TRIGGER users_last_admin_update
AFTER UPDATE OF is_admin, is_active ON users
FOR EACH ROW WHEN (OLD.is_admin AND OLD.is_active AND NOT (NEW.is_admin AND NEW.is_active))
EXECUTE FUNCTION gate.keep_an_admin();

CREATE TRIGGER users_last_admin_delete
AFTER DELETE ON users
FOR EACH ROW WHEN (OLD.is_admin AND OLD.is_active)
EXECUTE FUNCTION gate.keep_an_admin();

CREATE INDEX users_admins_idx ON users (id) WHERE is_admin AND is_active;


-- The door. It travels in front of every statement, in the same message, and what it sets ends with the transaction.
--
-- The time-outs are set here because ALTER ROLE ... SET on a group is not inherited by its members, and because
-- options in a connection string do not pass through a pooler. A session that has ended opens nothing, although its
-- access token has not yet expired: log-out, a new password and a disabled account act on the next request.
-- It runs as the caller, under the caller's policies: the identity is set first, and sees its own session or none.
CREATE FUNCTION enter(as_user uuid, in_session uuid, read_only boolean, timeout_ms integer) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM set_config('statement_timeout', timeout_ms::text, true),
            set_config('lock_timeout', timeout_ms::text, true),
            set_config('idle_in_transaction_session_timeout', (2 * timeout_ms)::text, true),
            set_config('transaction_read_only', read_only::text, true),
            set_config('lodestar.user_id', coalesce(as_user::text, ''), true),
            set_config('lodestar.session_id', coalesce(in_session::text, ''), true);
    IF as_user IS NULL THEN
        RETURN;
    END IF;
    PERFORM FROM public.sessions
    WHERE  id = in_session
    AND    user_id = as_user
    AND    ended_at IS NULL
    AND    expires_at > now();
    IF NOT FOUND THEN
        PERFORM refuse('session_ended');
    END IF;
END;
$$;

GRANT EXECUTE ON FUNCTION enter(uuid, uuid, boolean, integer) TO :"runtime", :"owner";
