-- 0006_gate_admin.sql: what administrators and the operator do to others.
--
-- An "or admin" in a policy would cost every query its index. Instead there is one function for each wish, and each
-- looks up by itself whether the caller is an administrator now: a demotion acts at once, whatever the token says.

SET LOCAL ROLE :"gate";
SET LOCAL row_security = on;  -- Bodies are checked as the gate sees the tables: through its policies.

CREATE FUNCTION gate.require_admin() RETURNS void
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT refuse('not_admin')
    WHERE  NOT EXISTS (SELECT FROM users WHERE id = current_user_id() AND is_admin AND is_active);
END;


-- Newest first, from the account before `before_id` on.
CREATE FUNCTION gate.page_of_users(before_id uuid, at_most integer) RETURNS SETOF gate.account
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT gate.require_admin();
    SELECT id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at
    FROM   users
    WHERE  id < coalesce(before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY id DESC
    LIMIT  at_most;
END;


CREATE FUNCTION gate.user_by_email(with_email text) RETURNS SETOF gate.account
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT gate.require_admin();
    SELECT id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at
    FROM   users
    WHERE  email = with_email;
END;


CREATE FUNCTION gate.user_by_id(of_user uuid) RETURNS SETOF gate.account
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT gate.require_admin();
    SELECT id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at
    FROM   users
    WHERE  id = of_user;
END;


-- Writes one audit row for each right that has changed hands.
CREATE FUNCTION gate.note_rights(of_user uuid, was_active boolean, active boolean, was_admin boolean, admin boolean)
RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO audit_events (event, user_id)
    SELECT event, of_user
    FROM   (VALUES ('user_enabled',  active AND NOT was_active),
                   ('user_disabled', was_active AND NOT active),
                   ('user_promoted', admin AND NOT was_admin),
                   ('user_demoted',  was_admin AND NOT admin)) AS right_of (event, changed)
    WHERE  changed;
END;


-- RFC 7396: NULL for a flag leaves it; the name, which may itself become NULL, has a flag that says so.
CREATE FUNCTION gate.edit_user(of_user uuid, sets_name boolean, new_name text, active boolean, admin boolean)
RETURNS SETOF gate.account
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT gate.require_admin();
    WITH edited AS (
        UPDATE users
        SET    full_name = CASE WHEN sets_name THEN new_name ELSE full_name END,
               is_active = coalesce(active, is_active),
               is_admin  = coalesce(admin, is_admin)
        WHERE  id = of_user
        RETURNING new.*, old.is_active AS was_active, old.is_admin AS was_admin, old.full_name AS was_called
    ), noted AS MATERIALIZED (
        SELECT gate.note_rights(id, was_active, is_active, was_admin, is_admin) FROM edited
    ), renamed AS (
        INSERT INTO audit_events (event, user_id)
        SELECT 'user_renamed', id FROM edited WHERE full_name IS DISTINCT FROM was_called
    )
    SELECT id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at
    FROM   edited
    WHERE  (SELECT count(*) FROM noted) IS NOT NULL;  -- What nobody asks for is not run.
END;


CREATE FUNCTION gate.delete_user(of_user uuid) RETURNS SETOF uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT gate.require_admin();
    WITH deleted AS (
        DELETE FROM users WHERE id = of_user RETURNING id
    ), noted AS (
        INSERT INTO audit_events (event, user_id) SELECT 'user_deleted', id FROM deleted
    )
    SELECT id FROM deleted;
END;


-- What the API shows of a session. No generation and no fingerprint.
CREATE TYPE gate.session AS (
    id uuid, device_name text, user_agent text, ip_address text, created_at timestamptz, last_used_at timestamptz,
    is_current boolean, is_new_device boolean
);

-- The sessions of somebody who is there: of a user that is not there, one row of NULLs is left out by the caller.
CREATE FUNCTION gate.sessions_of(of_user uuid) RETURNS SETOF gate.session
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT gate.require_admin();
    SELECT refuse('user_not_found') WHERE NOT EXISTS (SELECT FROM users WHERE id = of_user);
    SELECT id, device_name, user_agent, host(ip_address), created_at, last_used_at,
           id = current_session_id(), is_new_device
    FROM   sessions
    WHERE  user_id = of_user AND ended_at IS NULL AND idle_until > now()
    ORDER BY id DESC;
END;


CREATE FUNCTION gate.end_sessions_of(of_user uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT gate.require_admin();
    SELECT refuse('user_not_found') WHERE NOT EXISTS (SELECT FROM users WHERE id = of_user);
    WITH ended AS (
        UPDATE sessions
        SET    ended_at = moment()
        WHERE  user_id = of_user AND ended_at IS NULL
        RETURNING id
    )
    INSERT INTO audit_events (event, user_id, session_id)
    SELECT 'session_ended', of_user, id FROM ended;
END;

GRANT EXECUTE ON FUNCTION
    gate.require_admin(),
    gate.page_of_users(uuid, integer),
    gate.user_by_email(text),
    gate.user_by_id(uuid),
    gate.edit_user(uuid, boolean, text, boolean, boolean),
    gate.delete_user(uuid),
    gate.sessions_of(uuid),
    gate.end_sessions_of(uuid)
TO :"runtime";


-- The operator sits at the owner's connection, not at the API: the `backend users` and `backend sessions` commands.

CREATE FUNCTION gate.operator_create_user(with_email text, with_hash text, with_name text, admin boolean) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    WITH added AS (
        INSERT INTO users (email, password_hash, full_name, is_admin)
        VALUES (with_email, with_hash, with_name, admin)
        RETURNING id
    ), noted AS (
        INSERT INTO audit_events (event, user_id)
        SELECT CASE WHEN admin THEN 'admin_created' ELSE 'user_created' END, id FROM added
    )
    SELECT id FROM added;
END;


CREATE FUNCTION gate.operator_set_rights(with_email text, active boolean, admin boolean) RETURNS SETOF uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    WITH edited AS (
        UPDATE users
        SET    is_active = coalesce(active, is_active),
               is_admin  = coalesce(admin, is_admin)
        WHERE  email = with_email
        RETURNING id, new.is_active, new.is_admin, old.is_active AS was_active, old.is_admin AS was_admin
    ), noted AS MATERIALIZED (
        SELECT gate.note_rights(id, was_active, is_active, was_admin, is_admin) FROM edited
    )
    SELECT id FROM edited WHERE (SELECT count(*) FROM noted) IS NOT NULL;
END;


-- With no address: everybody's.
CREATE FUNCTION gate.operator_end_sessions(with_email text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    WITH ended AS (
        UPDATE sessions s
        SET    ended_at = moment()
        FROM   users u
        WHERE  u.id = s.user_id AND s.ended_at IS NULL AND (with_email IS NULL OR u.email = with_email)
        RETURNING s.id, s.user_id
    ), noted AS (
        INSERT INTO audit_events (event, user_id, session_id)
        SELECT 'session_ended', user_id, id FROM ended
    )
    SELECT count(*) FROM ended;
END;

GRANT EXECUTE ON FUNCTION
    gate.operator_create_user(text, text, text, boolean),
    gate.operator_set_rights(text, boolean, boolean),
    gate.operator_end_sessions(text)
TO :"owner";

RESET ROLE;
