-- How events come into the log, and whose they are; run after schema.sql and proof.sql, by the same hands.

-- The number of the newest claim of a writer, 0 if there is none.
CREATE FUNCTION opskit.newest_claim(p_writer bytea) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(c.number), 0) FROM opskit.claim c JOIN opskit.writer w USING (wid)
    WHERE w.writer = p_writer AND w.aside_at IS NULL;
$$;

-- The row of a writer, locked until this transaction ends. With p_any of whose writer it may be, and it is made if there is none and
-- its chain begins here; else what is not this role's is neither locked nor made: there is no row then.
CREATE FUNCTION opskit.lock_writer(p_writer bytea, p_key bytea, p_from bigint, p_any boolean) RETURNS opskit.writer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    w opskit.writer;
BEGIN
    SELECT * INTO w FROM opskit.writer x
        WHERE x.writer = p_writer AND x.aside_at IS NULL AND (p_any OR x.db_role = session_user) FOR UPDATE;
    IF NOT FOUND AND p_from = 1 AND p_any THEN
        INSERT INTO opskit.writer (writer, public_key, head_seq, head_hash)
        VALUES (p_writer, p_key, 0, sha256('opskit.genesis.v1'::bytea || p_writer))
        ON CONFLICT DO NOTHING;
        SELECT * INTO w FROM opskit.writer x WHERE x.writer = p_writer AND x.aside_at IS NULL FOR UPDATE;
    END IF;
    -- Behind a savepoint, nobody who waits could see whose lock it is; see `holders` in statements.sql.
    IF w.wid IS NOT NULL AND (SELECT x.xmax FROM opskit.writer x WHERE x.wid = w.wid) <> pg_current_xact_id()::xid THEN
        RAISE EXCEPTION 'a writer is not locked behind a savepoint' USING ERRCODE = 'invalid_transaction_state';
    END IF;
    RETURN w;
END $$;

-- How a transaction here must be that changes the log.
CREATE FUNCTION opskit.be_safe() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A server or a role that commits before the disk has it would acknowledge what it can still lose.
    IF current_setting('synchronous_commit') IN ('off', 'local') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    -- Whoever calls this in a transaction of their own and then falls asleep is sent away: locks are held until its end.
    PERFORM set_config('idle_in_transaction_session_timeout', '3s', true);
END $$;

-- Gives a writer to the role that is logged in here, whoever had it before, if the writer's own key signed that it is to have it:
-- sha256('opskit.claim.v1' || log_id || p_number as 8 bytes, the highest first || the role in UTF-8).
--
-- p_number is one more than that of the writer's newest claim, so that no proof can be used again once there is a newer one; nor
-- can it in another log, or by another role. status: 'ok', also for a writer that is this role's already; 'stale': the newest
-- claim is number `agreed`, so it takes a proof with the next. Error: OPS02 this is no such proof.
-- What costs nothing is looked at first, and nothing is locked or written before the proof has held.
CREATE FUNCTION opskit.claim(p_key bytea, p_number bigint, p_signature bytea, OUT status text, OUT agreed bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id bytea;
    holds boolean := false;
    owner text;
    w opskit.writer;
BEGIN
    IF octet_length(p_key) IS DISTINCT FROM 32 OR octet_length(p_signature) IS DISTINCT FROM 64 OR p_number IS NULL THEN
        RAISE EXCEPTION 'this is no proof of a writer''s key' USING ERRCODE = 'OPS02';
    END IF;
    id := sha256(p_key);
    SELECT x.db_role INTO owner FROM opskit.writer x WHERE x.writer = id AND x.aside_at IS NULL;
    agreed := opskit.newest_claim(id);
    LOOP
        IF owner = session_user THEN
            status := 'ok';
            RETURN;
        ELSIF p_number <> agreed + 1 THEN
            status := 'stale';
            RETURN;
        END IF;
        EXIT WHEN holds;
        SELECT opskit.is_signed(p_key, sha256('opskit.claim.v1'::bytea || convert_to(h.log_id, 'UTF8') || int8send(p_number)
            || convert_to(session_user, 'UTF8')), p_signature) INTO holds FROM opskit.head h;
        IF holds IS NOT TRUE THEN
            RAISE EXCEPTION 'the key of writer % did not sign that role % is to have it in this log',
                left(encode(id, 'hex'), 12), session_user USING ERRCODE = 'OPS02';
        END IF;
        PERFORM opskit.be_safe();
        w := opskit.lock_writer(id, p_key, 1, true);
        owner := w.db_role;
        agreed := opskit.newest_claim(id);
    END LOOP;
    INSERT INTO opskit.claim (wid, number, db_role, signature) VALUES (w.wid, p_number, session_user, p_signature);
    UPDATE opskit.writer x SET db_role = session_user WHERE x.wid = w.wid;
    status := 'ok';
    agreed := p_number;
END $$;

-- Raises if a header says that it is of another place than the one that it is pushed for. Others are not looked into.
CREATE FUNCTION opskit.demand_place(p_header jsonb, p_writer bytea, p_seq bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (jsonb_typeof(p_header -> 'w') = 'string' AND p_header ->> 'w' <> encode(p_writer, 'hex'))
        OR (jsonb_typeof(p_header -> 'seq') = 'number' AND p_header ->> 'seq' <> p_seq::text)
    THEN
        RAISE EXCEPTION 'event % of writer % was signed for another place', p_seq, left(encode(p_writer, 'hex'), 12)
            USING ERRCODE = 'OPS01';
    END IF;
END $$;

-- Takes bodies away as `body.redacted` events of those who may wish, with p_all of anybody; what others are verified with stays.
-- Whose an event is was settled when it came: whoever has got its writer since may not take away what stood there before.
CREATE FUNCTION opskit.obey(p_targets bytea[], p_all boolean) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO opskit.redaction (hash, by)
    SELECT DISTINCT ON (s.hash) s.hash, s.by
    FROM opskit.wish s JOIN opskit.event e USING (hash)
    WHERE s.hash = ANY (p_targets) AND (p_all OR s.may OR s.db_role = e.owner)
        AND coalesce(opskit.decoded(e.header) ->> 'kind', '')
            NOT IN ('body.redacted', 'writer.enrolled', 'writer.revoked', 'writer.succeeds', 'rollout.recovered')
    ON CONFLICT DO NOTHING;
    DELETE FROM opskit.body b USING opskit.event e
    WHERE b.pos = e.pos AND e.hash IN (SELECT hash FROM opskit.redaction WHERE hash = ANY (p_targets));
$$;

-- Appends consecutive events of one writer, the first of which is number p_from and follows the event of hash p_prev.
--
-- status: 'ok'; 'gap': p_from is too high, go on after event `agreed`; 'fork': an event of this chain is not the one that is
-- here, both are alike up to event `agreed` at most; 'unproven': nothing was done, since this writer is not of the role that is
-- logged in here, see claim(), and the newest claim is number `agreed`. What is there already is no error, so that a push whose
-- end was not heard of can be repeated. A body that is too large, or not the one that the header names, is left out; the event is not.
-- With p_relay they are another's, brought back by somebody in opskit_relay: what comes so is nobody's, and a writer that was
-- nobody's stays so until somebody proves to have its key.
-- A body is taken away when the role that pushed its event as its own, or somebody in opskit_relay, pushes `body.redacted` for
-- it as its own; what another role wishes, or was brought back, is kept as a wish, and so is the body.
-- Errors: OPS01 what is pushed is no event, OPS03 p_relay without being in opskit_relay.
CREATE FUNCTION opskit.push(
    p_writer bytea, p_key bytea, p_from bigint, p_prev bytea, p_headers bytea[], p_signatures bytea[],
    p_nonces bytea[], p_bodies bytea[], p_relay boolean, OUT status text, OUT agreed bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n CONSTANT integer := coalesce(cardinality(p_headers), 0);
    w opskit.writer;
    h opskit.head;
    header jsonb;
    old bytea[];
    places integer[] := '{}';
    prevs bytea[] := '{}';
    hashes bytea[] := '{}';
    chains bytea[] := '{}';
    keeps boolean[] := '{}';
    targets bytea[] := '{}';
    redactors bytea[] := '{}';
    owner CONSTANT text := CASE WHEN NOT p_relay THEN session_user END;
    prev bytea := p_prev;
    hash bytea;
    named text;
    place bigint;
BEGIN
    IF sha256(p_key) IS DISTINCT FROM p_writer OR octet_length(p_key) <> 32 OR octet_length(p_prev) IS DISTINCT FROM 32
        OR p_from IS NULL OR p_from < 1 OR p_relay IS NULL OR n NOT BETWEEN 1 AND 500
        OR (n, n, n) IS DISTINCT FROM (cardinality(p_signatures), cardinality(p_nonces), cardinality(p_bodies))
        OR (p_from = 1 AND p_prev <> sha256('opskit.genesis.v1'::bytea || p_writer))
    THEN
        RAISE EXCEPTION 'this is no push of events' USING ERRCODE = 'OPS01';
    END IF;
    IF p_relay AND NOT pg_has_role(session_user, 'opskit_relay', 'MEMBER') THEN
        RAISE EXCEPTION 'role % may not push events of others', session_user
            USING ERRCODE = 'OPS03', HINT = format('GRANT opskit_relay TO %I;', session_user);
    END IF;
    PERFORM opskit.be_safe();
    w := opskit.lock_writer(p_writer, p_key, p_from, p_relay);
    IF NOT p_relay AND w.wid IS NULL THEN
        status := 'unproven';
        agreed := opskit.newest_claim(p_writer);
        RETURN;
    END IF;
    IF w.wid IS NULL OR p_from > w.head_seq + 1 THEN
        status := 'gap';
        agreed := coalesce(w.head_seq, 0);
        RETURN;
    END IF;
    SELECT array_agg(e.hash ORDER BY e.seq) INTO old FROM opskit.event e
        WHERE e.wid = w.wid AND e.seq >= p_from AND e.seq < p_from + n;
    FOR i IN 1..n LOOP
        place := p_from + i - 1;
        IF p_headers[i] IS NULL OR octet_length(p_headers[i]) NOT BETWEEN 1 AND 16384
            OR octet_length(p_signatures[i]) IS DISTINCT FROM 64
        THEN
            RAISE EXCEPTION 'event % of writer % is not shaped like one', place, left(encode(p_writer, 'hex'), 12)
                USING ERRCODE = 'OPS01';
        END IF;
        hash := sha256('opskit.event.v1'::bytea || prev || p_headers[i]);
        IF (CASE WHEN place <= w.head_seq THEN old[i] <> hash ELSE place = w.head_seq + 1 AND prev <> w.head_hash END) THEN
            INSERT INTO opskit.fork (wid, seq, prev, hash, header, signature)
            VALUES (w.wid, place, prev, hash, p_headers[i], p_signatures[i]) ON CONFLICT DO NOTHING;
            status := 'fork';
            agreed := place - CASE WHEN prev = w.head_hash OR place <= w.head_seq THEN 1 ELSE 2 END;
            RETURN;
        END IF;
        IF place > w.head_seq THEN
            header := opskit.decoded(p_headers[i]);
            PERFORM opskit.demand_place(header, p_writer, place);
            places := places || i;
            prevs := prevs || prev;
            hashes := hashes || hash;
            keeps := keeps || coalesce(
                octet_length(p_nonces[i]) <= 64 AND octet_length(p_bodies[i]) <= 16777216
                AND coalesce(header ->> 'body' = encode(sha256(p_nonces[i] || p_bodies[i]), 'hex'), header IS NULL), false);
            IF header ->> 'kind' = 'body.redacted' AND keeps[cardinality(keeps)] THEN
                named := opskit.decoded(p_bodies[i]) ->> 'event';
                IF named ~ '^[0-9a-f]{64}$' THEN
                    targets := targets || decode(named, 'hex');
                    redactors := redactors || hash;
                END IF;
            END IF;
        END IF;
        prev := hash;
    END LOOP;
    status := 'ok';
    agreed := greatest(w.head_seq, place);
    IF places = '{}' THEN
        RETURN;
    END IF;
    SELECT * INTO h FROM opskit.head x WHERE x.one FOR UPDATE;
    FOR i IN 1..cardinality(hashes) LOOP
        h.chain := sha256(h.chain || hashes[i]);
        chains := chains || h.chain;
    END LOOP;
    INSERT INTO opskit.event (pos, wid, seq, prev, hash, header, signature, chain, received_at, owner)
    SELECT h.pos + t.i, w.wid, w.head_seq + t.i, t.prev, t.hash, p_headers[t.place], p_signatures[t.place], t.chain,
        clock_timestamp(), owner
    FROM unnest(places, prevs, hashes, chains) WITH ORDINALITY t (place, prev, hash, chain, i);
    INSERT INTO opskit.body (pos, nonce, body)
    SELECT h.pos + t.i, p_nonces[t.place], p_bodies[t.place]
    FROM unnest(places, keeps) WITH ORDINALITY t (place, keep, i) WHERE t.keep;
    UPDATE opskit.writer x SET head_seq = agreed, head_hash = prev WHERE x.wid = w.wid;
    UPDATE opskit.head x SET pos = h.pos + cardinality(hashes), chain = h.chain WHERE x.one;
    INSERT INTO opskit.wish (hash, by, db_role, may)
    SELECT t.hash, t.by, owner, NOT p_relay AND pg_has_role(session_user, 'opskit_relay', 'MEMBER')
    FROM unnest(targets, redactors) t (hash, by) ON CONFLICT DO NOTHING;
    PERFORM opskit.obey(targets || hashes, false);
END $$;

-- Gives a writer to a role without a proof: for laptops that are gone, or that get here as another role than they log in as. With
-- its key also one that nobody has pushed yet. Whoever has the private key can still prove it, and has the writer again.
CREATE FUNCTION opskit.assign(p_writer bytea, p_role text, p_key bytea DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    w opskit.writer := opskit.lock_writer(p_writer, p_key, CASE WHEN sha256(p_key) = p_writer THEN 1 ELSE 2 END, true);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = p_role) THEN
        RAISE EXCEPTION 'there is no role %', p_role USING ERRCODE = 'undefined_object';
    END IF;
    IF w.wid IS NULL THEN
        RAISE EXCEPTION 'there is no writer %', encode(p_writer, 'hex') USING ERRCODE = 'undefined_object';
    END IF;
    INSERT INTO opskit.claim (wid, number, db_role) VALUES (w.wid, opskit.newest_claim(p_writer) + 1, p_role);
    UPDATE opskit.writer x SET db_role = p_role WHERE x.wid = w.wid;
END $$;

-- Takes a writer's events after number p_after out of its chain, and gives the writer to a role, which goes on from there: the
-- first of them, at least, is not what the writer's key has signed, so that no laptop takes in what follows. All of that stays in
-- its place of the log, as evidence. What the key did sign is never set aside: laptops have it, and could not go on without it.
CREATE FUNCTION opskit.set_aside(p_writer bytea, p_after bigint, p_role text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    w opskit.writer;
    aside integer;
    each opskit.event;
    bad bigint;
BEGIN
    SELECT * INTO w FROM opskit.writer x WHERE x.writer = p_writer AND x.aside_at IS NULL FOR UPDATE;
    IF NOT FOUND OR p_after IS NULL OR p_after NOT BETWEEN 0 AND w.head_seq - 1 THEN
        RAISE EXCEPTION 'writer % has no event after %', encode(p_writer, 'hex'), p_after USING ERRCODE = 'undefined_object';
    END IF;
    FOR each IN SELECT * FROM opskit.event x WHERE x.wid = w.wid AND x.seq > p_after ORDER BY x.seq LOOP
        IF NOT opskit.is_signed(w.public_key, each.hash, each.signature) THEN
            bad := each.seq;
            EXIT;
        END IF;
    END LOOP;
    IF bad IS DISTINCT FROM p_after + 1 THEN
        RAISE EXCEPTION 'event % of writer % is what its key signed, and is not set aside', p_after + 1, encode(p_writer, 'hex')
            USING ERRCODE = 'invalid_parameter_value', HINT = CASE WHEN bad IS NULL
                THEN 'So is every later one.'
                ELSE format('The first event that it did not sign is %s: SELECT opskit.set_aside(''\x%s'', %s, %L);',
                    bad, encode(p_writer, 'hex'), bad - 1, p_role) END;
    END IF;
    INSERT INTO opskit.writer (writer, public_key, db_role, head_seq, head_hash, aside_at)
    VALUES (w.writer, w.public_key, w.db_role, w.head_seq, w.head_hash, clock_timestamp()) RETURNING wid INTO aside;
    UPDATE opskit.event SET wid = aside WHERE wid = w.wid AND seq > p_after;
    UPDATE opskit.writer x SET head_seq = p_after, head_hash = coalesce(
        (SELECT e.hash FROM opskit.event e WHERE e.wid = w.wid AND e.seq = p_after), sha256('opskit.genesis.v1'::bytea || p_writer))
    WHERE x.wid = w.wid;
    PERFORM opskit.assign(p_writer, p_role);
END $$;

-- Takes away the body of an event that anybody's `body.redacted` names; tells whether it is gone.
CREATE FUNCTION opskit.redact(p_event bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM opskit.obey(ARRAY[p_event], true);
    RETURN EXISTS (SELECT FROM opskit.redaction WHERE hash = p_event);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA opskit FROM PUBLIC;
GRANT USAGE ON SCHEMA opskit TO opskit_read, opskit_write, opskit_relay;
GRANT SELECT ON ALL TABLES IN SCHEMA opskit TO opskit_read, opskit_write, opskit_relay;
GRANT EXECUTE ON FUNCTION opskit.decoded, opskit.text, opskit.at TO opskit_read, opskit_write, opskit_relay;
GRANT EXECUTE ON FUNCTION opskit.push, opskit.claim TO opskit_write, opskit_relay;
GRANT EXECUTE ON FUNCTION opskit.assign, opskit.set_aside, opskit.redact TO opskit_relay;
