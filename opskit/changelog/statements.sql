-- Every statement of the changelog by name; see `sql.py`.

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

-- name: is_there
SELECT 1 FROM event WHERE hash = ?

-- name: write_the_same
UPDATE home SET inode = inode

-- name: start_entry
INSERT INTO entry (id, rollout, kind, action, service, environment, actor, at_ms, hlc, outcome, settled)
VALUES (:n, :rollout, :entry_kind, :action, :service, :environment, :actor, :at_ms, :hlc, '', 0)
ON CONFLICT (rollout) DO UPDATE SET action = excluded.action, service = excluded.service, environment = excluded.environment,
    actor = excluded.actor, at_ms = excluded.at_ms, hlc = excluded.hlc

-- name: find_or_add_entry
INSERT INTO entry (id, rollout, kind, action, service, environment, actor, at_ms, hlc, outcome, settled)
VALUES (:n, :rollout, :entry_kind, :action, :service, :environment, :actor, :at_ms, :hlc, '', 0)
ON CONFLICT (rollout) DO NOTHING

-- name: settle
UPDATE entry SET outcome = :outcome, settled = :hlc WHERE rollout = :rollout AND settled < :hlc

-- name: entry_of_rollout
SELECT id FROM entry WHERE rollout = ?

-- name: touch
INSERT INTO touched (host, entry) VALUES (?, ?) ON CONFLICT DO NOTHING

-- name: set_live
INSERT INTO live (service, environment, host, release, rollout, at_ms, hlc)
VALUES (:service, :environment, :host, :release, :rollout, :at_ms, :hlc)
ON CONFLICT (service, environment, host) DO UPDATE
SET release = excluded.release, hlc = excluded.hlc,
    rollout = iif(excluded.release = live.release, live.rollout, excluded.rollout),
    at_ms = iif(excluded.release = live.release, live.at_ms, excluded.at_ms)
WHERE excluded.hlc >= live.hlc

-- name: know_release
INSERT INTO known_release (service, environment, release, revision, label)
VALUES (:service, :environment, :release, :revision, :label)
ON CONFLICT (service, environment, release) DO UPDATE SET revision = excluded.revision, label = excluded.label
WHERE excluded.revision <> ''

-- name: live
SELECT l.host, l.release, coalesce(k.revision, ''), coalesce(k.label, ''), l.rollout, l.at_ms
FROM live l LEFT JOIN known_release k USING (service, environment, release)
WHERE l.service = ? AND l.environment = ?
ORDER BY l.host

-- name: rollouts_like
SELECT rollout FROM entry WHERE rollout >= :prefix AND rollout < :prefix || 'zzzzzzzzzzzzzzzz' ORDER BY rollout LIMIT 6

-- name: events_of_rollouts
SELECT e.n, e.header, e.prev, e.hash, e.signature, b.body
FROM event e JOIN writer w USING (wid) LEFT JOIN body b USING (n)
WHERE e.rollout <> '' AND e.rollout IN (SELECT value FROM json_each(?))
ORDER BY e.hlc, w.writer, e.seq

-- name: events_by_number
SELECT e.n, e.header, e.prev, e.hash, e.signature, b.body
FROM event e LEFT JOIN body b USING (n)
WHERE e.n IN (SELECT value FROM json_each(?))

-- name: entries_changed_since
SELECT DISTINCT coalesce(r.id, e.n)
FROM event e LEFT JOIN entry r ON r.rollout = e.rollout AND e.rollout <> ''
WHERE e.n > ?

-- name: newest_number
SELECT coalesce(max(n), 0) FROM event

-- name: writers
SELECT wid, writer, public_key, head_seq, head_hash FROM writer ORDER BY wid

-- name: chain
SELECT e.n, e.seq, e.prev, e.hash, e.header, e.signature, e.hlc, e.kind, e.rollout, b.nonce, b.body
FROM event e LEFT JOIN body b USING (n)
WHERE e.wid = ?
ORDER BY e.seq

-- name: hash_at
SELECT e.hash FROM event e JOIN writer w USING (wid) WHERE w.writer = ? AND e.seq = ?

-- name: everything
SELECT e.n, e.header, b.body FROM event e LEFT JOIN body b USING (n) ORDER BY e.n

-- name: salvage
SELECT w.writer, w.public_key, e.seq, e.prev, e.header, e.signature, b.nonce, b.body
FROM event e JOIN writer w USING (wid) LEFT JOIN body b USING (n)
WHERE e.n > ? AND e.n <= ?
ORDER BY e.n
