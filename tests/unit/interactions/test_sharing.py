"""Sharing with other customers and the operators' commands about trust, through the whole desk."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.interactions.office import SHARED, Office, button, office
from vigilbot.cards import ActionKind, Form
from vigilbot.interactions.saving import FORM as SAVE
from vigilbot.interactions.saving import SHORTCUT
from vigilbot.interactions.sharing import FORM
from vigilbot.ports import InteractionKind, Response

QUESTION, FIX = "How do I export invoices as PDF?", "FIX: Eve, open Billing of Acme and choose Export"


async def learned(here: Office, fix: str = FIX, *, on: str = "main", asker: str = "eve") -> str:
    """What one customer's channel taught; the id of the entry."""
    await here.world.say(asker, QUESTION, on=on, channel="acme")
    await here.world.say("ann", fix, on=on, after=timedelta(minutes=1), label="resolution")
    await here.world.wait(timedelta(hours=1))
    rows = await here.ledger.fetch(
        "SELECT entry FROM knowledge WHERE valid_to IS NULL AND retracted = 0 ORDER BY seq"
    )
    return str(rows[-1]["entry"])


async def entries(here: Office) -> dict[str, str]:
    rows = await here.ledger.entries.list_current()
    return {row["space"]: row["answer"] for row in rows}


def form_of(response: Response) -> Form:
    assert response.form is not None, response.text
    return response.form


async def sent(here: Office, who: str, form: Form, **changes: str) -> Response:
    fields = {field.name: str(field.initial) for field in form.fields} | changes
    return await here.act(
        InteractionKind.SUBMIT, who, channel=SHARED, name=form.name, value=form.value, fields=fields
    )


async def saved(here: Office, who: str = "ann") -> Form:
    ts = here.world.events["resolution"].ts
    form = form_of(await here.act(InteractionKind.SHORTCUT, who, channel=SHARED, name=SHORTCUT, ts=ts))
    assert form.name == SAVE
    return form_of(await sent(here, who, form, answer="Eve: open Billing of Acme", share="everybody"))


async def test_save_to_knowledge_shows_what_everybody_will_read_before_they_may(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SHARED,)) as here:
        await learned(here)
        before = await entries(here)
        form = await saved(here)
        assert form.name == FORM
        assert list(await entries(here)) == list(before)  # nothing has left yet
        told = " ".join(str(field.initial) for field in form.fields)
        assert "Billing" in told
        assert "Eve" not in told
        assert "Acme" not in told
        reply = await sent(here, "ann", form, answer="Open Billing, Export")
        assert "Shared with all customers" in reply.text
        assert (await entries(here))["shared"] == "Open Billing, Export"
        assert ("U-ANN", "share") in [(actor, action) for actor, action, _ in await here.audit()]


async def test_what_is_saved_stays_in_its_channel_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SHARED,)) as here:
        await learned(here)
        ts = here.world.events["resolution"].ts
        form = form_of(await here.act(InteractionKind.SHORTCUT, "ann", channel=SHARED, name=SHORTCUT, ts=ts))
        reply = await sent(here, "ann", form, answer="Another way altogether")
        assert "Saved as" in reply.text
        assert "shared" not in await entries(here)


@pytest.mark.parametrize("who", ["otto", "eve", "mia", "rob"])
async def test_only_analysts_of_our_own_company_can_send_the_form(tmp_path: Path, who: str) -> None:
    async with office(tmp_path, channels=(SHARED,)) as here:
        await learned(here)
        form = await saved(here)
        reply = await sent(here, who, form)
        assert "Only analysts" in reply.text
        assert "shared" not in await entries(here)


async def test_a_form_for_another_companys_entry_or_none_shares_nothing(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SHARED,)) as here:
        entry = await learned(here)
        form = await saved(here)
        for value in ("", "entry:", "entry:K0", f"answer:{entry}", "answer:", entry):
            reply = await here.act(
                InteractionKind.SUBMIT,
                "ann",
                channel=SHARED,
                name=FORM,
                value=value,
                fields={field.name: str(field.initial) for field in form.fields},
            )
            assert reply.text
            assert "Shared with" not in reply.text
        assert "shared" not in await entries(here)


async def test_what_is_missing_or_no_address_keeps_the_form_open(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SHARED,)) as here:
        await learned(here)
        form = await saved(here)
        assert set((await sent(here, "ann", form, question=" ", answer="")).errors) == {"question", "answer"}
        assert set((await sent(here, "ann", form, links="wiki page")).errors) == {"links"}
        assert "shared" not in await entries(here)


async def test_secrets_that_are_written_back_go_once_more(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SHARED,)) as here:
        await learned(here)
        form = await saved(here)
        await sent(here, "ann", form, answer="Use the password: hunter2hunter2 of ops@acme.example")
        told = (await entries(here))["shared"]
        assert "hunter2" not in told
        assert "ops@" not in told


async def test_an_operator_shares_after_reading_what_is_told(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SHARED,)) as here:
        entry = await learned(here)
        notice = await here.ask("ada", f"kb share {entry}")
        assert "Billing" in notice.text
        assert "Acme" not in notice.text
        assert "shared" not in await entries(here)
        done = await here.click("ada", button(notice, ActionKind.CONFIRM))
        assert "Shared with all customers" in done.text
        assert "Billing" in (await entries(here))["shared"]
        assert "for everybody already" in await here.type("ada", f"kb share {await _copy(here)}")


async def _copy(here: Office) -> str:
    [row] = await here.ledger.fetch("SELECT copy FROM shares")
    return str(row["copy"])


async def test_an_operator_verifies_once(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SHARED,)) as here:
        entry = await learned(here)
        assert "is verified now" in await here.type("ada", f"kb verify {entry}")
        assert "verified already" in await here.type("ada", f"kb verify {entry}")
        assert "no entry in force" in await here.type("ada", "kb verify K0")
        assert "Which entry" in await here.type("ada", "kb verify")
        for command in ("kb verify", "kb share", "kb contradictions", "kb both", "kb flagged"):
            assert "is for operators" in await here.type("ann", f"{command} {entry}")


async def test_contradictions_are_shown_until_somebody_settles_them(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SHARED,), options={"mode.external": "listen"}) as here:
        assert "Nothing contradicts" in await here.type("ada", "kb contradictions")
        first = await learned(here, "FIX: choose Export in Billing", on="one")
        second = await learned(here, "FIX: ask sales for a file", on="two", asker="otto")
        shown = await here.type("ada", "kb contradictions")
        assert first in shown
        assert second in shown
        assert "1 contradiction" in await here.type("ada", "status")
        assert "both hold" in await here.type("ada", f"kb both {second} {first}")
        assert "1 were settled" in await here.type("ada", "kb contradictions")
        assert "contradiction" not in await here.type("ada", "status")


async def test_what_is_in_doubt_or_expired_is_listed_with_the_evidence(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SHARED,), options={"mode.external": "everyone"}) as here:
        assert "Nothing is flagged" in await here.type("ada", "kb flagged")
        entry = await learned(here, "FIX: until the fix is out, export as CSV", on="one")
        await here.type("ada", f"kb verify {entry}")
        await here.world.say("eve", QUESTION, on="two", channel="acme")
        await here.world.wait(timedelta(minutes=1))
        await here.world.say("ann", "NO: that was the old release", on="two")
        await here.world.wait(timedelta(hours=1))
        shown = await here.type("ada", "kb flagged")
        assert entry in shown
        assert "Ann: NO: that was the old release" in shown.replace("\\", "")
        await here.world.parts.knowledge.undo(entry, actor="ada")
        await here.world.wait(timedelta(days=3))
        assert "expired unconfirmed" in await here.type("ada", "kb flagged")
