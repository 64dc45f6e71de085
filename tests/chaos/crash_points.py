"""Places in the life of an event, a card, a click and a lesson at which a process is killed.

Named ``what: before`` or ``what: after``; the product knows nothing of them. Where a call is awaited, *after*
is when it has come to its end and nobody has been told yet. Last comes what somebody does to lead there.
"""

from __future__ import annotations

from collections.abc import Mapping

POINTS: Mapping[str, tuple[str, str, str]] = {
    # an event comes in
    "event taken: before": ("vigilbot.platforms.slack", "SlackAdapter._take", "ask"),
    "event written: before": ("vigilbot.serve.door", "Door.receive", "ask"),
    "event written: after": ("vigilbot.serve.door", "Door.receive", "ask"),
    "event acknowledged: before": ("vigilbot.platforms.slack_socket", "send_async_response", "ask"),
    "event acknowledged: after": ("vigilbot.platforms.slack_socket", "send_async_response", "ask"),
    # the ledger
    "commit: before": ("vigilbot.stores.sqlite", "_together", "ask"),
    "commit: after": ("vigilbot.stores.sqlite", "_together", "ask"),
    # it becomes a message
    "intake: before": ("vigilbot.intake", "Intake._take_in", "ask"),
    "names asked for: after": ("vigilbot.intake", "Intake._completed", "ask"),
    "on-call found: after": ("vigilbot.oncalls", "OnCalls.ingest", "ask"),
    "intake: after": ("vigilbot.intake", "Intake._take_in", "ask"),
    # a run
    "lease: after": ("vigilbot.turns", "Turns.claimed", "ask"),
    "run: before": ("vigilbot.bot", "Bot.run", "ask"),
    "identified: after": ("vigilbot.engines.fallback", "FallbackEngine.identify", "ask"),
    "rewritten: after": ("vigilbot.engines.fallback", "FallbackEngine.rewrite", "ask"),
    "answer: before": ("vigilbot.engines.fallback", "FallbackEngine.answer", "ask"),
    "answer: after": ("vigilbot.engines.fallback", "FallbackEngine.answer", "ask"),
    "recorded: after": ("vigilbot.bot", "Bot.record", "ask"),
    "run: after": ("vigilbot.bot", "Bot.run", "ask"),
    # a card
    "delivery: before": ("vigilbot.delivery", "Delivery.deliver", "ask"),
    "re-check: after": ("vigilbot.delivery", "Delivery.obstacle", "ask"),
    "post: before": ("vigilbot.platforms.slack_posting", "SlackPosting._said", "ask"),
    "post: after": ("vigilbot.platforms.slack_posting", "SlackPosting._said", "ask"),
    "looked for: before": ("vigilbot.platforms.slack_posting", "SlackPosting._found", "ask"),
    "looked for: after": ("vigilbot.platforms.slack_posting", "SlackPosting._found", "ask"),
    "delivery: after": ("vigilbot.delivery", "Delivery.deliver", "ask"),
    "card redrawn: before": ("vigilbot.delivery", "Delivery._redraw", "accept"),
    "card redrawn: after": ("vigilbot.delivery", "Delivery._redraw", "accept"),
    # a click
    "click: before": ("vigilbot.serve.door", "Door.act", "accept"),
    "click written: after": ("vigilbot.clicks", "Clicks._take", "accept"),
    "click: after": ("vigilbot.serve.door", "Door.act", "accept"),
    "click applied: before": ("vigilbot.learning.lessons", "Lessons.accept", "accept"),
    "support: before": ("vigilbot.knowledge", "Knowledge.support", "accept"),
    "support: after": ("vigilbot.knowledge", "Knowledge.support", "accept"),
    "click applied: after": ("vigilbot.learning.lessons", "Lessons.accept", "accept"),
    # a lesson
    "lesson: before": ("vigilbot.bot", "Bot.learn", "answer"),
    "extracted: after": ("vigilbot.engines.fallback", "FallbackEngine.extract", "answer"),
    "entry written: before": ("vigilbot.knowledge", "Knowledge._append", "answer"),
    "entry written: after": ("vigilbot.knowledge", "Knowledge._append", "answer"),
    "lesson: after": ("vigilbot.bot", "Bot.learn", "answer"),
    # the bot is addressed
    "request: before": ("vigilbot.interactions.asking", "Asking._one", "mention"),
    "request judged: after": ("vigilbot.interactions.asking", "Asking._ask", "mention"),
    "request: after": ("vigilbot.interactions.asking", "Asking._one", "mention"),
    # it starts
    "gaps marked: after": ("vigilbot.serve.door", "Door.gaps", "ask"),
    "connected: after": ("vigilbot.platforms.slack", "SlackAdapter.connect", "ask"),
    "history read: before": ("vigilbot.platforms.backfill", "Backfill.read", "ask"),
    "history read: after": ("vigilbot.platforms.backfill", "Backfill.read", "ask"),
}
STRUCK = "struck at "
"""What the process writes to its log before it dies there."""
