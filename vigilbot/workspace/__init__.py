"""A Slack workspace on this machine: real protocols, real limits, no account."""

from vigilbot.workspace.delivery import Attempt, Envelope
from vigilbot.workspace.faults import Faults
from vigilbot.workspace.web_api import Called
from vigilbot.workspace.workspace import Workspace

__all__ = ["Attempt", "Called", "Envelope", "Faults", "Workspace"]
