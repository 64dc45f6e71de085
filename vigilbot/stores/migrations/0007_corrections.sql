-- A card stands on knowledge that was taken back or says something else now: a correction is owed there.
CREATE TABLE corrections (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    oncall TEXT NOT NULL REFERENCES oncalls (id),
    answer TEXT NOT NULL REFERENCES answers (id),
    thread TEXT NOT NULL,                        -- where the card stands
    entry TEXT NOT NULL,
    used INTEGER NOT NULL,                       -- the revision the card was made of
    revision INTEGER NOT NULL,                   -- the one that says otherwise
    found_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'owed',          -- owed | due | sent | dropped | failed
    post TEXT NOT NULL DEFAULT '',               -- key of the message that says it; one a thread
    due_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    decided_by TEXT NOT NULL DEFAULT '',
    decided_at TEXT,
    ts TEXT NOT NULL DEFAULT '',
    UNIQUE (answer, entry, revision)
) STRICT;
CREATE INDEX corrections_owed ON corrections (found_at, id) WHERE state = 'owed';
CREATE INDEX corrections_due ON corrections (due_at) WHERE state = 'due';
CREATE INDEX deliveries_sent ON deliveries (sent_at) WHERE state = 'sent';
CREATE INDEX knowledge_actor ON knowledge (actor, valid_from);
