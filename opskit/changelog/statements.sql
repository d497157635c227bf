-- Every statement of the changelog by name; see `sql.py`.

-- name: starts
SELECT header FROM event WHERE rollout = ? AND rollout <> '' AND kind = ? ORDER BY hlc

-- name: home
SELECT h.wid, h.machine, h.inode, w.writer, w.head_seq, w.head_hash,
    (SELECT e.hlc FROM event e WHERE e.wid = h.wid AND e.seq = w.head_seq) AS head_hlc
FROM home h JOIN writer w USING (wid)

-- name: newest_clock
SELECT max(hlc) FROM event WHERE hlc <= ?

-- name: add_writer
INSERT INTO writer (writer, public_key, head_seq, head_hash, mine) VALUES (?, ?, 0, ?, 1)

-- name: move_in
INSERT INTO home (one, wid, machine, inode) VALUES (1, ?, ?, ?)
ON CONFLICT (one) DO UPDATE SET wid = excluded.wid, machine = excluded.machine, inode = excluded.inode

-- name: add_event
INSERT INTO event (wid, seq, prev, hash, header, signature, hlc, kind, rollout) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: add_body
INSERT INTO body (n, nonce, body) VALUES (?, ?, ?)

-- name: has_body
SELECT 1 FROM body WHERE n = ?

-- name: index_is_old
DELETE FROM index_version

-- name: is_there
SELECT 1 FROM event WHERE hash = ?

-- name: write_the_same
UPDATE home SET inode = inode

-- name: add_entry
INSERT INTO entry (id, rollout, kind, action, service, environment, actor, at_ms, hlc, hash, rank, outcome, settled)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0)
ON CONFLICT (rollout) DO UPDATE SET action = excluded.action, service = excluded.service, environment = excluded.environment,
    actor = excluded.actor, at_ms = excluded.at_ms, hlc = excluded.hlc, hash = excluded.hash, rank = excluded.rank
WHERE excluded.rank > entry.rank OR (excluded.rank = entry.rank AND (excluded.hlc, excluded.hash) < (entry.hlc, entry.hash))

-- name: settle
UPDATE entry SET settled = ?, outcome = ?, owes = ?, owes_by = ? WHERE rollout = ? AND (settled, outcome) < (?, ?)

-- name: claims
SELECT rollout FROM entry WHERE rollout >= :rollout || '.' AND rollout < :rollout || '/'
UNION ALL SELECT rollout FROM (SELECT rollout FROM entry WHERE rollout >= :rollout || '@' AND rollout < :rollout || 'A' ORDER BY rollout LIMIT 20)

-- name: is_bound
SELECT 1 FROM entry WHERE rollout >= :rollout || '.' AND rollout < :rollout || '/' LIMIT 1

-- name: outdo
UPDATE entry SET kind = 'gone' WHERE rollout = ? || '@'

-- name: forget_words
DELETE FROM words WHERE rowid = ?

-- name: forget_said
DELETE FROM said WHERE n = ?

-- name: forget_unread
DELETE FROM unread WHERE n = ?

-- name: forget_result
DELETE FROM result WHERE service = ? AND environment = ? AND host = ? AND hash = ?

-- name: forget_entry
DELETE FROM entry WHERE rollout = ?

-- name: forget_releases
DELETE FROM known_release WHERE rollout = ?

-- name: untouch
DELETE FROM touched WHERE host = ? AND entry = ?

-- name: undrain
DELETE FROM drained WHERE host = ? AND at = ? AND backend = ? AND server = ? AND entry = ?

-- name: add_stale
INSERT INTO stale (claim, rollout) VALUES (?, ?) ON CONFLICT DO NOTHING

-- name: stale
SELECT claim, rollout FROM stale ORDER BY claim

-- name: indexed_of_rollout
SELECT e.n, e.hash, e.header, b.body,
    coalesce((SELECT min(p.received_ms) FROM place p WHERE p.n = e.n AND p.received_ms > 0), 0)
FROM event e LEFT JOIN body b USING (n) WHERE e.rollout <> '' AND e.rollout = ? ORDER BY e.n

-- name: forget_results_of
DELETE FROM result WHERE rollout = ? || '@'

-- name: entry_of_rollout
SELECT id, rank, hlc, hash FROM entry WHERE rollout = ?

-- name: touch
INSERT INTO touched (host, entry) VALUES (?, ?) ON CONFLICT DO NOTHING

-- name: add_about
INSERT INTO about (what, name, entry) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- name: hosts_of_runs
SELECT e.rollout, a.name FROM entry e JOIN about a ON a.entry = e.id
WHERE e.rollout IN (SELECT value FROM json_each(?)) AND e.kind = 'runbook' AND a.what = 'on' ORDER BY a.name

-- name: forget_about
DELETE FROM about WHERE entry = ?

-- name: join
INSERT INTO joined (run, writer, seq) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- name: joined
SELECT seq FROM joined WHERE run = ? AND writer = ?

-- name: drain
INSERT INTO drained (host, at, backend, server, entry) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING

-- name: last_drained
SELECT e.rollout FROM (
    SELECT entry FROM drained
    WHERE host = :host AND at = :at AND backend = :backend AND server = :server ORDER BY entry DESC LIMIT 1000
) newest JOIN entry e ON e.id = newest.entry
WHERE e.kind = 'rollout' AND e.environment = :environment
    AND (e.service = :service OR e.action IN (SELECT value FROM json_each(:whole)))
ORDER BY e.hlc DESC, e.hash DESC LIMIT 1

-- name: add_result
INSERT INTO result (service, environment, host, hlc, hash, release, rollout, at_ms, changed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING

-- name: forget_results
DELETE FROM result WHERE service = ? AND environment = ? AND hash = ?

-- name: add_actor
INSERT INTO actor (actor) VALUES (?) ON CONFLICT DO NOTHING

-- name: add_words
INSERT INTO words (rowid, said) VALUES (?, ?)

-- name: add_said
INSERT INTO said (n, entry) VALUES (?, ?)

-- name: tally
SELECT service, environment, count(*) FROM entry
WHERE hlc >= :hlc AND +kind = 'rollout' AND +at_ms >= :since AND (
    -- one that only says it is somebody's, where there is another of that id, changes nothing
    instr(rollout, '@') IN (0, length(rollout)) OR NOT EXISTS (
        SELECT 1 FROM entry AS other WHERE other.rollout <> entry.rollout AND (
            other.rollout >= substr(entry.rollout, 1, instr(entry.rollout, '@') - 1) || '.'
            AND other.rollout < substr(entry.rollout, 1, instr(entry.rollout, '@') - 1) || '/'
            OR other.rollout >= substr(entry.rollout, 1, instr(entry.rollout, '@'))
            AND other.rollout < substr(entry.rollout, 1, instr(entry.rollout, '@') - 1) || 'A'
        )
    )
) GROUP BY +service, +environment

-- name: oldest_entry
SELECT at_ms FROM entry ORDER BY hlc, hash LIMIT 1

-- name: most_ahead
SELECT coalesce(max((hlc >> 16) - at_ms), 1000) FROM entry WHERE (hlc >> 16) - at_ms > 1000

-- name: newest_entries
SELECT (SELECT hlc FROM entry WHERE hlc < :before ORDER BY hlc DESC LIMIT 1 OFFSET :most),
    (SELECT id FROM (SELECT id FROM entry WHERE hlc < :before ORDER BY hlc DESC LIMIT :most) ORDER BY id LIMIT 1 OFFSET :strays)

-- name: place_entry
UPDATE entry SET hlc = :hlc, at_ms = :at_ms WHERE hash = :hash AND hlc > :hlc

-- name: unread
INSERT INTO unread (n, why) VALUES (?, ?)

-- name: all_unread
SELECT w.writer, e.seq, e.hash, u.why FROM unread u JOIN event e USING (n) JOIN writer w USING (wid) ORDER BY u.n

-- name: unsettle
UPDATE entry SET settled = 0, outcome = '', owes = 1, owes_by = '' WHERE rollout = ?

-- name: indexed
SELECT e.hash, e.header, b.body,
    coalesce((SELECT min(p.received_ms) FROM place p WHERE p.n = e.n AND p.received_ms > 0), 0)
FROM event e LEFT JOIN body b USING (n) WHERE e.n = ?

-- name: know_release
INSERT INTO known_release (rollout, release, revision, label) VALUES (?, ?, ?, ?)
ON CONFLICT (rollout, release) DO UPDATE SET revision = excluded.revision, label = excluded.label
WHERE (excluded.revision, excluded.label) > (known_release.revision, known_release.label)

-- name: known_releases
SELECT k.release, max(k.revision), max(k.label) FROM known_release k JOIN entry e ON e.rollout = k.rollout
WHERE e.service = ? AND e.environment = ? AND k.release IN (SELECT value FROM json_each(?)) AND instr(k.rollout, '.') > 0
GROUP BY k.release

-- name: live
WITH RECURSIVE live (host) AS (
    SELECT min(host) FROM result WHERE service = :service AND environment = :environment
    UNION ALL
    SELECT (SELECT min(r.host) FROM result r
        WHERE r.service = :service AND r.environment = :environment AND r.host > live.host)
    FROM live WHERE live.host IS NOT NULL
)
SELECT l.host, newest.release, coalesce(k.revision, named.revision, ''), coalesce(k.label, named.label, ''), first.rollout, first.at_ms
FROM live l
JOIN result newest ON (newest.service, newest.environment, newest.host) = (:service, :environment, l.host)
    AND (newest.hlc, newest.hash) = (
        SELECT r.hlc, r.hash FROM result r
        WHERE r.service = :service AND r.environment = :environment AND r.host = l.host
            AND r.rollout NOT IN (SELECT value FROM json_each(:outdone))
        ORDER BY r.hlc DESC, r.hash DESC LIMIT 1)
JOIN result first ON (first.service, first.environment, first.host) = (:service, :environment, l.host)
    AND (first.hlc, first.hash) = (
        SELECT r.hlc, r.hash FROM result r
        WHERE r.service = :service AND r.environment = :environment AND r.host = l.host
            AND r.rollout NOT IN (SELECT value FROM json_each(:outdone))
            AND r.release = newest.release AND r.hlc >= coalesce((
                SELECT o.hlc FROM result o
                WHERE o.service = :service AND o.environment = :environment AND o.host = l.host
                    AND (o.release <> newest.release OR o.changed)
                    AND o.rollout NOT IN (SELECT value FROM json_each(:outdone))
                ORDER BY o.hlc DESC LIMIT 1), 0)
        ORDER BY r.hlc, r.hash LIMIT 1)
LEFT JOIN known_release k
    ON (k.rollout, k.release) = (newest.rollout, newest.release)
LEFT JOIN (
    SELECT b.release, max(b.revision) AS revision, max(b.label) AS label
    FROM known_release b JOIN entry e ON e.rollout = b.rollout
    WHERE e.service = :service AND e.environment = :environment AND instr(b.rollout, '.') > 0
    GROUP BY b.release
) named ON k.release IS NULL AND named.release = newest.release
ORDER BY l.host

-- name: open_results
SELECT DISTINCT rollout FROM result WHERE service = :service AND environment = :environment AND instr(rollout, '@') > 0

-- name: records_like
SELECT rollout FROM entry WHERE rollout >= :prefix AND rollout < :prefix || 'zzzzzzzzzzzzzzzz'
    AND kind IN (SELECT value FROM json_each(:kinds))
ORDER BY rollout LIMIT 60

-- name: events_of_rollouts
SELECT e.n, e.header, e.prev, e.hash, e.signature, b.body,
    EXISTS (SELECT 1 FROM redacted WHERE redacted.hash = e.hash),
    coalesce((SELECT min(p.received_ms) FROM place p WHERE p.n = e.n AND p.received_ms > 0), 0)
FROM event e JOIN writer w USING (wid) LEFT JOIN body b USING (n)
WHERE e.rollout <> '' AND e.rollout IN (SELECT value FROM json_each(:names)) AND (:whole OR e.kind <> 'run.step')
ORDER BY e.hlc, w.writer, e.seq

-- name: events_by_number
SELECT e.n, e.header, e.prev, e.hash, e.signature, b.body,
    EXISTS (SELECT 1 FROM redacted WHERE redacted.hash = e.hash),
    coalesce((SELECT min(p.received_ms) FROM place p WHERE p.n = e.n AND p.received_ms > 0), 0)
FROM event e LEFT JOIN body b USING (n)
WHERE e.n IN (SELECT value FROM json_each(?))

-- name: headers_since
SELECT n, header FROM event WHERE wid = (SELECT wid FROM writer WHERE writer = ?) AND seq > ?

-- name: newest_number
SELECT coalesce(max(n), 0) FROM event

-- name: writers
SELECT wid, writer, public_key, head_seq, head_hash FROM writer ORDER BY wid

-- name: chain
SELECT e.n, e.seq, e.prev, e.hash, e.header, e.signature, e.hlc, e.kind, e.rollout, b.nonce, b.body,
    EXISTS (SELECT 1 FROM redacted WHERE redacted.hash = e.hash)
FROM event e LEFT JOIN body b USING (n)
WHERE e.wid = ?
ORDER BY e.seq

-- name: hash_at
SELECT e.hash FROM event e JOIN writer w USING (wid) WHERE w.writer = ? AND e.seq = ?

-- name: everything
SELECT e.n, e.hash, e.header, b.body,
    coalesce((SELECT min(p.received_ms) FROM place p WHERE p.n = e.n AND p.received_ms > 0), 0)
FROM event e LEFT JOIN body b USING (n) ORDER BY e.n

-- name: salvage
SELECT w.writer, w.public_key, e.seq, e.prev, e.header, e.signature, b.nonce, b.body
FROM event e JOIN writer w USING (wid) LEFT JOIN body b USING (n)
WHERE e.n > ? AND e.n <= ?
ORDER BY e.n

-- name: measure_clock
INSERT INTO clock (one, offset_ms, error_ms, boot, since_boot_ms) VALUES (1, ?, ?, ?, ?)
ON CONFLICT (one) DO UPDATE SET offset_ms = excluded.offset_ms, error_ms = excluded.error_ms,
    boot = excluded.boot, since_boot_ms = excluded.since_boot_ms

-- name: measured_clock
SELECT offset_ms, error_ms, boot, since_boot_ms FROM clock

-- name: seen
SELECT log, pos, chain FROM log WHERE pos IS NOT NULL ORDER BY first_ms DESC LIMIT 1

-- name: current_log
SELECT l.log, l.url, l.pos, l.hash, l.chain, l.synced_ms, coalesce(
    (SELECT p.received_ms FROM event e JOIN place p USING (n) WHERE e.hash = l.hash AND p.log = l.log),
    (SELECT max(received_ms) FROM place p WHERE p.log = l.log), 0)
FROM log l ORDER BY l.first_ms DESC LIMIT 1

-- name: log
SELECT l.log, l.url, l.pos, l.hash, l.chain, l.synced_ms, coalesce(
    (SELECT p.received_ms FROM event e JOIN place p USING (n) WHERE e.hash = l.hash AND p.log = l.log),
    (SELECT max(received_ms) FROM place p WHERE p.log = l.log), 0)
FROM log l WHERE l.log = ?

-- name: pin_log
INSERT INTO log (log, url, first_ms, synced_ms) VALUES (?, ?, ?, 0)
ON CONFLICT (log) DO UPDATE SET url = excluded.url, first_ms = excluded.first_ms

-- name: move_log
UPDATE log SET pos = ?, hash = ?, chain = ? WHERE log = ?

-- name: forget_log
UPDATE log SET pos = NULL, hash = NULL, chain = NULL WHERE log = ?

-- name: synced
UPDATE log SET synced_ms = ? WHERE log = ?

-- name: forget_places
DELETE FROM place WHERE log = ?

-- name: forget_obeyed
DELETE FROM obeyed WHERE log = ?

-- name: forget_shared
DELETE FROM shared WHERE log = ?

-- name: add_receipt
INSERT INTO receipt (log, pos, hash, chain, at_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING

-- name: add_place
INSERT INTO place (n, log, pos, received_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING

-- name: add_shared
INSERT INTO shared (log, wid, seq) VALUES (?, ?, ?)
ON CONFLICT (log, wid) DO UPDATE SET seq = max(seq, excluded.seq)

-- name: share
INSERT INTO shared (log, wid, seq)
SELECT :log, :wid, coalesce((
        SELECT e.seq - 1 FROM event e
        WHERE e.wid = :wid AND e.seq > coalesce((SELECT s.seq FROM shared s WHERE s.log = :log AND s.wid = :wid), 0)
            AND NOT EXISTS (SELECT 1 FROM place p WHERE p.n = e.n AND p.log = :log)
        ORDER BY e.seq LIMIT 1
    ), w.head_seq)
FROM writer w WHERE w.wid = :wid
ON CONFLICT (log, wid) DO UPDATE SET seq = max(seq, excluded.seq)

-- name: has_place
SELECT 1 FROM place JOIN event USING (n) WHERE event.hash = ? AND place.log = ?

-- name: vector
SELECT writer, head_seq FROM writer

-- name: writer_of
SELECT wid, public_key, head_seq, head_hash FROM writer WHERE writer = ?

-- name: add_other_writer
INSERT INTO writer (writer, public_key, head_seq, head_hash, mine, role) VALUES (?, ?, 0, ?, 0, ?)

-- name: set_role
UPDATE writer SET role = :role WHERE wid = :wid AND :role NOT IN ('', role)

-- name: event_at
SELECT n, hash FROM event WHERE wid = ? AND seq = ?

-- name: is_evidence
SELECT 1 FROM fork WHERE hash = :hash UNION ALL SELECT 1 FROM refused WHERE hash = :hash

-- name: is_fork
SELECT 1 FROM fork WHERE hash = ?

-- name: add_fork
INSERT INTO fork (hash, writer, seq, packet, seen_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING

-- name: mark_forked
UPDATE writer SET forked = 1 WHERE writer = ?

-- name: add_refused
INSERT INTO refused (hash, writer, seq, why, packet, seen_ms) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING

-- name: unsent_writer
SELECT wid, there, ours FROM (
    SELECT w.wid, w.writer, w.head_seq, w.forked,
        max(coalesce(s.seq, 0), coalesce((SELECT value FROM json_each(:said) WHERE key = lower(hex(w.writer))), 0)) AS there,
        w.mine = 1 OR lower(substr(hex(w.writer), 1, 16)) IN (SELECT value FROM json_each(:keys)) AS ours
    FROM writer w LEFT JOIN shared s ON s.wid = w.wid AND s.log = :log
)
WHERE head_seq > there AND forked = 0 AND (ours OR :everybody) AND lower(hex(writer)) NOT IN (SELECT value FROM json_each(:aside))
ORDER BY wid LIMIT 1

-- name: unsent_count
SELECT coalesce(sum(w.head_seq - coalesce(s.seq, 0)), 0)
FROM writer w LEFT JOIN shared s ON s.wid = w.wid AND s.log = :log
WHERE w.head_seq > coalesce(s.seq, 0) AND w.forked = 0
    AND (w.mine = 1 OR lower(substr(hex(w.writer), 1, 16)) IN (SELECT value FROM json_each(:keys))) = :ours

-- name: unplaced
SELECT min(e.seq), (SELECT pos FROM log WHERE log = :log) FROM event e JOIN writer w USING (wid)
WHERE w.writer = :writer AND e.seq BETWEEN :first AND :last
    AND NOT EXISTS (SELECT 1 FROM place p WHERE p.n = e.n AND p.log = :log)

-- name: is_forked
SELECT 1 FROM writer WHERE writer = ? AND forked = 1

-- name: packets
SELECT w.writer, w.public_key, e.seq, e.prev, e.header, e.signature, b.nonce, b.body
FROM event e JOIN writer w USING (wid) LEFT JOIN body b USING (n)
WHERE e.wid = ? AND e.seq > ? ORDER BY e.seq LIMIT ?

-- name: packet_of
SELECT w.writer, w.public_key, e.seq, e.prev, e.header, e.signature, b.nonce, b.body
FROM event e JOIN writer w USING (wid) LEFT JOIN body b USING (n)
WHERE e.n = ?

-- name: add_alarm
INSERT INTO alarm (at_ms, trick, what) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- name: alarms
SELECT at_ms, trick, what FROM alarm ORDER BY id

-- name: forks
SELECT writer, seq, hash FROM fork ORDER BY writer, seq, hash

-- name: chain_at
SELECT chain FROM receipt WHERE log = ? AND pos = ? AND at_ms > ? ORDER BY at_ms DESC LIMIT 1

-- name: all_refused
SELECT writer, seq, hash, why FROM refused ORDER BY writer, seq, hash

-- name: redactions
SELECT e.hash, w.writer, b.body FROM event e JOIN writer w USING (wid) JOIN body b USING (n)
WHERE e.kind = 'body.redacted' ORDER BY e.hlc, e.hash

-- name: owner_of
SELECT w.writer, e.kind FROM event e JOIN writer w USING (wid) WHERE e.hash = ?

-- name: header_of
SELECT header FROM event WHERE hash = ?

-- name: event_by_hash
SELECT n, wid FROM event WHERE hash = ?

-- name: events_like
SELECT e.n FROM event e WHERE e.hash >= :low AND e.hash <= :high ORDER BY e.hash LIMIT 6

-- name: places_of
SELECT log, pos FROM place WHERE n = ? ORDER BY log

-- name: place_today
SELECT e.hash, p.pos FROM event e JOIN place p USING (n)
WHERE e.hash = ? AND p.log = (SELECT log FROM log ORDER BY first_ms DESC LIMIT 1)

-- name: redact
INSERT INTO redacted (hash, by) VALUES (?, ?) ON CONFLICT DO NOTHING

-- name: redacted_by
UPDATE redacted SET by = ? WHERE by = ?

-- name: is_redacted
SELECT 1 FROM redacted WHERE hash = ?

-- name: has_body
SELECT 1 FROM body WHERE n = ?

-- name: drop_body
DELETE FROM body WHERE n = ?

-- name: unredacted
SELECT r.hash FROM redacted r
WHERE EXISTS (SELECT 1 FROM event e JOIN place p USING (n) WHERE e.hash = r.hash AND p.log = :log)
    AND EXISTS (SELECT 1 FROM event b JOIN writer w USING (wid) WHERE b.hash = r.by
        AND (w.mine = 1 OR lower(substr(hex(w.writer), 1, 16)) IN (SELECT value FROM json_each(:keys))))
    AND NOT EXISTS (SELECT 1 FROM obeyed o WHERE o.hash = r.hash AND o.log = :log)
ORDER BY r.hash

-- name: is_placed
SELECT 1 FROM redacted r JOIN event e ON e.hash = r.by JOIN place p USING (n) WHERE r.hash = ? AND p.log = ?

-- name: obeyed
INSERT INTO obeyed (log, hash) VALUES (?, ?) ON CONFLICT DO NOTHING

-- name: our_fork
SELECT min(f.seq) FROM home h JOIN writer w USING (wid) JOIN fork f ON f.writer = w.writer WHERE w.forked = 1

-- name: export
SELECT w.writer, w.public_key, e.seq, e.prev, e.header, e.signature, b.nonce, b.body
FROM event e JOIN writer w USING (wid) LEFT JOIN body b USING (n)
ORDER BY e.hlc, w.writer, e.seq

-- name: evidence
SELECT 'fork' AS kind, packet FROM fork UNION ALL SELECT 'refused', packet FROM refused ORDER BY 1, 2

-- name: own_after
SELECT e.header, b.body, e.hash FROM event e LEFT JOIN body b USING (n) WHERE e.wid = ? AND e.seq > ? ORDER BY e.seq

-- name: places_of_log
SELECT p.pos, e.hash FROM place p JOIN event e USING (n) WHERE p.log = ? ORDER BY p.pos

-- name: receipts_of_log
SELECT pos, hash, chain FROM receipt WHERE log = ? ORDER BY pos

-- name: all_writers
SELECT writer, public_key, head_seq, mine, role, forked FROM writer ORDER BY wid

-- name: kind_of
SELECT n, kind FROM event WHERE hash = ?

-- Attestation.

-- name: judged
SELECT e.header, w.writer, e.seq, (SELECT min(received_ms) FROM place WHERE n = e.n AND received_ms > 0),
    (SELECT group_concat(log) FROM place WHERE n = e.n)
FROM event e JOIN writer w USING (wid)
WHERE e.hash = ?

-- name: enrolments
SELECT e.seq, b.body
FROM event e LEFT JOIN body b USING (n)
WHERE e.kind = 'writer.enrolled' AND e.wid = (SELECT wid FROM writer WHERE writer = ?) AND e.seq <= ?
ORDER BY e.seq DESC LIMIT ?

-- name: all_enrolments
SELECT w.writer, e.seq, e.hash, b.body
FROM event e JOIN writer w USING (wid) LEFT JOIN body b USING (n)
WHERE e.kind = 'writer.enrolled'
ORDER BY w.writer, e.seq

-- In the order of the logs, the one that was read here first before the others; what no log has received comes last, by a clock
-- that never goes back within a chain.
-- name: revocations
WITH known (log, rank) AS (SELECT log, min(rowid) FROM receipt GROUP BY log),
    received (n, rank, pos) AS (
        SELECT p.n, min(coalesce(k.rank, 0)), p.pos FROM place p LEFT JOIN known k USING (log)
        WHERE p.n IN (SELECT n FROM event WHERE kind = 'writer.revoked') GROUP BY p.n)
SELECT e.header, w.writer, e.seq, (SELECT min(received_ms) FROM place WHERE n = e.n AND received_ms > 0), b.body
FROM event e JOIN writer w USING (wid) LEFT JOIN body b USING (n) LEFT JOIN received r USING (n)
WHERE e.kind = 'writer.revoked'
ORDER BY r.n IS NULL, r.rank, r.pos,
    iif(r.n IS NULL, (SELECT max(hlc) FROM event WHERE wid = e.wid AND seq <= e.seq), 0), w.writer, e.seq

-- name: first_forks
SELECT writer, min(seq) FROM fork GROUP BY writer

-- name: who_signs_here
SELECT w.writer, w.public_key, coalesce((SELECT log FROM log ORDER BY first_ms DESC LIMIT 1), '')
FROM home JOIN writer w USING (wid)

-- name: writer_heads
SELECT writer, head_seq, wid IS (SELECT wid FROM home) AS here, role FROM writer ORDER BY here DESC, wid

-- name: last_of
SELECT seq, hash FROM event WHERE wid = ? ORDER BY seq DESC LIMIT 1

-- name: cursors
SELECT log, url, pos, hash, chain FROM log WHERE pos IS NOT NULL

-- name: log_places
SELECT pos, hash FROM (
    SELECT p.pos, e.hash FROM place p JOIN event e USING (n) WHERE p.log = :log
    UNION ALL SELECT o.pos, o.hash FROM other_place o WHERE o.log = :log
) ORDER BY pos

-- name: seen_by
SELECT s.pos, s.chain, p.pos, w.writer, e.seq, e.header, e.n
FROM temp.seen s JOIN event e USING (n) JOIN writer w USING (wid) LEFT JOIN place p ON p.n = s.n AND p.log = s.log
WHERE s.log = :log ORDER BY s.pos

-- name: kept_forks
SELECT writer, seq, hash, packet FROM fork ORDER BY writer, seq, hash

-- name: places_known
SELECT pos FROM place WHERE log = :log AND pos <= :last
UNION ALL SELECT pos FROM other_place WHERE log = :log AND pos <= :last

-- name: stood_at
SELECT w.writer, e.seq, e.hash, e.header
FROM place p JOIN event e USING (n) JOIN writer w USING (wid) WHERE p.log = :log AND p.pos = :pos

-- name: stood_elsewhere
SELECT 1 FROM other_place WHERE log = ? AND pos = ? AND hash = ?

-- name: held
SELECT p.pos, p.received_ms, e.signature, b.nonce, b.body, EXISTS (SELECT 1 FROM redacted r WHERE r.hash = e.hash)
FROM event e LEFT JOIN body b USING (n) LEFT JOIN place p ON p.n = e.n AND p.log = :log
WHERE e.hash = :hash

-- name: add_other_place
INSERT INTO other_place (log, pos, hash) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- name: forget_other_places
DELETE FROM other_place WHERE log = ?

-- name: is_contested
SELECT EXISTS (SELECT 1 FROM event WHERE kind = 'writer.revoked') OR EXISTS (SELECT 1 FROM fork)
    OR EXISTS (SELECT 1 FROM writer WHERE forked = 1)

-- name: has_evidence
SELECT EXISTS (SELECT 1 FROM fork) OR EXISTS (SELECT 1 FROM refused)

-- The eras of logs, see eras.sql.

-- name: eras
SELECT e.id, e.log, e.at_ms, e.trick, e.pos, e.chain, e.first, e.n, l.url FROM era e JOIN log l USING (log) ORDER BY e.id

-- name: add_era
INSERT INTO era (log, at_ms, trick, pos, chain) VALUES (?, ?, ?, ?, ?)

-- name: settle_era
UPDATE era SET trick = ?, first = ?, n = ? WHERE id = ?

-- name: drop_era
DELETE FROM era WHERE id = ?

-- name: add_lost
INSERT INTO lost_place (era, pos, hash, chain) VALUES (?, ?, ?, ?)

-- name: lost_of
SELECT pos, chain FROM lost_place WHERE era = ? ORDER BY pos

-- name: keep_lost
DELETE FROM lost_place WHERE era = ? AND pos < ?

-- name: is_lost
SELECT e.first FROM lost_place l JOIN era e ON e.id = l.era WHERE l.chain = ? AND l.pos = ? AND e.log = ? LIMIT 1

-- Events that stood in the log, and do not, while a later one of the same writer does.
-- name: taken_out
SELECT 1 FROM lost_place l JOIN event e USING (hash)
WHERE l.era = :era AND NOT EXISTS (SELECT 1 FROM place p WHERE p.n = e.n AND p.log = :log)
    AND EXISTS (SELECT 1 FROM event later JOIN place p ON p.n = later.n AND p.log = :log
        WHERE later.wid = e.wid AND later.seq > e.seq)
LIMIT 1

-- Writer and number of what stands now in the part of the log that is not as it was, in its order.
-- name: order_of_writers
SELECT e.wid, e.seq FROM place p JOIN event e USING (n)
WHERE p.log = :log AND p.pos >= (SELECT min(pos) FROM lost_place WHERE era = :era) ORDER BY p.pos

-- name: received_in
SELECT e.header, e.hlc, p.received_ms FROM place p JOIN event e USING (n) WHERE p.log = ?

-- name: own_newest
SELECT e.header FROM home h JOIN event e USING (wid) ORDER BY e.seq DESC LIMIT ?

-- name: today_since
SELECT coalesce(max(first_ms), 0) FROM log

-- name: newest_told
SELECT w.writer, max(e.seq) FROM event e JOIN writer w USING (wid) WHERE e.kind = ? GROUP BY e.wid

-- name: was_audited
INSERT INTO audited (log, at_ms, problems, first) VALUES (?, ?, ?, ?)
ON CONFLICT (log) DO UPDATE SET at_ms = excluded.at_ms, problems = excluded.problems, first = excluded.first

-- name: last_audit
SELECT at_ms, problems, first FROM audited WHERE log = ?

-- name: damage
SELECT iif(integrity_check = 'ok', '', integrity_check) FROM pragma_integrity_check(1)
