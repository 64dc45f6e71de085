-- What an answer comes down to (a document's address, else an entry), so that what became of the same before is found.
ALTER TABLE answers ADD COLUMN proposal TEXT NOT NULL DEFAULT '';
CREATE INDEX answers_proposal ON answers (tenant, proposal, at) WHERE proposal != '';
-- The newest judged answers, from which the confidence for a wanted share of right cards is found.
CREATE INDEX answers_judged ON answers (tenant, outcome_at) WHERE outcome IS NOT NULL;
