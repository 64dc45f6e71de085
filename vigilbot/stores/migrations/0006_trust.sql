-- Trust and spaces: entries that answer one question differently, and what was shared from which entry.
CREATE TABLE contradictions (
    tenant TEXT NOT NULL,
    first TEXT NOT NULL,                         -- the entry that was there
    second TEXT NOT NULL,                        -- the one that arrived
    oncall TEXT NOT NULL,                        -- where the second was learned
    difference TEXT NOT NULL,                    -- negation, number, ...; '' when just something else
    at TEXT NOT NULL,
    dismissed_by TEXT NOT NULL DEFAULT '',       -- the operator who said that both hold
    PRIMARY KEY (first, second)
) STRICT;
CREATE INDEX contradictions_second ON contradictions (second);

CREATE TABLE shares (
    copy TEXT NOT NULL,                          -- the entry everybody may see
    original TEXT NOT NULL,                      -- the one it was made from, in a space of its own
    revision INTEGER NOT NULL,                   -- of the original
    tenant TEXT NOT NULL,
    actor TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (copy, original)
) STRICT;
CREATE INDEX shares_original ON shares (original);
