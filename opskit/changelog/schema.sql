-- The changelog, format 1. Written once into a new database; a statement a piece, none touches
-- what another opskit wrote. Tables: what was signed (writer, event, body), and which writer this
-- copy of the database is (home).

CREATE TABLE writer (
    wid INTEGER PRIMARY KEY,
    writer BLOB NOT NULL UNIQUE CHECK (length(writer) = 32),        -- SHA-256 of the public key
    public_key BLOB NOT NULL CHECK (length(public_key) = 32),
    head_seq INTEGER NOT NULL,
    head_hash BLOB NOT NULL CHECK (length(head_hash) = 32)
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

CREATE TABLE body (
    n INTEGER PRIMARY KEY REFERENCES event,
    nonce BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE TRIGGER event_is_never_altered BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;

CREATE TRIGGER body_is_never_altered BEFORE UPDATE ON body
BEGIN SELECT RAISE(ABORT, 'body is append-only'); END;

CREATE TRIGGER body_is_never_deleted BEFORE DELETE ON body
BEGIN SELECT RAISE(ABORT, 'body is append-only'); END;

CREATE TRIGGER event_follows_its_chain BEFORE INSERT ON event
WHEN NEW.seq <> (SELECT head_seq + 1 FROM writer WHERE wid = NEW.wid)
    OR NEW.prev <> (SELECT head_hash FROM writer WHERE wid = NEW.wid)
BEGIN SELECT RAISE(ABORT, 'chain gap or fork'); END;

CREATE TRIGGER event_becomes_the_head AFTER INSERT ON event
BEGIN UPDATE writer SET head_seq = NEW.seq, head_hash = NEW.hash WHERE wid = NEW.wid; END;
