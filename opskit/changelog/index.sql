-- What is derived from the events so that questions stay fast; dropped and rebuilt from them
-- whenever INDEX_VERSION changes.

-- One row a line of `opskit log`: a rollout (all its events), or an event that stands alone (a
-- note, a kind we do not know).
CREATE TABLE entry (
    id INTEGER PRIMARY KEY,                     -- event.n of the first event
    rollout TEXT UNIQUE,                        -- NULL for an event that stands alone
    kind TEXT NOT NULL,                         -- 'rollout', 'note', or the unknown kind
    action TEXT NOT NULL,
    service TEXT NOT NULL,
    environment TEXT NOT NULL,
    actor TEXT NOT NULL,
    at_ms INTEGER NOT NULL,                     -- the writer's wall clock
    hlc INTEGER NOT NULL,
    outcome TEXT NOT NULL,                      -- '' until a finished event came
    settled INTEGER NOT NULL                    -- hlc of that finished event
) STRICT;

CREATE INDEX entry_hlc ON entry (hlc);

CREATE INDEX entry_service ON entry (service, hlc);

CREATE TABLE touched (
    host TEXT NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (host, entry)
) STRICT, WITHOUT ROWID;

-- What runs where, and the rollout that made it so: the first of those that found it so ever since.
CREATE TABLE live (
    service TEXT NOT NULL,
    environment TEXT NOT NULL,
    host TEXT NOT NULL,
    release TEXT NOT NULL,
    rollout TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    hlc INTEGER NOT NULL,
    PRIMARY KEY (service, environment, host)
) STRICT, WITHOUT ROWID;

CREATE TABLE known_release (
    service TEXT NOT NULL,
    environment TEXT NOT NULL,
    release TEXT NOT NULL,
    revision TEXT NOT NULL,
    label TEXT NOT NULL,
    PRIMARY KEY (service, environment, release)
) STRICT, WITHOUT ROWID;

CREATE TABLE index_version (version INTEGER NOT NULL) STRICT;
