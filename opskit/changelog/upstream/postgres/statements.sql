-- What laptops say to the database; see `client.py`.

-- name: greet
SELECT f.version, h.log_id, h.pos, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms, e.hash, e.chain,
    session_user::text
FROM opskit.head h
    CROSS JOIN (SELECT max(version) AS version FROM opskit.format) f
    LEFT JOIN opskit.event e ON e.pos = %s::bigint

-- name: pull
SELECT p.pos, p.hash, p.chain, (extract(epoch FROM p.received_at) * 1000)::bigint AS received_ms, coalesce(p.owner, ''),
    w.writer, p.seq,
    CASE WHEN p.is_new THEN w.public_key END, CASE WHEN p.is_new THEN p.prev END,
    CASE WHEN p.is_new THEN p.header END, CASE WHEN p.is_new THEN p.signature END, p.nonce, p.body
FROM (
    SELECT e.*, b.nonce, b.body,
        sum(octet_length(e.header) * e.is_new::int + coalesce(octet_length(b.body), 0)) OVER (ORDER BY e.pos ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (
        SELECT e.*, e.seq > coalesce(k.seq, 0) AS is_new
        FROM (SELECT * FROM opskit.event WHERE pos > %(after)s::bigint ORDER BY pos LIMIT %(most)s) e
            JOIN opskit.writer w USING (wid)
            LEFT JOIN unnest(%(writers)s::bytea[], %(seqs)s::bigint[]) k (writer, seq) ON k.writer = w.writer
    ) e LEFT JOIN opskit.body b ON b.pos = e.pos AND e.is_new
) p JOIN opskit.writer w USING (wid)
WHERE coalesce(p.before, 0) < %(most_bytes)s
ORDER BY p.pos

-- name: fetch
SELECT w.writer, w.public_key, e.seq, e.prev, e.header, e.signature, b.nonce, b.body
FROM opskit.event e JOIN opskit.writer w USING (wid) LEFT JOIN opskit.body b USING (pos)
WHERE e.pos = %s

-- name: push
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '30s';
SELECT status, agreed FROM opskit.push(
    %s::bytea, %s::bytea, %s::bigint, %s::bytea, %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[], %s::boolean)

-- name: claim
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '30s';
SELECT status, agreed FROM opskit.claim(%s::bytea, %s::bigint, %s::bytea)

-- name: still_there
SELECT EXISTS (SELECT FROM opskit.body b JOIN opskit.event e USING (pos) WHERE e.hash = %(event)s),
    EXISTS (SELECT FROM opskit.wish WHERE hash = %(event)s)

-- Only the push function updates opskit.head, and not before it has that row; so a lock for that is the holder's own. A writer's
-- row names the transaction that has it. Who takes whole tables is seen by its lock. Else it may be whoever adds to the writers.
-- name: holders
WITH held AS (
    SELECT l.pid, CASE
        WHEN l.relation = 'opskit.head'::regclass AND l.mode = 'RowExclusiveLock' THEN 1
        WHEN l.transactionid IN (SELECT xmax FROM opskit.writer WHERE writer = %(writer)s AND aside_at IS NULL) THEN 2
        WHEN l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
            AND l.relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'opskit'::regnamespace) THEN 3
        WHEN l.relation = 'opskit.writer'::regclass AND l.mode = 'RowExclusiveLock' AND NOT EXISTS (
            SELECT FROM pg_locks x WHERE x.pid = l.pid AND NOT x.granted AND x.locktype IN ('transactionid', 'tuple')) THEN 4
        END AS rank
    FROM pg_locks l
    WHERE l.granted AND l.pid <> pg_backend_pid()
        AND (l.locktype = 'transactionid' OR l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
)
SELECT h.pid, a.usename::text
FROM held h JOIN pg_stat_activity a USING (pid)
WHERE (h.rank < 4 OR (SELECT min(rank) FROM held) = 4)
GROUP BY h.pid, a.usename
ORDER BY min(h.rank), (SELECT max(age(t.transactionid)) FROM pg_locks t WHERE t.pid = h.pid AND t.granted) DESC NULLS LAST, h.pid
LIMIT 3

-- name: preparers
SELECT DISTINCT l.pid, a.usename::text FROM pg_locks l JOIN pg_stat_activity a USING (pid),
    LATERAL (SELECT hashtext('opskit changelog init')::bigint AS number) n
WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.granted AND l.pid <> pg_backend_pid()
    AND l.locktype = 'advisory' AND l.objsubid = 1
    AND (l.classid, l.objid) = (((n.number >> 32) & 4294967295)::oid, (n.number & 4294967295)::oid)
ORDER BY l.pid LIMIT 3

-- name: look
SELECT current_user, current_database(), to_regnamespace('opskit') IS NOT NULL, to_regclass('opskit.format') IS NOT NULL,
    current_setting('server_version_num')::integer, current_setting('server_encoding'),
    has_database_privilege(current_user, current_database(), 'CREATE'),
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
    (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user),
    ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'opskit\_%%'),
    has_database_privilege('public', current_database(), 'CONNECT'),
    (SELECT pg_has_role(current_user, oid, CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END)
        FROM pg_roles WHERE rolname = 'opskit_owner'),
    ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname IN ('opskit_owner', 'opskit_read')
        AND NOT pg_has_role(current_user, oid, 'MEMBER WITH ADMIN OPTION') ORDER BY 1)

-- name: wait_for_others
SELECT pg_advisory_xact_lock(hashtext('opskit changelog init'))

-- name: version
SELECT max(version) FROM opskit.format

-- name: state
SELECT (SELECT max(version) FROM opskit.format), log_id, pos FROM opskit.head

-- name: may_act_as_owner
SELECT pg_has_role(current_user, 'opskit_owner',
    CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END)
