"""What an operator is told of a ledger, as named queries. ``since`` bounds what counts as recent."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STATUS: Mapping[str, str] = MappingProxyType(
    {
        "on-calls": "SELECT state, count(*) AS n FROM oncalls GROUP BY state ORDER BY state",
        "questions waiting": "SELECT state, count(*) AS n FROM questions WHERE state = 'open' GROUP BY state",
        "knowledge": "SELECT trust AS state, count(*) AS n FROM knowledge "
        "WHERE valid_to IS NULL AND retracted = 0 GROUP BY trust ORDER BY trust",
        "events": "SELECT state, count(*) AS n FROM inbox GROUP BY state ORDER BY state",
        "cards": "SELECT state, count(*) AS n FROM deliveries WHERE due_at >= :since "
        "GROUP BY state ORDER BY state",
        "outcomes": "SELECT outcome AS state, count(*) AS n FROM answers "
        "WHERE outcome_at >= :since AND outcome IS NOT NULL GROUP BY outcome ORDER BY outcome",
    }
)
"""Counts by state: the current ones first, then those since ``since``."""

FALLBACKS = (
    "SELECT count(*) AS runs, coalesce(sum(json_type(trace, '$.fallbacks') IS NOT NULL), 0) AS fell_back, "
    "(SELECT json_extract(trace, '$.fallbacks[0]') FROM runs WHERE at >= :since "
    "AND json_type(trace, '$.fallbacks') IS NOT NULL ORDER BY at DESC LIMIT 1) AS last "
    "FROM runs WHERE at >= :since"
)
"""Runs, those that made a judgement without the language model, and why the last of them did."""

RETENTION = "SELECT ran_at, going, removed FROM upkeep WHERE work = 'retention'"
"""When retention last came to its end, whether it is at it, and how much of what it removed (JSON)."""

MODELS = (
    "SELECT model, count(*) AS calls, coalesce(sum(error != ''), 0) AS failed, "
    "total(CASE WHEN cached THEN 0 ELSE cost END) AS paid, "
    "max(CASE WHEN error != '' THEN error END) AS error "
    "FROM model_calls WHERE at >= :since GROUP BY model ORDER BY model"
)
"""Requests to each language model, how many failed, US dollars, and one of the errors."""
