"""From mode, confidence and what stands already to a decision."""

from __future__ import annotations

import pytest

from vigilbot.autonomy.gate import Gate
from vigilbot.domain import Decision, Mode

GATE = Gate(per_oncall=2)


@pytest.mark.parametrize(
    ("mode", "confidence", "standing", "quiet", "decision", "would_post"),
    [
        (Mode.EVERYONE, 0.7, 0, False, Decision.EVERYONE, True),
        (Mode.EVERYONE, 0.69, 0, False, Decision.HOLD, False),
        (Mode.EVERYONE, 1.0, 1, False, Decision.EVERYONE, True),
        (Mode.EVERYONE, 1.0, 2, False, Decision.HOLD, False),
        (Mode.EVERYONE, 1.0, 0, True, Decision.HOLD, False),
        (Mode.LISTEN, 0.9, 0, False, Decision.HOLD, True),
        (Mode.LISTEN, 0.1, 0, False, Decision.HOLD, False),
        (Mode.ANALYSTS, 0.9, 0, False, Decision.ANALYSTS, True),
        (Mode.ANALYSTS, 0.1, 0, False, Decision.ANALYSTS, False),
        (Mode.ANALYSTS, 0.9, 2, False, Decision.HOLD, False),
    ],
)
def test_decides(
    mode: Mode, confidence: float, standing: int, quiet: bool, decision: Decision, would_post: bool
) -> None:
    verdict = GATE.decide(mode=mode, confidence=confidence, enough=0.7, standing=standing, quiet=quiet)
    assert (verdict.decision, verdict.would_post) == (decision, would_post)
    assert verdict.reason


def test_no_cards_at_all() -> None:
    verdict = Gate(per_oncall=0).decide(
        mode=Mode.EVERYONE, confidence=1.0, enough=0.0, standing=0, quiet=False
    )
    assert verdict.decision is Decision.HOLD
