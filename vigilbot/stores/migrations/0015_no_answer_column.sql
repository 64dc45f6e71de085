-- An answer's vector was never kept here: those of entries are in answer_vectors.
ALTER TABLE answers DROP COLUMN vector;
