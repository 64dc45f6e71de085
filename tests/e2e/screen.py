"""The workspace page as somebody at the screen has it: what they do and what stands there."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, ViewportSize

THE_BOTS_TURN = 10_000  # milliseconds in which the bot has reacted, on a slow machine too
LEARNED = 30_000  # the same, with what it does some seconds after an on-call moved on

WATCHES_THE_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(
  `${event.violatedDirective} ${event.blockedURI}`));
"""

DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


def chromium() -> str | None:
    """A browser of this machine, None without one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for found in map(shutil.which, names) if found), None)


class Screen:
    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("console", lambda said: self._heard(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.add_init_script(WATCHES_THE_POLICY)

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def wrongs(self) -> list[str]:
        """What the browser complained about, refusals by the content policy included."""
        refused: list[str] = self.page.evaluate("window.violations || []")
        return self.complaints + refused

    def open(self, query: str = "") -> None:
        self.page.goto(f"{self.url}/{query}")
        self.page.locator(".channelrow[aria-current]").wait_for(state="attached")

    def shot(self, name: str) -> None:
        """A picture for people, where E2E_SHOTS names a folder."""
        folder = os.environ.get("E2E_SHOTS")
        if folder:
            self.page.wait_for_timeout(250)  # what moves has come to rest; nothing else waits for it
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    # -- who and where

    def act_as(self, name: str) -> None:
        chosen = self.page.locator(
            ".person", has=self.page.locator("strong", has_text=re.compile(f"^{name}$"))
        )
        if chosen.count() and chosen.is_visible():
            chosen.click()
        else:
            shown = self.page.locator("#peoplelist:visible, #others:visible")
            label = shown.locator("option", has_text=re.compile(f"^{name}( ·|$)")).inner_text()
            shown.select_option(label=label)
        acting = self.page.locator(f'[placeholder$="as {name}"], #home:not([hidden])').first
        acting.wait_for(state="attached")

    def go(self, channel: str) -> None:
        self.page.locator(".channelrow", has_text=channel).click()

    # -- writing

    def write(self, text: str) -> str:
        """Into the channel; returns the message's ts. Commands have none."""
        before = self.messages.count()
        self._sends(self.page.locator("#streamfoot textarea"), text)
        if text.startswith("/"):
            return ""
        self.messages.nth(before).wait_for()
        return self.messages.last.get_attribute("data-ts") or ""

    def reply(self, text: str) -> None:
        self._sends(self.page.locator("#threadfoot textarea"), text)

    def _sends(self, field: Locator, text: str) -> None:
        field.fill(text)
        field.press("Enter")

    def open_thread(self, ts: str) -> None:
        message = self.message(ts)
        replies = message.locator(".replies")
        if replies.count():
            replies.click()
        else:
            message.hover()
            message.get_by_role("button", name="Reply in thread").click()
        self.page.locator(f'#threadlist article[data-ts="{ts}"]').wait_for()

    # -- what stands there

    @property
    def messages(self) -> Locator:
        return self.page.locator("#list article[data-ts]")

    @property
    def thread(self) -> Locator:
        return self.page.locator("#threadlist")

    @property
    def card(self) -> Locator:
        """The newest card of the open thread."""
        return self.thread.locator(".content.card", has=self.page.get_by_text("automated answer")).last

    @property
    def private(self) -> Locator:
        """The newest message that only the acting person sees."""
        return self.page.locator("article.private:visible").last

    @property
    def window(self) -> Locator:
        return self.page.locator("dialog.window[open]")

    def message(self, ts: str) -> Locator:
        return self.page.locator(f'#list article[data-ts="{ts}"]')

    def choose(self, item: str) -> None:
        """From the card's menu."""
        self.card.locator(".button.square").click()
        self.page.get_by_role("menuitem", name=item).click()

    def side(self, tab: str) -> Locator:
        self.page.locator(f"#tab-{tab}").click()
        return self.page.locator(f"#pane-{tab}")


Opens = Callable[..., Screen]
"""Opens the page, at an address's query and with a browser context's options."""
