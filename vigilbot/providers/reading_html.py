"""The main content of a web page, with the anchors of its headings. Runs in the reading process."""

from __future__ import annotations

import re
from collections import defaultdict
from urllib.parse import urlsplit

import lxml.html
import trafilatura
from lxml.etree import ParserError
from trafilatura.settings import use_config

from vigilbot.errors import DocumentRefused
from vigilbot.ports import Page, Section
from vigilbot.providers.reading_text import decoded, heading, sections

_META = re.compile(rb"<meta[^<>]{0,500}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_XML = re.compile(rb"\A\s*<\?xml[^<>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})")
_LOGIN = re.compile(r"(?:^|[/._-])(?:log-?in|sign-?in|signon|sso|saml2?|oauth2?|authorize)(?:[/._-]|$)", re.I)
_HIDING = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))\s*(?:!important\s*)?(?:;|$)", re.I
)
_NO_SIZE = re.compile(
    r"(?:^|;)\s*font-size\s*:\s*0(?:\.0{0,9})?(?:[a-z]{1,4}|%)?\s*(?:!important\s*)?(?:;|$)", re.I
)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_LEAST = 40  # bytes of text (a Chinese character says as much as three Latin ones) that are worth reading
_WALL = 1500  # bytes: a page with a password field and less text than this has nothing behind it for us
_SCRIPTED = 3  # scripts from which an empty page is one that scripts fill


def html_page(content: bytes, *, charset: str, url: str) -> Page:
    """Raises DocumentRefused for a page that says nothing, and for one that wants a login first."""
    declared = [m[1].decode("ascii") for m in (_XML.search(content[:300]), _META.search(content[:4096])) if m]
    text = decoded(content, [charset, *declared] if charset else declared).replace("\x00", "")
    text = re.sub(r"\A\s*<\?xml[^<>]{0,300}\?>", "", text)
    try:
        tree = lxml.html.document_fromstring(text)
    except (ParserError, ValueError) as error:
        raise DocumentRefused("it has no text") from error
    locked = bool(tree.xpath("//input[translate(@type, 'PASWORD', 'pasword')='password']"))
    _leave_out_hidden(tree)
    found = _main(tree)
    length = sum(len(section.text.encode("utf-8", "replace")) for section in found)
    if length < _WALL and (locked or _LOGIN.search(urlsplit(url).path)):
        raise DocumentRefused("it wants a login first")
    if length < _LEAST:
        scripted = len(tree.xpath("//script")) >= _SCRIPTED or tree.xpath("//noscript")
        raise DocumentRefused("its text is made by scripts in the browser" if scripted else "it has no text")
    title = _title(tree)
    return Page(title=title, sections=tuple(_anchored(found, _anchors(tree))))


def _leave_out_hidden(tree: lxml.html.HtmlElement) -> None:
    """Empties what readers never see by the page's own marks: what nobody can check must not be told.

    Panels of tabs and what a search in the page opens stay: readers get to see them. Style sheets are not
    read.
    """
    for element in tree.xpath("//body//*[@hidden or @style]"):
        if element.get("role") != "tabpanel" and _is_hidden(element):
            element.clear(keep_tail=True)


def _is_hidden(element: lxml.html.HtmlElement) -> bool:
    if (element.get("hidden") or "").casefold() != "until-found" and "hidden" in element.attrib:
        return True
    style = (element.get("style") or "")[:2000]
    if _HIDING.search(style):
        return True
    return bool(_NO_SIZE.search(style)) and not element.xpath("descendant::*/@style[contains(., 'font')]")


def _main(tree: lxml.html.HtmlElement) -> list[Section]:
    config = use_config()
    config.set("DEFAULT", "MIN_EXTRACTED_SIZE", str(_LEAST))  # below it menus come in and headings go
    markdown = trafilatura.extract(
        tree,
        config=config,
        output_format="markdown",
        include_formatting=True,
        include_tables=True,
        include_links=False,
        include_images=False,
        include_comments=False,
        deduplicate=False,
        with_metadata=False,
    )
    return sections(markdown or "")


def _title(tree: lxml.html.HtmlElement) -> str:
    """The only first-rank heading; with none or several, what the page calls itself."""
    first = [heading(each.text_content()) for each in tree.xpath("//h1")]
    named = [text for text in first if text]
    if len(named) == 1:
        return named[0][:300]
    for path in ("//meta[@property='og:title']/@content", "//title/text()"):
        for text in tree.xpath(path):
            if heading(str(text)):
                return heading(str(text))[:300]
    return named[0][:300] if named else ""


def _anchors(tree: lxml.html.HtmlElement) -> dict[str, list[str]]:
    """The ids that lead to headings, by the heading's text, in the order of the page."""
    found: dict[str, list[str]] = defaultdict(list)
    for element in tree.iter(*_HEADINGS):
        if name := heading(element.text_content()):
            found[name.casefold()].append(_anchor(element))
    return found


def _anchor(element: lxml.html.HtmlElement) -> str:
    if own := element.get("id"):
        return str(own)
    for inner in element.xpath(".//a"):
        href = inner.get("href") or ""
        if target := inner.get("id") or inner.get("name") or (href[1:] if href.startswith("#") else ""):
            return str(target)
    parent = element.getparent()
    if parent is not None and parent.tag in ("section", "div", "article", "header") and parent.get("id"):
        return str(parent.get("id")) if parent.index(element) == 0 else ""
    return ""


def _anchored(found: list[Section], anchors: dict[str, list[str]]) -> list[Section]:
    placed: list[Section] = []
    for section in found:
        known = anchors.get(section.path[-1].casefold(), []) if section.path else []
        anchor = (known.pop(0) if len(known) > 1 else known[0]) if known else ""
        placed.append(Section(path=section.path, text=section.text, anchor=anchor[:200]))
    return placed
