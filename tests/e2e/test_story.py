"""What a newcomer does with `vigilbot demo`, in a real browser: the page's own buttons, the real bot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.screen import DESKTOP, LEARNED, PHONE, THE_BOTS_TURN, Opens, Screen, chromium

try:
    from playwright.sync_api import expect
except ImportError:
    pytest.skip("the browser test needs playwright (make install brings it)", allow_module_level=True)
if chromium() is None:
    pytest.skip("the browser test needs chromium or google-chrome on the PATH", allow_module_level=True)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.e2e

WHOLE_STORY = 120_000  # milliseconds; about 55 s on two cores

QUESTION = "The Lantern dashboard shows the error LN-77 when we open the billing report. How can we fix that?"
ANSWER = (
    "LN-77 means that the report cache is corrupt. Run `lantern cache rebuild` on the server and reload "
    "the dashboard."
)
AGAIN = "Since today our Lantern dashboard has the error LN-77 in the billing report. What can we do?"

expect.set_options(timeout=THE_BOTS_TURN)


def teach(screen: Screen, question: str, answer: str, *, asker: str = "Nina") -> None:
    """A customer asks, the analyst answers; returns when that is learned."""
    screen.act_as(asker)
    ts = screen.write(question)
    screen.act_as("Sam")
    screen.open_thread(ts)
    screen.reply(answer)
    learned = screen.side("knowledge").locator(".entry.fresh", has_text=question)
    expect(learned).to_contain_text("Learned", timeout=LEARNED)


def asks(screen: Screen, who: str, question: str) -> None:
    """In a thread of its own, which is open then, with the card in it."""
    screen.act_as(who)
    screen.open_thread(screen.write(question))
    screen.card.wait_for()


@pytest.fixture(scope="module", autouse=True)
def _taught(browser: Browser, address: str) -> None:
    """Whatever test runs first: the bot knows one thing."""
    context = browser.new_context(viewport=DESKTOP)
    screen = Screen(context.new_page(), address)
    screen.open()
    screen.shot("newcomer")
    teach(screen, QUESTION, ANSWER)
    screen.shot("learned")
    context.close()


def test_the_story_plays_to_its_end_by_the_pages_own_buttons(screen: Screen) -> None:
    strip = screen.page.locator("#story")
    strip.get_by_role("button", name="Next step").click()
    expect(strip.locator(".stepdot.done")).to_have_count(1)
    strip.get_by_role("button", name="Go on").click()
    expect(strip.get_by_role("button", name="Pause")).to_be_visible()
    expect(strip).to_contain_text("The story is told", timeout=WHOLE_STORY)
    expect(strip.locator(".stepdot:not(.done)")).to_have_count(0)
    screen.shot("story-told")

    def told(who: str) -> None:
        screen.open_thread(
            screen.page.locator("#list article", has_text=who).first.get_attribute("data-ts") or ""
        )

    told("nightly export to the Harbor bucket")
    expect(screen.thread).to_contain_text("That worked, thank you!")
    expect(screen.card).to_have_count(0)
    told("uploads to the Harbor bucket are rejected")
    expect(screen.card).to_contain_text("Accepted by Omar")
    told("although the write token is brand new")
    expect(screen.card).to_contain_text("An analyst has said otherwise")
    told("We have a new write token")
    expect(screen.card).to_contain_text("chronyc makestep")
    told("How can we move a Harbor bucket")
    expect(screen.card).to_contain_text("turn on replication")
    known = screen.side("knowledge")
    expect(known.locator(".entry", has_text="ERR-4031")).to_contain_text("Revised")
    screen.shot("story-knowledge")


def test_an_answer_is_learned_and_offered_to_the_next_customer_who_accepts_it(screen: Screen) -> None:
    teach(
        screen,
        "Our Compass agents stop with exit code 86 after the upgrade to version 9. How do we start them?",
        "Exit code 86 means that the agent's cache has the old format. Delete /var/lib/compass/cache and "
        "start the agent again.",
    )
    asks(
        screen,
        "Omar",
        "After upgrading to version 9 our Compass agents end with exit code 86. What can we do?",
    )
    expect(screen.card).to_contain_text("Delete /var/lib/compass/cache")
    expect(screen.card).to_contain_text("for Omar")
    screen.shot("card")
    screen.card.get_by_role("button", name="Accept").click()
    expect(screen.card).to_contain_text("Accepted by Omar")
    expect(screen.private).to_contain_text("Thank you")
    entry = screen.side("knowledge").locator(".entry", has_text="exit code 86")
    expect(entry).to_contain_text("2 on-calls for it")
    screen.shot("accepted")


def test_who_did_not_ask_is_told_privately_why_the_click_does_not_count(screen: Screen) -> None:
    asks(screen, "Omar", AGAIN)
    screen.act_as("Nina")
    screen.card.get_by_role("button", name="Accept").click()
    expect(screen.private).to_contain_text("Only the person who asked or an analyst can accept")
    screen.shot("not-yours")
    expect(screen.card).not_to_contain_text("Accepted")
    screen.act_as("Omar")
    expect(screen.page.locator("article.private")).to_have_count(0)


def test_why_this_shows_analysts_how_the_answer_came_about(screen: Screen) -> None:
    asks(screen, "Omar", AGAIN)
    screen.act_as("Sam")
    screen.choose("Why this?")
    expect(screen.window).to_contain_text(re.compile("confidence", re.IGNORECASE))
    expect(screen.window).to_contain_text("Lantern")
    screen.shot("why")
    screen.page.keyboard.press("Escape")
    expect(screen.window).to_have_count(0)
    screen.act_as("Nina")
    screen.choose("Why this?")
    expect(screen.window).to_contain_text("Only analysts and operators")
    screen.page.keyboard.press("Escape")
    expect(screen.window).to_have_count(0)


def test_commands_are_answered_privately_and_by_role(screen: Screen) -> None:
    screen.act_as("Ada")
    screen.write("/vigil status")
    expect(screen.private).to_contain_text("All is well")
    expect(screen.private).to_contain_text("Only visible to you")
    screen.shot("status")
    screen.act_as("Nina")
    expect(screen.page.locator("article.private")).to_have_count(0)
    screen.write("/vigil pause")
    expect(screen.private).to_contain_text(re.compile("operator", re.IGNORECASE))


def test_anybody_may_tell_the_bot_to_be_quiet_in_a_thread(screen: Screen) -> None:
    asks(screen, "Omar", AGAIN)
    screen.reply("@VigilBot quiet")
    expect(screen.thread).to_contain_text("I will be quiet here")
    screen.shot("quiet")


def test_in_a_shared_channel_an_analyst_sees_the_draft_first_and_posts_it(screen: Screen) -> None:
    screen.act_as("Kim")
    screen.go("acme-shared")
    teach(
        screen,
        "The Beacon probe of our tenant reports status 512 every night. What does it mean?",
        "Status 512 means that the probe ran into the nightly backup. Move the probe to 06:00 in its "
        "settings.",
        asker="Kim",
    )
    screen.act_as("Kim")
    screen.open_thread(
        screen.write("Every night the Beacon probe of our tenant has status 512. What can we do?")
    )
    screen.act_as("Sam")
    expect(screen.private).to_contain_text("Move the probe to 06:00")
    expect(screen.messages.last).to_contain_text("1 only for you")
    screen.shot("draft")
    screen.act_as("Kim")
    expect(screen.thread).to_contain_text("has status 512. What can we do?")
    expect(screen.thread).not_to_contain_text("Move the probe")
    screen.act_as("Sam")
    screen.private.get_by_role("button", name="Post", exact=True).click()
    screen.act_as("Kim")
    expect(screen.card).to_contain_text("Move the probe to 06:00")
    screen.shot("posted")
    screen.card.get_by_role("button", name="Accept").click()
    expect(screen.card).to_contain_text("Accepted by Kim")


def test_app_home_is_made_for_who_opens_it(screen: Screen) -> None:
    screen.act_as("Ada")
    screen.go("VigilBot home")
    home = screen.page.locator("#home")
    expect(home).to_contain_text("#support")
    expect(home.get_by_role("button", name="Set analysts and operators")).to_be_visible()
    screen.shot("home")
    screen.act_as("Nina")
    expect(home.get_by_role("button", name="Set analysts and operators")).to_have_count(0)
    expect(home).to_contain_text("#support")


def test_colours_follow_the_system_until_somebody_chooses(opens: Opens) -> None:
    screen = opens(color_scheme="dark")
    screen.open_thread(screen.messages.last.get_attribute("data-ts") or "")

    def brightness() -> float:
        """Of the page's ground, 0 to 255."""
        ground: str = screen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", ground)[:3])) / 3

    assert brightness() < 60
    screen.shot("dark")
    screen.page.get_by_role("button", name="Light colours").click()
    assert brightness() > 200
    screen.page.reload()
    screen.messages.last.wait_for()
    assert brightness() > 200, "a choice holds for the tab"


def test_a_reload_keeps_who_one_is_where_one_is_and_what_was_said(screen: Screen) -> None:
    asks(screen, "Omar", AGAIN)
    screen.side("knowledge")
    before = screen.messages.count()
    screen.page.reload()
    expect(screen.page.get_by_placeholder("Message #support as Omar")).to_be_visible()
    expect(screen.card).to_contain_text("lantern cache rebuild")
    expect(screen.page.locator("#pane-knowledge .entry", has_text="LN-77")).to_be_visible()
    assert screen.messages.count() == before


def test_everything_is_reached_with_the_keyboard_alone(screen: Screen) -> None:
    keys = screen.page.keyboard

    def walk(key: str, to: str) -> None:
        for _ in range(80):
            if screen.page.evaluate("(to) => document.activeElement.matches(to)", to):
                return
            keys.press(key)
        pytest.fail(f"{key} does not lead to {to}")

    walk("Tab", ".person")
    keys.press("ArrowRight")
    expect(screen.page.get_by_placeholder("Message #support as Omar")).to_be_visible()
    walk("Tab", "#streamfoot textarea")
    keys.type("Who is on call this evening?")
    keys.press("Enter")
    expect(screen.messages.last).to_contain_text("Who is on call this evening?")
    walk("Shift+Tab", "#list")
    keys.press("ArrowUp")
    walk("Tab", "button[aria-label='Reply in thread']")
    screen.shot("keyboard")
    keys.press("Enter")
    expect(screen.page.locator("#threadfoot textarea")).to_be_focused()
    keys.type("Nobody, I think.")
    keys.press("Enter")
    expect(screen.thread).to_contain_text("Nobody, I think.")
    keys.press("Escape")
    expect(screen.page.locator("#thread")).to_be_hidden()


# The elements that reach beyond the edges of the screen. Its width is given: innerWidth grows with them.
TOO_WIDE = """(width) => [...document.querySelectorAll("body *")].filter((node) => {
  const box = node.getBoundingClientRect();
  const seen = box.width && getComputedStyle(node).visibility === "visible";
  return seen && !node.closest("pre, .skip, .hidden") && (box.right > width + 1 || box.left < -1);
}).map((node) => `${node.tagName}.${node.className}`)"""


def test_a_phone_shows_every_pane_without_scrolling_sideways(opens: Opens) -> None:
    screen = opens(viewport=PHONE, has_touch=True, is_mobile=True)

    def fits(name: str) -> None:
        screen.shot(f"phone-{name}")
        assert screen.page.evaluate(TOO_WIDE, PHONE["width"]) == [], name

    def turn(pane: str) -> None:
        screen.page.locator("#bottom").get_by_role("button", name=pane).click()

    asks(screen, "Omar", AGAIN)
    fits("thread")
    screen.act_as("Sam")
    screen.choose("Why this?")
    screen.window.wait_for()
    fits("window")
    screen.window.get_by_role("button", name="Close").first.click()
    turn("Messages")
    screen.messages.last.wait_for()
    fits("stream")
    turn("Channels")
    screen.page.locator(".channelrow").first.wait_for()
    fits("channels")
    turn("VigilBot")
    for tab in ("run", "knowledge", "wire", "state"):
        screen.side(tab)
        fits(tab)
    turn("Channels")
    screen.go("VigilBot home")
    expect(screen.page.locator("#home")).to_contain_text("#support")
    fits("home")


def test_what_is_taken_from_the_bot_is_seen_and_comes_back(screen: Screen) -> None:
    state = screen.side("state")
    stop = state.get_by_role("switch", name="Stop the model")
    stop.click()
    expect(stop).to_have_attribute("aria-checked", "true")
    screen.act_as("Omar")
    screen.write("Where do we see which version of Lantern is installed?")
    expect(state).to_contain_text("no language model answers")
    screen.shot("harm-model")
    stop.click()
    screen.write("Which browsers does the Lantern dashboard support?")
    expect(state).not_to_contain_text("no language model answers")
    state.get_by_role("button", name="Delete the index").click()
    state.get_by_role("button", name="Cut the socket").click()
    screen.shot("harm-index-socket")
    screen.open_thread(screen.write(AGAIN))
    screen.card.wait_for()  # as before
    expect(state.locator(".facts dd").first).to_have_text("ready")


def test_what_can_be_taken_from_the_bot_can_be_read_in_the_dark(opens: Opens) -> None:
    screen = opens(query="?theme=dark")
    expect(screen.side("state").get_by_role("switch", name="Stop the model")).to_be_visible()
    screen.shot("harm-dark")
