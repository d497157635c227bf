-- What a database holds to be the upstream of a changelog, format 1. Run by `opskit changelog init`, as often as one likes,
-- in one transaction. Nobody but the owner, which cannot log in, may change a table: engineers call opskit.push.

CREATE SCHEMA IF NOT EXISTS opskit;

DO $$
DECLARE r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['opskit_owner', 'opskit_write', 'opskit_read', 'opskit_relay'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = r) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', r);
        END IF;
    END LOOP;
    IF NOT pg_catalog.pg_has_role(current_user, 'opskit_owner', 'member') THEN
        EXECUTE pg_catalog.format('GRANT opskit_owner TO %I', current_user);
    END IF;
END $$;

CREATE TABLE IF NOT EXISTS opskit.format (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version int NOT NULL
);

-- The newest place, and the chain over all hashes up to there. One row, locked by whoever appends: so places have no gaps, and
-- whoever sees place n sees all before it.
CREATE TABLE IF NOT EXISTS opskit.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    log text NOT NULL,
    pos bigint NOT NULL DEFAULT 0,
    chain bytea NOT NULL
) WITH (fillfactor = 10);

-- db_role is whose pushes a writer takes; NULL after a recovery, until its owner pushes again.
CREATE TABLE IF NOT EXISTS opskit.writer (
    wid int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    writer bytea NOT NULL UNIQUE CHECK (octet_length(writer) = 32),
    key bytea NOT NULL CHECK (octet_length(key) = 32),
    db_role name,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    head_seq bigint NOT NULL DEFAULT 0,
    head_hash bytea NOT NULL CHECK (octet_length(head_hash) = 32)
);

CREATE TABLE IF NOT EXISTS opskit.event (
    pos bigint PRIMARY KEY,
    wid int NOT NULL REFERENCES opskit.writer,
    seq bigint NOT NULL CHECK (seq > 0),
    hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    prev bytea NOT NULL CHECK (octet_length(prev) = 32),
    header bytea NOT NULL CHECK (octet_length(header) <= 16384),
    signature bytea NOT NULL CHECK (octet_length(signature) = 64),
    chain bytea NOT NULL CHECK (octet_length(chain) = 32),
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    received_by name NOT NULL DEFAULT session_user,
    UNIQUE (wid, seq)
);

CREATE TABLE IF NOT EXISTS opskit.body (
    hash bytea PRIMARY KEY REFERENCES opskit.event (hash),
    nonce bytea NOT NULL CHECK (octet_length(nonce) <= 64),
    body bytea NOT NULL CHECK (octet_length(body) <= 16777216)
);

-- Events whose body a `body.redacted` event took away: the event, and the one that says so.
CREATE TABLE IF NOT EXISTS opskit.redacted (
    hash bytea PRIMARY KEY,
    by bytea NOT NULL
);

-- The other side of a fork, kept as evidence.
CREATE TABLE IF NOT EXISTS opskit.fork (
    hash bytea PRIMARY KEY,
    wid int NOT NULL,
    seq bigint NOT NULL,
    prev bytea NOT NULL,
    header bytea NOT NULL CHECK (octet_length(header) <= 16384),
    signature bytea NOT NULL CHECK (octet_length(signature) = 64),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_by name NOT NULL DEFAULT session_user
);

CREATE OR REPLACE FUNCTION opskit.forbid() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'opskit.% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE FUNCTION opskit.keep_body() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM opskit.redacted r WHERE r.hash = OLD.hash) THEN RETURN OLD; END IF;
    RAISE EXCEPTION 'opskit.body is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE FUNCTION opskit.only_grow() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.pos > OLD.pos AND NEW.log = OLD.log THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'opskit.head only grows' USING ERRCODE = 'insufficient_privilege';
END $$;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['event', 'fork', 'redacted', 'format'] LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS append_only ON opskit.%I', t);
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON opskit.%I
            FOR EACH STATEMENT EXECUTE FUNCTION opskit.forbid()', t);
        EXECUTE format('ALTER TABLE opskit.%I ENABLE ALWAYS TRIGGER append_only', t);
    END LOOP;
    DROP TRIGGER IF EXISTS append_only ON opskit.body;
    CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON opskit.body
        FOR EACH STATEMENT EXECUTE FUNCTION opskit.forbid();
    DROP TRIGGER IF EXISTS keep_body ON opskit.body;
    CREATE TRIGGER keep_body BEFORE DELETE ON opskit.body FOR EACH ROW EXECUTE FUNCTION opskit.keep_body();
    ALTER TABLE opskit.body ENABLE ALWAYS TRIGGER append_only;
    ALTER TABLE opskit.body ENABLE ALWAYS TRIGGER keep_body;
    DROP TRIGGER IF EXISTS kept ON opskit.writer;
    CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON opskit.writer
        FOR EACH STATEMENT EXECUTE FUNCTION opskit.forbid();
    ALTER TABLE opskit.writer ENABLE ALWAYS TRIGGER kept;
    DROP TRIGGER IF EXISTS only_grow ON opskit.head;
    CREATE TRIGGER only_grow BEFORE UPDATE ON opskit.head FOR EACH ROW EXECUTE FUNCTION opskit.only_grow();
    DROP TRIGGER IF EXISTS kept ON opskit.head;
    CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON opskit.head
        FOR EACH STATEMENT EXECUTE FUNCTION opskit.forbid();
    ALTER TABLE opskit.head ENABLE ALWAYS TRIGGER only_grow;
    ALTER TABLE opskit.head ENABLE ALWAYS TRIGGER kept;
END $$;

-- JSON that may be none: a newer or a broken writer's.
CREATE OR REPLACE FUNCTION opskit.json(p bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN convert_from(p, 'UTF8')::jsonb;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

-- Takes consecutive events of one writer, in one call: no lock outlives it, so a laptop that falls asleep holds up nobody.
-- status: ok; gap (the writer's chain ends at head_seq here, go on after it); fork (another event has that place).
-- p_relay: the events are others', pushed again after a loss, for a role in opskit_relay; p_role is whose they are.
CREATE OR REPLACE FUNCTION opskit.push(
    p_writer bytea, p_key bytea, p_from bigint, p_prev bytea,
    p_header bytea[], p_signature bytea[], p_nonce bytea[], p_body bytea[],
    p_relay boolean DEFAULT false, p_role name DEFAULT NULL
) RETURNS TABLE (status text, head_seq bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    w opskit.writer;
    h opskit.head;
    n int := cardinality(p_header);
    s bigint := p_from;
    pv bytea := p_prev;
    hs bytea;
    held bytea;
    j jsonb;
    target bytea;
    st text := 'ok';
BEGIN
    IF n IS NULL OR n > 1000 OR n <> cardinality(p_signature) OR n <> cardinality(p_nonce) OR n <> cardinality(p_body)
        OR p_from < 1 OR octet_length(p_prev) IS DISTINCT FROM 32
        OR p_key IS NULL OR sha256(p_key) IS DISTINCT FROM p_writer THEN
        RAISE EXCEPTION 'opskit: this is no push' USING ERRCODE = 'data_exception';
    END IF;
    IF p_relay AND NOT pg_has_role(session_user, 'opskit_relay', 'member') THEN
        RAISE EXCEPTION 'opskit: only a role in opskit_relay may push what others wrote' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO opskit.writer AS x (writer, key, db_role, head_hash)
        VALUES (p_writer, p_key, CASE WHEN p_relay THEN p_role ELSE session_user END, sha256('opskit.genesis.v1'::bytea || p_writer))
        ON CONFLICT DO NOTHING;
    SELECT * INTO w FROM opskit.writer x WHERE x.writer = p_writer FOR UPDATE;
    IF w.db_role IS NULL AND NOT p_relay THEN
        UPDATE opskit.writer x SET db_role = session_user WHERE x.wid = w.wid;
    ELSIF w.db_role IS DISTINCT FROM session_user AND NOT p_relay THEN
        RAISE EXCEPTION 'opskit: this writer belongs to the role %', w.db_role USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF p_from > w.head_seq + 1 THEN
        RETURN QUERY SELECT 'gap'::text, w.head_seq;
        RETURN;
    END IF;
    FOR i IN 1..n LOOP
        hs := sha256('opskit.event.v1'::bytea || pv || p_header[i]);
        IF s <= w.head_seq THEN
            SELECT e.hash INTO held FROM opskit.event e WHERE e.wid = w.wid AND e.seq = s;
        ELSE
            held := NULL;
        END IF;
        IF (s <= w.head_seq AND held IS DISTINCT FROM hs) OR (s > w.head_seq AND pv <> w.head_hash) THEN
            INSERT INTO opskit.fork (hash, wid, seq, prev, header, signature)
                VALUES (hs, w.wid, s, pv, p_header[i], p_signature[i]) ON CONFLICT DO NOTHING;
            st := 'fork';
            s := s - 1;
            EXIT;
        END IF;
        IF s > w.head_seq THEN
            j := opskit.json(p_header[i]);
            IF (p_nonce[i] IS NULL) <> (p_body[i] IS NULL) OR (jsonb_typeof(j) = 'object' AND p_body[i] IS NOT NULL
                AND j ->> 'body' IS DISTINCT FROM encode(sha256(p_nonce[i] || p_body[i]), 'hex')) THEN
                RAISE EXCEPTION 'opskit: event % has another body than it says', s USING ERRCODE = 'data_exception';
            END IF;
            IF h.pos IS NULL THEN
                SELECT * INTO h FROM opskit.head FOR UPDATE;
            END IF;
            h.pos := h.pos + 1;
            h.chain := sha256(h.chain || hs);
            INSERT INTO opskit.event (pos, wid, seq, hash, prev, header, signature, chain)
                VALUES (h.pos, w.wid, s, hs, pv, p_header[i], p_signature[i], h.chain);
            IF p_body[i] IS NOT NULL AND NOT EXISTS (SELECT FROM opskit.redacted r WHERE r.hash = hs) THEN
                INSERT INTO opskit.body (hash, nonce, body) VALUES (hs, p_nonce[i], p_body[i]);
            END IF;
            IF j ->> 'kind' = 'body.redacted' AND opskit.json(p_body[i]) ->> 'event' ~ '^[0-9a-f]{64}$' THEN
                target := decode(opskit.json(p_body[i]) ->> 'event', 'hex');
                IF NOT EXISTS (SELECT FROM opskit.event e WHERE e.hash = target
                    AND opskit.json(e.header) ->> 'kind' IN ('body.redacted', 'writer.enrolled', 'writer.revoked', 'writer.succeeds')) THEN
                    INSERT INTO opskit.redacted (hash, by) VALUES (target, hs) ON CONFLICT DO NOTHING;
                    DELETE FROM opskit.body b WHERE b.hash = target;
                END IF;
            END IF;
            w.head_seq := s;
            w.head_hash := hs;
        END IF;
        pv := hs;
        s := s + 1;
    END LOOP;
    IF h.pos IS NOT NULL THEN
        UPDATE opskit.writer x SET head_seq = w.head_seq, head_hash = w.head_hash WHERE x.wid = w.wid;
        UPDATE opskit.head x SET pos = h.pos, chain = h.chain WHERE x.one;
        PERFORM pg_notify('opskit', h.pos::text);
    END IF;
    RETURN QUERY SELECT st, CASE WHEN st = 'fork' THEN s ELSE w.head_seq END;
END $$;

-- For people and auditors: what was signed, readable. Times by the writer's clock are in header ->> 'ts'.
CREATE OR REPLACE VIEW opskit.log AS
    SELECT e.pos, e.received_at, e.received_by, encode(w.writer, 'hex') AS writer, e.seq, encode(e.hash, 'hex') AS hash,
        opskit.json(e.header) AS header, opskit.json(b.body) AS body
    FROM opskit.event e JOIN opskit.writer w USING (wid) LEFT JOIN opskit.body b USING (hash);

INSERT INTO opskit.format (version) VALUES (1) ON CONFLICT DO NOTHING;

INSERT INTO opskit.head (log, chain)
    SELECT l, sha256(('opskit.log.v1' || l)::bytea) FROM (SELECT replace(gen_random_uuid()::text, '-', '') AS l) AS new
    ON CONFLICT DO NOTHING;

DO $$
DECLARE r record;
BEGIN
    FOR r IN SELECT c.oid::regclass AS name, c.relkind = 'v' AS view FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'opskit'::regnamespace AND c.relkind IN ('r', 'v') LOOP
        EXECUTE format('ALTER %s %s OWNER TO opskit_owner', CASE WHEN r.view THEN 'VIEW' ELSE 'TABLE' END, r.name);
        EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, opskit_write, opskit_read, opskit_relay', r.name);
        EXECUTE format('GRANT SELECT ON %s TO opskit_write, opskit_read', r.name);
    END LOOP;
    FOR r IN SELECT p.oid::regprocedure AS name FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'opskit'::regnamespace LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO opskit_owner', r.name);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', r.name);
    END LOOP;
END $$;

ALTER SCHEMA opskit OWNER TO opskit_owner;
REVOKE ALL ON SCHEMA opskit FROM PUBLIC;
GRANT USAGE ON SCHEMA opskit TO opskit_write, opskit_read;
GRANT EXECUTE ON FUNCTION opskit.push(bytea, bytea, bigint, bytea, bytea[], bytea[], bytea[], bytea[], boolean, name) TO opskit_write;
GRANT EXECUTE ON FUNCTION opskit.json(bytea) TO opskit_write, opskit_read;
GRANT opskit_write TO opskit_relay;
