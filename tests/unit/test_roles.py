"""Who is who, by the first rule that knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vigilbot.domain import Event, EventKind, Role
from vigilbot.roles import Found, Listed, Roles, Roster, RosterRole
from vigilbot.testing.world import BEGIN

EVENT = Event(
    kind=EventKind.POSTED,
    tenant="T1",
    channel="C1",
    ts="1",
    thread="1",
    user="U1",
    at=BEGIN,
    key="k",
    natural_key="n",
)
ROSTER = Roster(
    analysts=frozenset({"U-A", "T2:U-B"}),
    customers=frozenset({"U-C"}),
    operators=frozenset({"U-O", "T2:U-P"}),
    analyst_groups=frozenset({"S1"}),
    analyst_titles=("Support Engineer",),
)


@pytest.mark.parametrize(
    ("changes", "author", "role", "rule"),
    [
        ({"user": "U-A", "is_bot": True}, "", Role.BOT, "a bot"),
        ({"user": "U-A"}, "U-A", Role.ANALYST, "roles.analysts"),
        ({"user": "U-B"}, "", Role.PEER, "unknown"),
        ({"user": "U-B", "tenant": "T2"}, "", Role.ANALYST, "roles.analysts"),
        ({"user": "U-C", "user_groups": ("S1",)}, "", Role.CUSTOMER, "roles.customers"),
        ({"user_groups": ("S0", "S1")}, "U1", Role.ANALYST, "roles.analyst_groups"),
        ({"user_title": "SENIOR SUPPORT ENGINEER"}, "U1", Role.ANALYST, "roles.analyst_titles"),
        ({"user_title": "Engineer"}, "", Role.PEER, "unknown"),
        ({"user_title": "Support Engineer", "user_external": True}, "", Role.CUSTOMER, "external"),
        ({}, "U1", Role.CUSTOMER, "author"),
        ({}, "", Role.PEER, "public"),
        ({"user_external": True}, "", Role.CUSTOMER, "external or private"),
        ({"channel_external": True}, "", Role.CUSTOMER, "external or private"),
        ({"channel_private": True}, "", Role.CUSTOMER, "external or private"),
    ],
)
def test_first_rule_that_knows(changes: dict[str, object], author: str, role: Role, rule: str) -> None:
    found = Roles(ROSTER).of(replace(EVENT, **changes), thread_author=author)  # type: ignore[arg-type]
    assert found.role is role
    assert rule in found.rule


def test_an_author_is_no_customer_when_the_operator_says_so() -> None:
    roles = Roles(Roster(author_is_customer=False))
    assert roles.of(EVENT, thread_author="U1").role is Role.PEER


def test_peers_count_as_analysts_only_where_they_would_be_peers() -> None:
    roles = Roles(Roster(peers_are_analysts=True))
    assert roles.of(EVENT, thread_author="").role is Role.ANALYST
    assert roles.of(EVENT, thread_author="U1").role is Role.CUSTOMER
    assert roles.of(replace(EVENT, user_external=True), thread_author="").role is Role.CUSTOMER


def test_operators_are_checked_with_their_tenant() -> None:
    roles = Roles(ROSTER)
    assert roles.is_operator(replace(EVENT, user="U-O"))
    assert roles.is_operator(replace(EVENT, tenant="T2", user="U-P"))
    assert not roles.is_operator(replace(EVENT, user="U-P"))
    assert not roles.is_operator(replace(EVENT, user="U-A", user_admin=True))


def test_admins_are_operators_while_a_tenant_has_none() -> None:
    roles = Roles(Roster(operators=frozenset({"T2:U-P"})))
    admin = replace(EVENT, user_admin=True)
    assert roles.is_operator(admin)
    assert not roles.is_operator(replace(admin, tenant="T2"))
    assert not roles.is_operator(replace(admin, user_external=True))
    roles.enlist(Listed(tenant="T1", user="U9", role=RosterRole.OPERATOR, by="Ada"))
    assert not roles.is_operator(admin)
    assert roles.is_operator(replace(EVENT, user="U9"))
    assert not roles.is_operator(replace(EVENT, user="U9", tenant="T2"))


def test_what_an_operator_said_comes_before_the_settings_and_holds_at_once() -> None:
    roles = Roles(ROSTER)
    analyst = replace(EVENT, user="U-A")
    roles.enlist(Listed(tenant="T1", user="U-A", role=RosterRole.CUSTOMER, by="Ada"))
    assert roles.of(analyst, thread_author="") == Found(Role.CUSTOMER, "listed by @Ada")
    roles.strike("T1", "U-A", RosterRole.CUSTOMER)
    assert roles.of(analyst, thread_author="").rule == "listed under roles.analysts"
