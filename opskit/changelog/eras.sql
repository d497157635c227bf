-- What a log showed before it was set back. Made in every database, also in one that an older opskit made.

-- An era of a log: it begins when the log is met first, or is found to show another history than before.
CREATE TABLE IF NOT EXISTS era (
    id INTEGER PRIMARY KEY,
    log TEXT NOT NULL REFERENCES log,
    at_ms INTEGER NOT NULL,                                         -- when that was found out, by a clock that is set right
    trick TEXT NOT NULL,                                            -- '' (met), 'rewound', 'rewritten', 'again' (only read anew)
    pos INTEGER NOT NULL,                                           -- the newest place of the era before, 0 for none
    chain BLOB NOT NULL,
    first INTEGER NOT NULL DEFAULT 0,                               -- the first place that is not as it was
    n INTEGER NOT NULL DEFAULT 0                                    -- the newest event here when all was read anew; 0 until then
) STRICT;

-- The places of the era before that are not as they were.
CREATE TABLE IF NOT EXISTS lost_place (
    era INTEGER NOT NULL REFERENCES era,
    pos INTEGER NOT NULL,
    hash BLOB NOT NULL,
    chain BLOB NOT NULL,
    PRIMARY KEY (era, pos)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS lost_chain ON lost_place (chain);

-- What came of the last look at all of a log: how much was wrong, and what first.
CREATE TABLE IF NOT EXISTS audited (
    log TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    problems INTEGER NOT NULL,
    first TEXT NOT NULL
) STRICT, WITHOUT ROWID;
