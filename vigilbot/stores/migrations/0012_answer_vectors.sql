-- The vectors of what entries say, beside those by which they are found: computed once, not at every start.
CREATE TABLE answer_vectors (
    entry TEXT NOT NULL,
    model TEXT NOT NULL,
    mark BLOB NOT NULL,                          -- digest of the text that the vector is of
    vector BLOB NOT NULL,                        -- float32, little endian
    PRIMARY KEY (entry, model, mark)
) STRICT;
-- Whatever takes an entry's words away or changes them drops or renews its vector, and with it these.
CREATE TRIGGER answer_vectors_dropped AFTER DELETE ON embeddings BEGIN
    DELETE FROM answer_vectors WHERE entry = old.entry;
END;
CREATE TRIGGER answer_vectors_renewed AFTER UPDATE ON embeddings WHEN old.revision != new.revision BEGIN
    DELETE FROM answer_vectors WHERE entry = old.entry;
END;
