-- A hold belongs to the question it was claimed for, a card to the thread it was asked in, a lesson's
-- failures are not a run's; and every lookup has an index.
ALTER TABLE messages ADD COLUMN thread TEXT NOT NULL DEFAULT '';      -- the platform's, '' in older rows
ALTER TABLE messages ADD COLUMN held_until TEXT;                      -- an analyst took this question on
ALTER TABLE oncalls DROP COLUMN hold_until;
ALTER TABLE oncalls ADD COLUMN learn_attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE oncalls ADD COLUMN looks INTEGER NOT NULL DEFAULT 0;      -- for a question nobody asked in words

DROP INDEX oncalls_last;
DROP INDEX oncalls_thread;
CREATE INDEX oncalls_thread ON oncalls (tenant, channel, thread, opened_at, id);
CREATE INDEX oncalls_opened ON oncalls (tenant, channel, opened_at, id);
DROP INDEX questions_open;
CREATE INDEX questions_open ON questions (tenant, asked_at) WHERE state = 'open';
CREATE INDEX deliveries_answer ON deliveries (answer);
CREATE INDEX support_oncall ON support (oncall);
CREATE INDEX oncalls_leased ON oncalls (lease_until) WHERE lease_until IS NOT NULL;
