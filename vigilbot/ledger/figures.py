"""What monitoring is told of a ledger, as named queries: what waits, and what has been done so far."""

from __future__ import annotations

WAITING = (
    "SELECT count(*) AS events, min(received_at) AS oldest, coalesce(max(attempts), 0) AS attempts "
    "FROM inbox WHERE state = 'new'"
)
"""Events that are durable and not yet taken in."""

UNKNOWN = "SELECT count(*) AS n FROM deliveries WHERE state = 'due' AND attempts > 0 AND shown != ''"
"""Cards that were sent and of which nothing was heard: they are looked up before they are sent again."""

COUNTS = (
    "SELECT 'events' AS name, label, n FROM (WITH known AS (SELECT "
    "(SELECT coalesce(max(id), 0) FROM inbox) AS received, "
    "(SELECT count(*) FROM inbox WHERE state = 'new') AS fresh, "
    "(SELECT count(*) FROM inbox WHERE state = 'dead') AS dead) "
    "SELECT 'new' AS label, fresh AS n FROM known UNION ALL SELECT 'dead', dead FROM known "
    "UNION ALL SELECT 'done', received - fresh - dead FROM known) UNION ALL "
    "SELECT 'oncalls', state, count(*) FROM oncalls GROUP BY state UNION ALL "
    "SELECT 'runs', result, count(*) FROM runs GROUP BY result UNION ALL "
    "SELECT 'deliveries', state, count(*) FROM deliveries GROUP BY state UNION ALL "
    "SELECT 'outcomes', outcome, count(*) FROM answers WHERE outcome IS NOT NULL GROUP BY outcome UNION ALL "
    "SELECT 'knowledge', trust, count(*) FROM knowledge WHERE valid_to IS NULL AND retracted = 0 "
    "GROUP BY trust UNION ALL "
    "SELECT 'operations', operation, count(*) FROM knowledge GROUP BY operation UNION ALL "
    "SELECT 'requests', state, count(*) FROM requests GROUP BY state"
)
"""(name, label, n): everything that is counted by a kind. Events that were forgotten are counted on: the
newest stays, and ids are given out one after the other."""

STAGES = (
    "WITH newest AS (SELECT trace FROM runs ORDER BY rowid DESC LIMIT 200) "
    "SELECT t.key AS stage, t.value AS ms FROM newest, json_each(newest.trace, '$.timings_ms') t "
    "ORDER BY stage, ms"
)
"""(stage, ms) of the last 200 runs, ordered."""

MODEL_CALLS = (
    "SELECT model, error != '' AS failed, count(*) AS n, "
    "total(CASE WHEN cached THEN 0 ELSE cost END) AS paid, "
    "total(CASE WHEN cached THEN 0 ELSE tokens_in END) AS tokens_in, "
    "total(CASE WHEN cached THEN 0 ELSE tokens_out END) AS tokens_out "
    "FROM model_calls GROUP BY model, failed"
)
