"""What leaves a space says nothing of people, channels and customers, and keeps everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigilbot.knowledge.anonymous import NOT_SHOWN, Names, anonymous, customer_words, keeps
from vigilbot.knowledge.trust import for_now

NAMES = Names(
    people=("carl", "Anna-Lena Müller", "U0CARL", "李雷"),
    channels=("C0GLOBEX", "ext-acme-support"),
    customers=("globex", "acme"),
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Carl's pod restarts", "somebody's pod restarts"),
        ("@carl and Müller know", "somebody and somebody know"),
        ("Anna-Lena Müller said so", "somebody said so"),
        ("李雷说过", "somebody说过"),
        ("the Globex admin, and globex_prod", "the customer admin, and a customer"),
        ("the tenant GlobexProd", "the tenant a customer"),
        ("as in #ext-acme-support", "as in another channel"),
        ("as in #help", "as in another channel"),
        ("U0CARL in C0GLOBEX", "somebody in another channel"),
        (
            "see https://globex.example/x and https://docs.example/x",
            f"see {NOT_SHOWN} and https://docs.example/x",
        ),
    ],
)
def test_names_go(text: str, told: str) -> None:
    assert anonymous(text, NAMES) == told


@pytest.mark.parametrize(
    "text",
    [
        "Run gatectl rotate --hsm on v2.3 and set import.batch to 50",
        "the carlton cluster, planning, acmelike names and annual costs",
        "```\nkubectl get pods\n```",
        "See https://docs.example/rotate#step-2 (section 4)",
        "",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert anonymous(text, NAMES) == text


@given(
    before=st.text(max_size=30),
    after=st.text(max_size=30),
    name=st.sampled_from(["Globex", "GLOBEX", "Müller"]),
)
def test_a_long_name_is_never_left_standing_alone(before: str, after: str, name: str) -> None:
    told = anonymous(f"{before} {name} {after}", NAMES)
    assert f" {name} " not in told


def test_an_address_with_a_name_is_not_kept() -> None:
    assert not keeps("https://support.globex.example/t/1", NAMES)
    assert keeps("https://docs.example/t/1", NAMES)


def test_words_that_every_channel_has_name_no_customer() -> None:
    assert customer_words("ext-acme-support") == ["acme"]
    assert customer_words("customer-help-2") == []


@pytest.mark.parametrize(
    "text",
    [
        "We are investigating, see the status page",
        "Until the fix is out, restart the pod",
        "For now, please use the old endpoint",
        "Workaround for now: pin 2.3",
        "Bis auf weiteres bitte den alten Endpunkt nutzen",
        "En attendant, utilisez l'ancienne adresse",
        "Mientras tanto use el otro servidor",
        "暂时使用旧版本",
        "とりあえず再起動してください",
    ],
)
def test_what_holds_for_now_is_seen_in_several_languages(text: str) -> None:
    assert for_now(text)


@pytest.mark.parametrize(
    "text",
    [
        "Run gatectl rotate on the primary",
        "The token is temporary; create a new one",
        "Delete the temporary file (临时文件) and set status.code to 3",
        "Hold the button until the light is on",
        "This works for now and for later versions",
    ],
)
def test_what_holds_for_good_is_not_taken_for_a_workaround(text: str) -> None:
    assert not for_now(text)
