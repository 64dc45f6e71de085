-- Edits may arrive in another order than they were made in: an older one changes nothing.
ALTER TABLE messages ADD COLUMN edited_at TEXT;
