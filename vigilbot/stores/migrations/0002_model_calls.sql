-- Every request to a language model: what it was for, what it cost, why it was of no use.
CREATE TABLE model_calls (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    channel TEXT NOT NULL,
    oncall TEXT NOT NULL,
    run TEXT NOT NULL DEFAULT '',                -- '' for lessons and for runs that came to nothing
    stage TEXT NOT NULL,                         -- identify | rewrite | answer | review | extract
    model TEXT NOT NULL,
    at TEXT NOT NULL,
    ms REAL NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    cost REAL,                                   -- US dollars; NULL where the price is not known
    cached INTEGER NOT NULL,                     -- from a file: cost nothing now
    error TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX model_calls_at ON model_calls (tenant, at);
CREATE INDEX model_calls_run ON model_calls (run) WHERE run != '';
