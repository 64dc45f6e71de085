-- Analysts are asked about customers' links; what a page teaches wakes questions that wait.
ALTER TABLE documents ADD COLUMN ask_at TEXT;                 -- analysts are to be asked then; NULL: no more
ALTER TABLE documents ADD COLUMN ask_tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN wakes_since TEXT;            -- what it says since then has woken nobody yet
CREATE INDEX documents_ask ON documents (ask_at) WHERE ask_at IS NOT NULL;
CREATE INDEX documents_wakes ON documents (wakes_since) WHERE wakes_since IS NOT NULL;
