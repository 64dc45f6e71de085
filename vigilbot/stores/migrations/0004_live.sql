-- What a live platform needs: channels the bot is a member of, who is who by an operator's word, what
-- somebody asked the bot directly, and drafts that analysts post, edit or dismiss.

ALTER TABLE channels ADD COLUMN member INTEGER NOT NULL DEFAULT 0;    -- the bot is in it
ALTER TABLE channels ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN direct INTEGER NOT NULL DEFAULT 0;    -- a direct message to the bot
ALTER TABLE channels ADD COLUMN inviter TEXT NOT NULL DEFAULT '';
ALTER TABLE channels ADD COLUMN greeting TEXT NOT NULL DEFAULT '';    -- '' | due | sent | refused
ALTER TABLE channels ADD COLUMN greeting_ts TEXT NOT NULL DEFAULT '';
ALTER TABLE channels ADD COLUMN greeting_tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN greeting_due TEXT;
ALTER TABLE channels ADD COLUMN paused_until TEXT;                    -- no cards until then
ALTER TABLE channels ADD COLUMN gap_from TEXT;                        -- read again from here; NULL: no gap
CREATE INDEX channels_greeting ON channels (greeting_due) WHERE greeting = 'due';

CREATE TABLE roster (
    tenant TEXT NOT NULL,
    user TEXT NOT NULL,
    role TEXT NOT NULL,                          -- analyst | customer | operator
    name TEXT NOT NULL DEFAULT '',               -- as the platform knew the person then
    actor TEXT NOT NULL,
    actor_name TEXT NOT NULL DEFAULT '',
    at TEXT NOT NULL,
    PRIMARY KEY (tenant, user, role)
) STRICT;

CREATE TABLE requests (
    id TEXT PRIMARY KEY,                         -- of the message that addressed the bot
    tenant TEXT NOT NULL,
    channel TEXT NOT NULL,
    thread TEXT NOT NULL,
    user TEXT NOT NULL,
    body TEXT NOT NULL,                          -- the event
    state TEXT NOT NULL DEFAULT 'due',           -- due | replied | given_up
    due_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    reply_ts TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX requests_due ON requests (due_at) WHERE state = 'due';

ALTER TABLE deliveries ADD COLUMN text TEXT;                          -- an analyst's edit; NULL: as answered
ALTER TABLE deliveries ADD COLUMN posted_by TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN readers TEXT NOT NULL DEFAULT '[]'; -- who saw the draft
ALTER TABLE deliveries ADD COLUMN shown TEXT NOT NULL DEFAULT '';     -- digest of what the card shows
ALTER TABLE deliveries ADD COLUMN refresh_at TEXT;                    -- due: the card no longer says the truth
CREATE INDEX deliveries_refresh ON deliveries (refresh_at) WHERE refresh_at IS NOT NULL;
CREATE INDEX deliveries_ts ON deliveries (tenant, ts) WHERE ts != '';
ALTER TABLE feedback ADD COLUMN actor_name TEXT NOT NULL DEFAULT '';     -- as the platform knew them then
CREATE INDEX messages_author ON messages (tenant, author, at);
CREATE INDEX messages_channel ON messages (tenant, channel, at);
CREATE INDEX audit_subject ON audit (tenant, subject, action, at);
