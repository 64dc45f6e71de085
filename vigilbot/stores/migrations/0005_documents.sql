-- Documents: what was shared or added, what came of it, and which entries of the knowledge base are their parts.
CREATE TABLE documents (
    id TEXT PRIMARY KEY,                         -- derived from tenant, space and key
    tenant TEXT NOT NULL,
    space TEXT NOT NULL,
    key TEXT NOT NULL,                           -- canonical URL; of a file 'file:' and its path
    url TEXT NOT NULL,                           -- where it is fetched; '' for a file
    title TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,                         -- asked | due | indexed | refused | gone | ignored
    due_at TEXT,                                 -- fetched, or indexed where there is a body; NULL: left alone
    attempts INTEGER NOT NULL DEFAULT 0,
    missing INTEGER NOT NULL DEFAULT 0,          -- times in a row that an indexed page was not to be had
    last_error TEXT NOT NULL DEFAULT '',
    etag TEXT NOT NULL DEFAULT '',
    last_modified TEXT NOT NULL DEFAULT '',
    hash TEXT NOT NULL DEFAULT '',               -- of what was indexed last
    body TEXT,                                   -- read, not indexed yet
    chunks INTEGER NOT NULL DEFAULT 0,
    trust TEXT NOT NULL,
    added_by TEXT NOT NULL,                      -- who shared it, or the operator
    added_at TEXT NOT NULL,
    oncall TEXT NOT NULL DEFAULT '',             -- where it was shared
    message TEXT NOT NULL DEFAULT '',
    fetched_at TEXT,                             -- looked at, whatever came of it
    changed_at TEXT,                             -- indexed with other words than before
    UNIQUE (tenant, space, key)
) STRICT;
CREATE INDEX documents_due ON documents (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX documents_url ON documents (tenant, url);

CREATE TABLE document_chunks (
    entry TEXT PRIMARY KEY,
    document TEXT NOT NULL REFERENCES documents (id),
    place INTEGER NOT NULL                       -- in the document, from 0
) STRICT;
CREATE INDEX document_chunks_document ON document_chunks (document, place);

CREATE TABLE document_hosts (
    tenant TEXT NOT NULL,
    host TEXT NOT NULL,
    rule TEXT NOT NULL,                          -- learn | ask | ignore
    actor TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (tenant, host)
) STRICT;
