-- The shared changelog in PostgreSQL, format 1. Run once, as opskit_owner, in one transaction; see preparing.py.
--
-- Nobody holds INSERT, UPDATE, DELETE or TRUNCATE on anything here. Events come in by opskit.push() alone, in one call that
-- is a transaction of its own, so that no lock outlives it. The server does not check what an event's signature is worth: laptops
-- do, for every event that they pull. What it does keep: the order, the chain over all events, and whose writer is whose, which
-- the writer's key has to sign; see opskit.claim().

CREATE TABLE opskit.format (
    version integer PRIMARY KEY,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    made_by text NOT NULL DEFAULT session_user
);

-- One row: which log this is, and its newest place. Locked by each push from taking places to the commit, so that the order of
-- places is the order of commits and no place is ever missing.
CREATE TABLE opskit.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    log_id text NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', ''),
    pos bigint NOT NULL DEFAULT 0,
    chain bytea NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE opskit.writer (
    wid integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    writer bytea NOT NULL CHECK (writer = sha256(public_key)),
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),    -- ed25519, raw
    db_role text,                                                       -- who may push it; NULL: nobody yet
    head_seq bigint NOT NULL,
    head_hash bytea NOT NULL,
    aside_at timestamptz                                                -- since when this chain is no more than evidence
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX writer_of_today ON opskit.writer (writer) WHERE aside_at IS NULL;

-- Who got a writer, when, and by whom: the newest is who has it. With a signature it is a proof, checked by claim(), which says
-- what was signed; without one, somebody of opskit_relay said so, with assign() or set_aside().
CREATE TABLE opskit.claim (
    wid integer NOT NULL REFERENCES opskit.writer,
    number bigint NOT NULL CHECK (number > 0),
    db_role text NOT NULL,
    signature bytea CHECK (octet_length(signature) = 64),
    given_by text NOT NULL DEFAULT session_user,
    given_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (wid, number)
);

-- hash = sha256('opskit.event.v1' || prev || header); chain = sha256(chain of the place before || hash).
CREATE TABLE opskit.event (
    pos bigint PRIMARY KEY,
    wid integer NOT NULL REFERENCES opskit.writer,
    seq bigint NOT NULL CHECK (seq > 0),
    prev bytea NOT NULL CHECK (octet_length(prev) = 32),
    hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    header bytea NOT NULL CHECK (octet_length(header) BETWEEN 1 AND 16384),
    signature bytea NOT NULL CHECK (octet_length(signature) = 64),
    chain bytea NOT NULL CHECK (octet_length(chain) = 32),
    received_at timestamptz NOT NULL,
    received_by text NOT NULL DEFAULT session_user,
    owner text,                                                         -- whose its writer was then; NULL: nobody's, it was brought back
    UNIQUE (wid, seq)
);

-- The detachable part; header->'body' = sha256(nonce || body). Deleted when it is redacted.
CREATE TABLE opskit.body (
    pos bigint PRIMARY KEY REFERENCES opskit.event,
    nonce bytea NOT NULL,
    body bytea NOT NULL
);

-- Every `body.redacted` event: which event it names, which role pushed it as its own (NULL: it was brought back), and whether
-- that role may take any body away (opskit_relay).
CREATE TABLE opskit.wish (
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    by bytea NOT NULL CHECK (octet_length(by) = 32),
    db_role text,
    may boolean NOT NULL,
    PRIMARY KEY (hash, by)
);

-- Events whose body was taken away, and the `body.redacted` event that said so: one of the role that owned the event's writer
-- when the event came, of somebody in opskit_relay, or of anybody whom somebody in opskit_relay has agreed with by redact().
CREATE TABLE opskit.redaction (
    hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    by bytea NOT NULL CHECK (octet_length(by) = 32),
    done_by text NOT NULL DEFAULT session_user,
    done_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The first event of another chain under a writer's key: somebody copied a laptop. Kept as evidence.
CREATE TABLE opskit.fork (
    wid integer NOT NULL REFERENCES opskit.writer,
    seq bigint NOT NULL,
    prev bytea NOT NULL,
    hash bytea NOT NULL,
    header bytea NOT NULL,
    signature bytea NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_by text NOT NULL DEFAULT session_user,
    PRIMARY KEY (wid, hash)
);

INSERT INTO opskit.format (version) VALUES (1);
INSERT INTO opskit.head (chain) VALUES ('');
UPDATE opskit.head SET chain = sha256(convert_to('opskit.log.v1' || log_id, 'UTF8'));

CREATE FUNCTION opskit.forbid() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'opskit.% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION opskit.guard_head() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF new.log_id <> old.log_id OR new.pos <= old.pos THEN
        RAISE EXCEPTION 'opskit.head only grows' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN new;
END $$;

CREATE FUNCTION opskit.guard_writer() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF new.writer <> old.writer OR new.wid <> old.wid OR old.aside_at IS NOT NULL
        OR (new.head_seq < old.head_seq AND EXISTS (SELECT FROM opskit.event e WHERE e.wid = old.wid AND e.seq > new.head_seq))
    THEN
        RAISE EXCEPTION 'a writer only grows' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN new;
END $$;

-- An event stays what it is, where it is; only from its writer's chain to what was set aside does it go.
CREATE FUNCTION opskit.guard_event() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    same opskit.event := new;
BEGIN
    same.wid := old.wid;
    IF same IS DISTINCT FROM old OR NOT EXISTS (SELECT FROM opskit.writer a JOIN opskit.writer b USING (writer)
        WHERE a.wid = new.wid AND b.wid = old.wid AND a.aside_at IS NOT NULL AND b.aside_at IS NULL)
    THEN
        RAISE EXCEPTION 'opskit.event is append-only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN new;
END $$;

CREATE FUNCTION opskit.guard_body() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM opskit.redaction r JOIN opskit.event e USING (hash) WHERE e.pos = old.pos) THEN
        RAISE EXCEPTION 'no body.redacted event names this body' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN old;
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['format', 'claim', 'wish', 'redaction', 'fork'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON opskit.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION opskit.forbid()', name);
    END LOOP;
END $$;
CREATE TRIGGER append_only BEFORE INSERT OR DELETE OR TRUNCATE ON opskit.head FOR EACH STATEMENT EXECUTE FUNCTION opskit.forbid();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON opskit.event FOR EACH STATEMENT EXECUTE FUNCTION opskit.forbid();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON opskit.writer FOR EACH STATEMENT EXECUTE FUNCTION opskit.forbid();
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON opskit.body FOR EACH STATEMENT EXECUTE FUNCTION opskit.forbid();
CREATE TRIGGER guard BEFORE UPDATE ON opskit.head FOR EACH ROW EXECUTE FUNCTION opskit.guard_head();
CREATE TRIGGER guard BEFORE UPDATE ON opskit.event FOR EACH ROW EXECUTE FUNCTION opskit.guard_event();
CREATE TRIGGER guard BEFORE UPDATE ON opskit.writer FOR EACH ROW EXECUTE FUNCTION opskit.guard_writer();
CREATE TRIGGER guard BEFORE DELETE ON opskit.body FOR EACH ROW EXECUTE FUNCTION opskit.guard_body();
DO $$
DECLARE
    each record;
BEGIN
    -- Also in a session with session_replication_role = replica.
    FOR each IN SELECT tgrelid::regclass AS its_table, tgname FROM pg_trigger
        WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'opskit'::regnamespace)
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', each.its_table, each.tgname);
    END LOOP;
END $$;

-- A header or body as JSON; NULL if it is none that PostgreSQL can read.
CREATE FUNCTION opskit.decoded(data bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found jsonb;
BEGIN
    found := convert_from(data, 'UTF8')::jsonb;
    RETURN CASE WHEN jsonb_typeof(found) = 'object' THEN found END;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

-- A header or body as the text that it is, never larger than it; NULL if it is none.
CREATE FUNCTION opskit.text(data bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN convert_from(data, 'UTF8');
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

-- A number of milliseconds as a time; NULL if it is none.
CREATE FUNCTION opskit.at(ms text) RETURNS timestamptz LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN ms ~ '^[0-9]{1,14}$' THEN to_timestamp(ms::bigint / 1000.0) END;
$$;

-- Everything, for people with psql. Header and body are the text that was pushed: a number like 1e131071 in somebody's jsonb is
-- as long as it says when it is shown, and thousands of them are more than a server has memory for.
CREATE VIEW opskit.log AS
SELECT e.pos, e.received_at, e.received_by, encode(w.writer, 'hex') AS writer, e.seq,
    left(h.header ->> 'kind', 1000) AS kind, opskit.at(h.header ->> 'ts') AS at, left(h.header ->> 'actor', 1000) AS actor,
    left(h.header ->> 'service', 1000) AS service, left(h.header ->> 'environment', 1000) AS environment,
    left(h.header ->> 'action', 1000) AS action, left(h.header ->> 'rollout', 1000) AS rollout,
    opskit.text(b.body) AS body,
    CASE WHEN b.pos IS NOT NULL THEN 'here' WHEN r.hash IS NOT NULL THEN 'redacted' ELSE 'missing' END AS body_is,
    encode(e.hash, 'hex') AS hash, encode(e.prev, 'hex') AS prev, encode(e.chain, 'hex') AS chain,
    encode(w.public_key, 'hex') AS public_key, encode(e.signature, 'hex') AS signature, opskit.text(e.header) AS header,
    w.aside_at
FROM opskit.event e
    JOIN opskit.writer w USING (wid)
    LEFT JOIN opskit.body b USING (pos)
    LEFT JOIN opskit.redaction r USING (hash)
    CROSS JOIN LATERAL (SELECT opskit.decoded(e.header) AS header) h;
