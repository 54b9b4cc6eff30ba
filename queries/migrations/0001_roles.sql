-- 0001_roles.sql: who may do what, before there is anything to do it to.
--
-- Three rooms, three roles. Their names carry the database's name, because roles belong to the whole cluster;
-- `backend migrate` fills in :"owner", :"gate" and :"runtime" (psql does the same with \set), and creates the roles.
--
--   owner    owns every table and runs these files. It is no superuser, and FORCE holds it to the policies as well.
--   runtime  what the API logs in as, through membership. It owns nothing and may only do what is granted by name.
--   gate     nobody logs in as it. It owns the functions that act before there is an identity (sign-up, log-in,
--            refresh) or on other people's rows (administration), and it alone has policies that let it see them.

-- PUBLIC may connect to any database and make temporary tables in it, which would come before ours in a search path.
DO $$
BEGIN
    EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I, %I', current_database(),
                   current_user, current_database() || '_runtime');
END;
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"runtime", :"gate";

-- A function may be executed by PUBLIC unless somebody says otherwise. Here somebody does, for all that is to come.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE SCHEMA gate AUTHORIZATION :"gate";

SET LOCAL ROLE :"gate";
GRANT USAGE ON SCHEMA gate TO :"runtime", :"owner";
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
RESET ROLE;


-- Who is asking. After a transaction-local set_config has gone, the session reads '' and not NULL, hence nullif.
-- Policies write (SELECT current_user_id()): a scalar subquery is evaluated once a statement, a bare call once a row.
CREATE FUNCTION current_user_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('lodestar.user_id', true), '')::uuid;

CREATE FUNCTION current_session_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('lodestar.session_id', true), '')::uuid;

GRANT EXECUTE ON FUNCTION current_user_id(), current_session_id() TO :"owner", :"runtime", :"gate";


-- The time of the transaction, never on a whole second: JSON encoders drop a fraction that is zero, and clients were
-- promised six digits. Every timestamp that is shown defaults to this.
CREATE FUNCTION moment(at timestamptz DEFAULT now()) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN at = date_trunc('second', at) THEN at + interval '1 microsecond' ELSE at END;

GRANT EXECUTE ON FUNCTION moment(timestamptz) TO :"owner", :"runtime", :"gate";


-- Keeps updated_at by itself, and only when something has really changed: see the triggers that call it.
CREATE FUNCTION touch() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at := moment();
    RETURN NEW;
END;
$$;


-- A refusal from inside SQL. It borrows the name of a constraint, so that `backend.errors.BY_CONSTRAINT` translates
-- it like any other. SQLSTATE P0001 is raise_exception.
CREATE FUNCTION refuse(refusal text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = refusal, CONSTRAINT = refusal;
END;
$$;

GRANT EXECUTE ON FUNCTION refuse(text) TO :"owner", :"runtime", :"gate";
