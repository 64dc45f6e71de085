"""From mode and confidence to a decision, with the reason a person can read."""

from __future__ import annotations

from dataclasses import dataclass

from vigilbot.domain import Decision, Mode


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    decision: Decision
    would_post: bool  # everything but the mode spoke for a card
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """In mode ``analysts`` people check each draft, so any answer the engine stands by may be shown.
    ``per_oncall`` bounds the unaccepted cards that stand in one on-call.
    """

    per_oncall: int

    def decide(self, *, mode: Mode, confidence: float, enough: float, standing: int, quiet: bool) -> Verdict:
        """``enough`` is the least confidence (0 to 1) of a card for everyone."""
        if quiet:
            return Verdict(decision=Decision.HOLD, would_post=False, reason="quiet was asked for here")
        if standing >= self.per_oncall:
            return Verdict(
                decision=Decision.HOLD,
                would_post=False,
                reason=f"{standing} unaccepted cards stand in this on-call (cards.per_oncall)",
            )
        sure = confidence >= enough
        if mode is Mode.ANALYSTS:
            return Verdict(
                decision=Decision.ANALYSTS,
                would_post=sure,
                reason=f"mode analysts; confidence {confidence:.2f}",
            )
        if not sure:
            return Verdict(
                decision=Decision.HOLD,
                would_post=False,
                reason=f"confidence {confidence:.2f} is below {enough:.2f}",
            )
        if mode is Mode.LISTEN:
            return Verdict(decision=Decision.HOLD, would_post=True, reason="mode listen: scored, not shown")
        return Verdict(
            decision=Decision.EVERYONE,
            would_post=True,
            reason=f"confidence {confidence:.2f} reaches {enough:.2f}",
        )
