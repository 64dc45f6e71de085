-- Work that was given up after all its tries: operators see it, and have it tried again or dropped.
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,        -- never given out twice: people type it
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,                          -- event | card | click | run | lesson | document
    subject TEXT NOT NULL,                       -- the row it is about; what went wrong stands there
    at TEXT NOT NULL,                            -- given up then, the last time
    UNIQUE (kind, subject)
) STRICT;
INSERT INTO dead_letters (tenant, kind, subject, at)
    SELECT tenant, 'event', id, received_at FROM inbox WHERE state = 'dead';

-- A click whose effect fails is tried again later, and does not hold up the others.
ALTER TABLE feedback ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feedback ADD COLUMN due_at TEXT NOT NULL DEFAULT '';      -- '': at once
ALTER TABLE feedback ADD COLUMN last_error TEXT NOT NULL DEFAULT '';
