-- Runs that are due, channel by channel: a flood in one channel must not hold up the others.
CREATE INDEX oncalls_turn ON oncalls (tenant, channel, run_at, id) WHERE run_at IS NOT NULL;
-- Events that were taken in and may be forgotten, and those that never could be.
CREATE INDEX inbox_done ON inbox (received_at, id) WHERE state = 'done';
CREATE INDEX inbox_dead ON inbox (received_at, id) WHERE state = 'dead';
-- What monitoring counts every few seconds: without reading traces and texts.
CREATE INDEX oncalls_state ON oncalls (state);
CREATE INDEX runs_result ON runs (result);
CREATE INDEX deliveries_state ON deliveries (state);
CREATE INDEX answers_outcome ON answers (outcome) WHERE outcome IS NOT NULL;
CREATE INDEX knowledge_operation ON knowledge (operation);
