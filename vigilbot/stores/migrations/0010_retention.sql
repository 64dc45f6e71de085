-- What people wrote is not kept for ever: which on-calls were emptied already, and when the next round is due.
ALTER TABLE oncalls ADD COLUMN messages_gone TEXT;             -- what was written in it was removed then
ALTER TABLE oncalls ADD COLUMN traces_gone TEXT;               -- the traces of its runs were removed then
CREATE INDEX oncalls_messages ON oncalls (last_at, id) WHERE state = 'closed' AND messages_gone IS NULL;
CREATE INDEX oncalls_traces ON oncalls (last_at, id) WHERE state = 'closed' AND traces_gone IS NULL;
CREATE INDEX requests_kept ON requests (due_at) WHERE state != 'due' AND body != '{}';
CREATE INDEX model_calls_failed ON model_calls (oncall) WHERE error != '';

CREATE TABLE upkeep (
    work TEXT PRIMARY KEY,                       -- retention
    due_at TEXT NOT NULL,
    ran_at TEXT,                                 -- came to its end then, the last time
    going INTEGER NOT NULL DEFAULT 0,            -- begun and not at its end: removed is not complete
    removed TEXT NOT NULL DEFAULT '{}'           -- how much of what, in the last round
) STRICT;
