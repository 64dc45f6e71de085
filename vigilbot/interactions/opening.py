"""Puts the desk and everything behind it together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vigilbot.admin.corrections import Corrections, corrections_of
from vigilbot.bot import Bot
from vigilbot.cards import ActionKind
from vigilbot.interactions import LINKS, Desk, Table
from vigilbot.interactions.asking import Asking
from vigilbot.interactions.command_channels import ChannelCommands, RosterCommands
from vigilbot.interactions.command_dead import DeadCommands
from vigilbot.interactions.command_kb import KnowledgeCommands
from vigilbot.interactions.command_look import Doctor, LookCommands, Problems
from vigilbot.interactions.command_mend import MendCommands
from vigilbot.interactions.command_threads import ThreadCommands
from vigilbot.interactions.command_trust import TrustCommands
from vigilbot.interactions.commands import Commands, Places, Subcommand
from vigilbot.interactions.home import Home
from vigilbot.interactions.joining import Facts, Joining
from vigilbot.interactions.linking import Linking
from vigilbot.interactions.modes import Modes
from vigilbot.interactions.on_cards import OnCards
from vigilbot.interactions.people import FORM, People
from vigilbot.interactions.saving import Saving
from vigilbot.interactions.seeing import Seeing
from vigilbot.interactions.sharing import Sharing
from vigilbot.interactions.why import Why
from vigilbot.knowledge.spaces import Spaces
from vigilbot.learning.documents import Documents
from vigilbot.ports import Clock, Directory, InteractionKind, Platform
from vigilbot.roles import Roles


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """``asking.work``, ``joining.work`` and ``linking.work`` are to be called with the rest of the work."""

    desk: Desk
    asking: Asking
    joining: Joining
    linking: Linking
    corrections: Corrections


@dataclass(frozen=True, kw_only=True, slots=True)
class Equipment:
    """What the desk is put together from.

    ``problems`` are lines on what is wrong just now, ``doctor`` examines the whole installation, ``wake``
    is called when there is something to do.
    """

    bot: Bot
    roles: Roles  # with the ledger's roster loaded
    directory: Directory
    platform: Platform
    clock: Clock
    facts: Facts
    problems: Problems
    doctor: Doctor
    wake: Callable[[], None]
    documents: Documents | None = None  # None: links are left alone


def open_desk(given: Equipment) -> Opened:
    ledger, roles, clock = given.bot.ledger, given.roles, given.clock
    modes = Modes(ledger=ledger, roles=roles, clock=clock, mode_of=given.bot.mode)
    seeing = Seeing(ledger=ledger, roles=roles, clock=clock)
    people = People(ledger=ledger, roles=roles, directory=given.directory, clock=clock)
    joining = Joining(
        ledger=ledger, roles=roles, platform=given.platform, clock=clock, modes=modes, facts=given.facts
    )
    linking = _linking(given, modes, seeing)
    corrections = corrections_of(given.bot, platform=given.platform, clock=clock)
    home = _home(given, modes, seeing, linking, corrections)
    why = _why(given.bot, roles)
    asking = Asking(bot=given.bot, platform=given.platform, roles=roles, why=why, clock=clock)
    sharing = sharing_of(given.bot, roles=roles, clock=clock)
    saving = Saving(ledger=ledger, knowledge=given.bot.knowledge, roles=roles, clock=clock, sharing=sharing)
    mending = MendCommands(
        ledger=ledger,
        knowledge=given.bot.knowledge,
        corrections=corrections,
        clock=clock,
        seeing=seeing,
        wake=given.wake,
    )
    subcommands = tuple(_subcommands(given, modes, seeing, people, why, mending))
    commands = Commands(
        ledger=ledger,
        roles=roles,
        clock=clock,
        command=given.facts.command,
        mention=given.facts.mention,
        subcommands=subcommands,
    )
    table: Table = {
        **LINKS,
        **OnCards(clicks=given.bot.clicks).table,
        **why.table,
        **saving.table,
        **asking.table,
        **linking.table,
        **sharing.table,
        (InteractionKind.CLICK, ActionKind.MODE.value): joining.mode,
        (InteractionKind.CLICK, ActionKind.ROSTER.value): people.roster,
        (InteractionKind.SUBMIT, FORM): people.submit,
        (InteractionKind.COMMAND, ""): commands.command,
        (InteractionKind.CLICK, ActionKind.CONFIRM.value): commands.confirm,
        (InteractionKind.HOME, ""): home.home,
    }
    desk = Desk(
        bot=given.bot,
        directory=given.directory,
        platform=given.platform,
        clock=clock,
        table=table,
        wake=given.wake,
    )
    return Opened(desk=desk, asking=asking, joining=joining, linking=linking, corrections=corrections)


def sharing_of(bot: Bot, *, roles: Roles, clock: Clock) -> Sharing:
    return Sharing(
        ledger=bot.ledger,
        spaces=Spaces(ledger=bot.ledger, knowledge=bot.knowledge, clock=clock),
        roles=roles,
        seeing=Seeing(ledger=bot.ledger, roles=roles, clock=clock),
        clicks=bot.clicks,
        taught=bot.taught,
    )


def _home(given: Equipment, modes: Modes, seeing: Seeing, linking: Linking, corrections: Corrections) -> Home:
    return Home(
        ledger=given.bot.ledger,
        roles=given.roles,
        clock=given.clock,
        modes=modes,
        seeing=seeing,
        facts=given.facts,
        problems=given.problems,
        linking=linking,
        corrections=corrections,
    )


def _why(bot: Bot, roles: Roles) -> Why:
    return Why(
        ledger=bot.ledger,
        knowledge=bot.knowledge,
        roles=roles,
        spaces_of=lambda row: bot.place(row).spaces,
    )


def _linking(given: Equipment, modes: Modes, seeing: Seeing) -> Linking:
    return Linking(
        ledger=given.bot.ledger,
        documents=given.documents,
        roles=given.roles,
        platform=given.platform,
        clock=given.clock,
        modes=modes,
        seeing=seeing,
    )


def _subcommands(
    given: Equipment, modes: Modes, seeing: Seeing, people: People, why: Why, mending: MendCommands
) -> Iterator[Subcommand]:
    """In the order in which help lists them."""
    bot, clock = given.bot, given.clock
    places = Places(ledger=bot.ledger)
    yield from LookCommands(
        ledger=bot.ledger,
        clock=clock,
        places=places,
        modes=modes,
        seeing=seeing,
        problems=given.problems,
        doctor=given.doctor,
    ).all()
    yield from ChannelCommands(ledger=bot.ledger, clock=clock, places=places, modes=modes).all()
    yield from RosterCommands(roles=given.roles, people=people).all()
    yield from ThreadCommands(bot=bot, seeing=seeing, why=why.of).all()
    yield from KnowledgeCommands(
        ledger=bot.ledger,
        knowledge=bot.knowledge,
        pipeline=bot.pipeline,
        clock=clock,
        places=places,
        seeing=seeing,
        place_of=bot.place,
        mending=mending,
    ).all()
    yield from mending.all()
    yield from DeadCommands(ledger=bot.ledger, clock=clock, stale=bot.stale, wake=given.wake).all()
    yield from TrustCommands(
        ledger=bot.ledger,
        knowledge=bot.knowledge,
        spaces=Spaces(ledger=bot.ledger, knowledge=bot.knowledge, clock=clock),
        seeing=seeing,
        clock=clock,
        taught=bot.taught,
    ).all()
