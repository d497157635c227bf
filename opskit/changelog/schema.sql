-- The changelog, format 1. Written once into a new database; a statement a piece, none touches
-- what another opskit wrote. Tables: what was signed (writer, event, body), which writer this
-- copy of the database is (home), what upstreams said (log, receipt, place, alarm), and what was
-- kept as evidence (fork, refused).

CREATE TABLE writer (
    wid INTEGER PRIMARY KEY,
    writer BLOB NOT NULL UNIQUE CHECK (length(writer) = 32),        -- SHA-256 of the public key
    public_key BLOB NOT NULL CHECK (length(public_key) = 32),
    head_seq INTEGER NOT NULL,
    head_hash BLOB NOT NULL CHECK (length(head_hash) = 32),
    mine INTEGER NOT NULL DEFAULT 0,                                -- 1: made by this database
    role TEXT NOT NULL DEFAULT '',                                  -- the upstream's name for who pushes it
    forked INTEGER NOT NULL DEFAULT 0                               -- 1: another chain of its key is known
) STRICT;

-- One row: the writer that signs here, and the machine and file it belongs to. A copied database
-- differs in one of them.
CREATE TABLE home (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    wid INTEGER NOT NULL REFERENCES writer,
    machine TEXT NOT NULL,
    inode INTEGER NOT NULL
) STRICT;

-- `header` is kept byte for byte as it was signed; the columns after `signature` repeat it for
-- searching.
CREATE TABLE event (
    n INTEGER PRIMARY KEY,
    wid INTEGER NOT NULL REFERENCES writer,
    seq INTEGER NOT NULL CHECK (seq > 0),
    prev BLOB NOT NULL CHECK (length(prev) = 32),
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    header BLOB NOT NULL CHECK (length(header) <= 16384),
    signature BLOB NOT NULL,
    hlc INTEGER NOT NULL,
    kind TEXT NOT NULL,
    rollout TEXT NOT NULL,
    UNIQUE (wid, seq)
) STRICT;

CREATE INDEX event_rollout ON event (rollout, hlc) WHERE rollout <> '';

CREATE INDEX event_hlc ON event (hlc);

-- Few events among many, on which the standing of the others depends.
CREATE INDEX event_enrolled ON event (wid, seq) WHERE kind = 'writer.enrolled';

CREATE INDEX event_revoked ON event (hlc) WHERE kind = 'writer.revoked';

CREATE INDEX event_redacted ON event (hlc, hash) WHERE kind = 'body.redacted';

CREATE TABLE body (
    n INTEGER PRIMARY KEY REFERENCES event,
    nonce BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- Bodies that a `body.redacted` event took away: the event whose body went, and the one that says so.
CREATE TABLE redacted (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    by BLOB NOT NULL CHECK (length(by) = 32)
) STRICT, WITHOUT ROWID;

-- Logs that have taken away such a body, too.
CREATE TABLE obeyed (
    log TEXT NOT NULL REFERENCES log,
    hash BLOB NOT NULL,
    PRIMARY KEY (log, hash)
) STRICT, WITHOUT ROWID;

-- The other side of a fork: events of a place in a chain that has another event here already, or that
-- follow such a one. Both sides are kept for ever.
CREATE TABLE fork (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    writer BLOB NOT NULL,
    seq INTEGER NOT NULL,
    packet TEXT NOT NULL,                                           -- as `Packet.to_json` gives it
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Events that an upstream or a file offered and that are no true part of a chain.
CREATE TABLE refused (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    writer BLOB NOT NULL,
    seq INTEGER NOT NULL,
    why TEXT NOT NULL,
    packet TEXT NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The logs that this changelog was shared with; the one with the newest `first_ms` is today's.
CREATE TABLE log (
    log TEXT PRIMARY KEY,                                           -- a UUID in hex
    url TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    synced_ms INTEGER NOT NULL,                                     -- the last sync that came to its end
    pos INTEGER,                                                    -- where the next pull goes on: the newest receipt
    hash BLOB,
    chain BLOB
) STRICT, WITHOUT ROWID;

-- The places of a log whose event is no true part of a chain here: it is in fork or refused.
CREATE TABLE other_place (
    log TEXT NOT NULL REFERENCES log,
    pos INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (log, pos)
) STRICT, WITHOUT ROWID;

-- How much of each writer's chain a log has, as its receipts say.
CREATE TABLE shared (
    log TEXT NOT NULL REFERENCES log,
    wid INTEGER NOT NULL REFERENCES writer,
    seq INTEGER NOT NULL,
    PRIMARY KEY (log, wid)
) STRICT, WITHOUT ROWID;

-- What we were told of a log, at each sync that brought something; kept for ever, as evidence.
CREATE TABLE receipt (
    log TEXT NOT NULL REFERENCES log,
    pos INTEGER NOT NULL,
    hash BLOB NOT NULL,                                             -- of the event at that place
    chain BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (log, pos, at_ms)
) STRICT;

-- Where an event stands in a log, and when it came there by the upstream's clock (0: it has none).
CREATE TABLE place (
    n INTEGER NOT NULL REFERENCES event,
    log TEXT NOT NULL REFERENCES log,
    pos INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (n, log)
) STRICT, WITHOUT ROWID;

-- How far this machine's clock was off when an upstream was asked last, and what tells whether it was set since.
CREATE TABLE clock (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    offset_ms INTEGER NOT NULL,
    error_ms INTEGER NOT NULL,
    boot TEXT NOT NULL,
    since_boot_ms INTEGER NOT NULL                                  -- wall clock minus time since boot
) STRICT;

-- What was wrong with an upstream, each kind of thing once.
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    trick TEXT NOT NULL,
    what TEXT NOT NULL,
    UNIQUE (trick, what)
) STRICT;

CREATE TRIGGER event_is_never_altered BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;

CREATE TRIGGER body_is_never_altered BEFORE UPDATE ON body
BEGIN SELECT RAISE(ABORT, 'body is append-only'); END;

CREATE TRIGGER body_is_never_deleted BEFORE DELETE ON body
WHEN NOT EXISTS (SELECT 1 FROM redacted JOIN event USING (hash) WHERE event.n = OLD.n)
BEGIN SELECT RAISE(ABORT, 'body is append-only'); END;

CREATE TRIGGER event_follows_its_chain BEFORE INSERT ON event
WHEN NEW.seq <> (SELECT head_seq + 1 FROM writer WHERE wid = NEW.wid)
    OR NEW.prev <> (SELECT head_hash FROM writer WHERE wid = NEW.wid)
BEGIN SELECT RAISE(ABORT, 'chain gap or fork'); END;

CREATE TRIGGER event_becomes_the_head AFTER INSERT ON event
BEGIN UPDATE writer SET head_seq = NEW.seq, head_hash = NEW.hash WHERE wid = NEW.wid; END;
