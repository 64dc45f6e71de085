-- The ledger: every fact the bot knows. Times are UTC text of fixed width, so they sort as text.
-- Tenant stands in every table. JSON columns hold lists or objects written by the ledger only.

CREATE TABLE inbox (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    natural_key TEXT NOT NULL,
    body TEXT NOT NULL,
    received_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'new',          -- new | done | dead
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at TEXT NOT NULL,
    last_error TEXT NOT NULL DEFAULT '',
    UNIQUE (tenant, key),
    UNIQUE (tenant, natural_key)
) STRICT;
CREATE INDEX inbox_due ON inbox (due_at, id) WHERE state = 'new';

CREATE TABLE channels (
    tenant TEXT NOT NULL,
    channel TEXT NOT NULL,
    name TEXT NOT NULL,
    external INTEGER NOT NULL,
    private INTEGER NOT NULL,
    space TEXT NOT NULL,
    mode TEXT,                                   -- NULL: the configured default
    scope TEXT,                                  -- NULL: the configured statement
    watched INTEGER NOT NULL DEFAULT 1,
    watermark TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, channel)
) STRICT;

CREATE TABLE oncalls (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    channel TEXT NOT NULL,
    thread TEXT NOT NULL,
    state TEXT NOT NULL,                         -- waiting | open | closed
    customer TEXT NOT NULL DEFAULT '',
    opened_at TEXT NOT NULL,
    joined_at TEXT,                              -- a human analyst or peer intervened
    gate_reason TEXT NOT NULL DEFAULT '',
    last_at TEXT NOT NULL,
    close_at TEXT,                               -- due: closes by inactivity
    closed_at TEXT,
    close_reason TEXT NOT NULL DEFAULT '',
    run_at TEXT,                                 -- due: uncovered customer messages
    run_attempts INTEGER NOT NULL DEFAULT 0,
    hold_until TEXT,                             -- an analyst said "I'm on it"
    learn_at TEXT,                               -- due: extraction and review
    lease_until TEXT,
    last_error TEXT NOT NULL DEFAULT '',
    quiet INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX oncalls_run ON oncalls (run_at) WHERE run_at IS NOT NULL;
CREATE INDEX oncalls_close ON oncalls (close_at) WHERE close_at IS NOT NULL;
CREATE INDEX oncalls_learn ON oncalls (learn_at) WHERE learn_at IS NOT NULL;
CREATE INDEX oncalls_thread ON oncalls (tenant, channel, thread);
CREATE INDEX oncalls_last ON oncalls (tenant, channel, last_at);

CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    channel TEXT NOT NULL,
    oncall TEXT NOT NULL REFERENCES oncalls (id),
    ts TEXT NOT NULL,
    at TEXT NOT NULL,
    author TEXT NOT NULL,
    author_name TEXT NOT NULL DEFAULT '',
    role TEXT NOT NULL,
    rule TEXT NOT NULL,                          -- which role rule fired
    text TEXT NOT NULL,
    images TEXT NOT NULL DEFAULT '[]',
    version INTEGER NOT NULL DEFAULT 1,
    deleted INTEGER NOT NULL DEFAULT 0,
    run TEXT                                     -- the run that covered it; customers' only
) STRICT;
CREATE INDEX messages_oncall ON messages (oncall, at, ts);

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    oncall TEXT NOT NULL REFERENCES oncalls (id),
    purpose TEXT NOT NULL,                       -- customer | standing
    at TEXT NOT NULL,
    through TEXT NOT NULL,                       -- the dialogue it saw ends here
    triggers TEXT NOT NULL,
    scope TEXT NOT NULL,
    within REAL NOT NULL,
    result TEXT NOT NULL,
    mode TEXT NOT NULL,
    trace TEXT NOT NULL
) STRICT;
CREATE INDEX runs_oncall ON runs (oncall, at);

CREATE TABLE questions (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    oncall TEXT NOT NULL REFERENCES oncalls (id),
    run TEXT NOT NULL,
    space TEXT NOT NULL,
    text TEXT NOT NULL,
    terms TEXT NOT NULL DEFAULT '[]',
    message_ids TEXT NOT NULL,
    asker TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    state TEXT NOT NULL,                         -- open | answered | resolved | unresolved
    resolved_at TEXT,                            -- when a human gave the resolution
    resolution_ids TEXT NOT NULL DEFAULT '[]',
    entry TEXT NOT NULL DEFAULT '',              -- what was learned from it
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    standing_at TEXT,                            -- due: another on-call taught something close
    standing_seq INTEGER NOT NULL DEFAULT 0,
    vector BLOB
) STRICT;
CREATE INDEX questions_oncall ON questions (oncall, asked_at);
CREATE INDEX questions_open ON questions (tenant, space, state);
CREATE INDEX questions_standing ON questions (standing_at) WHERE standing_at IS NOT NULL;

CREATE TABLE answers (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    oncall TEXT NOT NULL REFERENCES oncalls (id),
    run TEXT NOT NULL REFERENCES runs (id),
    question TEXT NOT NULL REFERENCES questions (id),
    at TEXT NOT NULL,
    result TEXT NOT NULL,
    mode TEXT NOT NULL,
    audience TEXT NOT NULL,                      -- everyone | analysts | hold
    would_post INTEGER NOT NULL,
    confidence REAL NOT NULL,
    features TEXT NOT NULL,
    text TEXT NOT NULL,
    passages TEXT NOT NULL,                      -- every candidate with revision and scores
    leaned TEXT NOT NULL,                        -- [[entry, revision], ...] the answer rests on
    citations TEXT NOT NULL,
    reason TEXT NOT NULL,
    vector BLOB,
    review_seen TEXT NOT NULL DEFAULT '',        -- reviewed through this message time
    review_attempts INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    outcome_at TEXT
) STRICT;
CREATE INDEX answers_oncall ON answers (oncall, at);
CREATE INDEX answers_question ON answers (question);

CREATE TABLE deliveries (
    key TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    oncall TEXT NOT NULL REFERENCES oncalls (id),
    answer TEXT NOT NULL REFERENCES answers (id),
    audience TEXT NOT NULL,
    state TEXT NOT NULL,                         -- due | sent | beaten_by_human | skipped | withdrawn
    due_at TEXT NOT NULL,
    stale_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    sent_at TEXT,
    ts TEXT NOT NULL DEFAULT '',
    accepted_by TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 'due';
CREATE INDEX deliveries_oncall ON deliveries (oncall, state);

CREATE TABLE feedback (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    answer TEXT NOT NULL REFERENCES answers (id),
    actor TEXT NOT NULL,
    role TEXT NOT NULL,
    kind TEXT NOT NULL,                          -- accept | withdraw
    subject TEXT NOT NULL DEFAULT '',
    at TEXT NOT NULL,
    applied_at TEXT,
    UNIQUE (answer, actor, kind, subject)
) STRICT;
CREATE INDEX feedback_owed ON feedback (id) WHERE applied_at IS NULL;

CREATE TABLE knowledge (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    entry TEXT NOT NULL,
    revision INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    space TEXT NOT NULL,
    channel TEXT NOT NULL,                       -- where it was learned; '' for imports
    kind TEXT NOT NULL,                          -- qa | chunk
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    precondition TEXT NOT NULL DEFAULT '',
    citations TEXT NOT NULL,
    trust TEXT NOT NULL,
    visibility TEXT NOT NULL DEFAULT 'space',
    learned_from TEXT NOT NULL,                  -- on-call; '' for imports
    message_ids TEXT NOT NULL,
    operation TEXT NOT NULL,                     -- learn | accept | revise | retract | undo | import | verify
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    valid_from TEXT NOT NULL,
    valid_to TEXT,
    retracted INTEGER NOT NULL DEFAULT 0,        -- this revision is a tombstone
    expires_at TEXT,
    UNIQUE (entry, revision)
) STRICT;
CREATE INDEX knowledge_current ON knowledge (tenant, entry) WHERE valid_to IS NULL;
CREATE INDEX knowledge_learned ON knowledge (learned_from);

CREATE TABLE support (
    entry TEXT NOT NULL,
    oncall TEXT NOT NULL,
    kind TEXT NOT NULL,
    tenant TEXT NOT NULL,
    channel TEXT NOT NULL,
    customer TEXT NOT NULL,
    question TEXT NOT NULL DEFAULT '',           -- how the question was put there
    at TEXT NOT NULL,
    PRIMARY KEY (entry, oncall, kind)
) STRICT;
CREATE INDEX support_channel ON support (tenant, channel);

CREATE TABLE embeddings (
    key TEXT NOT NULL,                           -- entry, or entry + '#' + on-call for another phrasing
    model TEXT NOT NULL,
    tenant TEXT NOT NULL,
    entry TEXT NOT NULL,
    revision INTEGER NOT NULL,
    space TEXT NOT NULL,
    vector BLOB NOT NULL,                        -- float32, little endian
    PRIMARY KEY (key, model)
) STRICT;
CREATE INDEX embeddings_entry ON embeddings (entry);

CREATE TABLE reviews (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    answer TEXT NOT NULL REFERENCES answers (id),
    through TEXT NOT NULL,
    verdict TEXT NOT NULL,
    agreed INTEGER NOT NULL,
    message_ids TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (answer, through)
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
) STRICT;

-- One row per current knowledge revision (rowid = knowledge.seq); tokens come from vigilbot.text.
CREATE VIRTUAL TABLE lexical USING fts5(tokens, tokenize = 'ascii');
CREATE VIRTUAL TABLE lexical_terms USING fts5vocab(lexical, row);
