-- What is derived from the events so that questions stay fast; dropped and rebuilt from them
-- whenever INDEX_VERSION changes. It is the same in whatever order the events came.
--
-- hlc is the clock by which entries are ordered: the event's own, but not later than a minute after an
-- upstream received it. hash (of the event) decides between equal clocks.

-- One row a line of `opskit log`: a rollout or a run of a runbook (all its events), or an event that stands alone (a
-- note, a kind we do not know).
CREATE TABLE entry (
    id INTEGER PRIMARY KEY,                     -- event.n of the event of it that was stored first
    rollout TEXT UNIQUE,                        -- the claim, see `claims.py`; NULL for an event that stands alone
    kind TEXT NOT NULL,                         -- 'rollout', 'runbook' (a run of one), 'note', or the unknown kind; 'gone' for a recovery that is not needed
    action TEXT NOT NULL,
    service TEXT NOT NULL,
    environment TEXT NOT NULL,
    actor TEXT NOT NULL,
    at_ms INTEGER NOT NULL,                     -- the writer's wall clock, set right as far as that is known
    hlc INTEGER NOT NULL,
    hash BLOB NOT NULL,                         -- the event that all this is from
    rank INTEGER NOT NULL,                      -- 2 if that is the start of the rollout, or the run, 1 a recovery, 0 any other
    outcome TEXT NOT NULL,                      -- '' until a finished event came
    settled INTEGER NOT NULL,                   -- hlc of that finished event
    owes INTEGER NOT NULL DEFAULT 1,            -- 0 if that says that nothing of a run is left to be undone
    owes_by TEXT NOT NULL DEFAULT ''            -- whose word that is: a writer cannot know what others did meanwhile
) STRICT;

-- How entries are gone through from the newest on, whatever is wanted of them; see `filtering.py`.
CREATE INDEX entry_hlc ON entry (hlc, hash, kind, action, service, environment, actor, outcome, at_ms, rollout);

-- How few are found among many.
CREATE INDEX entry_service ON entry (service);

CREATE INDEX entry_environment ON entry (environment);

CREATE INDEX entry_actor ON entry (actor);

CREATE INDEX entry_action ON entry (iif(kind = 'rollout', action, kind));

CREATE INDEX entry_outcome ON entry (outcome) WHERE outcome <> 'done' AND kind IN ('rollout', 'runbook');

-- Those whose clock runs ahead of their time: a writer's clock was wrong once and never goes back.
CREATE INDEX entry_ahead ON entry ((hlc >> 16) - at_ms) WHERE (hlc >> 16) - at_ms > 1000;

CREATE TABLE touched (
    host TEXT NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (host, entry)
) STRICT, WITHOUT ROWID;

-- What entries are about, beside their columns: see `found.about`.
CREATE TABLE about (
    what TEXT NOT NULL,
    name TEXT NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (what, name, entry)
) STRICT, WITHOUT ROWID;

CREATE INDEX about_entry ON about (entry);

-- Who went on with the run of another writer, and the number of the event that says so first: what that one says later counts.
CREATE TABLE joined (
    run TEXT NOT NULL,                          -- the claim
    writer TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (run, writer)
) STRICT, WITHOUT ROWID;

-- Which rollouts say that they took a host out of a load balancer: as this server of this backend of that one.
CREATE TABLE drained (
    host TEXT NOT NULL,
    at TEXT NOT NULL,
    backend TEXT NOT NULL,
    server TEXT NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (host, at, backend, server, entry)
) STRICT, WITHOUT ROWID;

-- Every release that a rollout is known to have left live on a host.
CREATE TABLE result (
    service TEXT NOT NULL,
    environment TEXT NOT NULL,
    host TEXT NOT NULL,
    hlc INTEGER NOT NULL,
    hash BLOB NOT NULL,
    release TEXT NOT NULL,
    rollout TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    changed INTEGER NOT NULL,                   -- 1 if the rollout says that the host ran another one before
    PRIMARY KEY (service, environment, host, hlc, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE known_release (
    rollout TEXT NOT NULL,                      -- the claim that says so
    release TEXT NOT NULL,
    revision TEXT NOT NULL,
    label TEXT NOT NULL,
    PRIMARY KEY (rollout, release)
) STRICT, WITHOUT ROWID;

CREATE INDEX known_release_folder ON known_release (release);

-- Who acted, each once: a part of a name is looked for among few.
CREATE TABLE actor (
    actor TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- What people search for, by the number of the event that it stands in.
CREATE VIRTUAL TABLE words USING fts5 (said, tokenize = "unicode61 remove_diacritics 2");

-- The entry that an event belongs to in which something can be searched.
CREATE TABLE said (
    n INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL
) STRICT;

CREATE INDEX said_entry ON said (entry);

-- Events that this opskit could not take in, and why.
CREATE TABLE unread (
    n INTEGER PRIMARY KEY,
    why TEXT NOT NULL
) STRICT;

-- Claims of which a body was taken away in this transaction: they are told again at its end.
CREATE TABLE stale (
    claim TEXT PRIMARY KEY,
    rollout TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE index_version (version INTEGER NOT NULL) STRICT;
