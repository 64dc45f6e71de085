"""Checks of JSON values that say what is wrong and where, in the words of Slack's validator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

Check = Callable[[object, str], Iterator[str]]
"""A value and its place (a JSON pointer) to lines about what is wrong, none when all is well."""


def wrong(text: str, place: str) -> str:
    return f"[ERROR] {text} [json-pointer:{place}]"


def anything(value: object, place: str) -> Iterator[str]:
    del value, place
    yield from ()


def string(longest: int = 0, *, least: int = 1) -> Check:
    """Of at most so many characters; 0 for any number."""

    def check(value: object, place: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield wrong("must be a string", place)
        elif len(value) < least:
            yield wrong(f"must be more than {least - 1} characters", place)
        elif longest and len(value) > longest:
            yield wrong(f"must be less than {longest + 1} characters", place)

    return check


def url(longest: int = 3000) -> Check:
    def check(value: object, place: str) -> Iterator[str]:
        yield from string(longest)(value, place)
        if isinstance(value, str) and not value.startswith(("http://", "https://", "mailto:", "slack:")):
            yield wrong("invalid url", place)

    return check


def flag(value: object, place: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield wrong("must be a boolean", place)


def number(least: int, most: int) -> Check:
    def check(value: object, place: str) -> Iterator[str]:
        if not isinstance(value, int) or isinstance(value, bool):
            yield wrong("must be an integer", place)
        elif not least <= value <= most:
            yield wrong(f"must be between {least} and {most}", place)

    return check


def choice(*words: str) -> Check:
    def check(value: object, place: str) -> Iterator[str]:
        if value not in words:
            yield wrong("failed to match all allowed values", place)

    return check


def items(check: Check, *, most: int, least: int = 1) -> Check:
    def checked(value: object, place: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield wrong("must be an array", place)
            return
        if len(value) < least:
            yield wrong(f"no fewer than {least} items allowed", place)
        if len(value) > most:
            yield wrong(f"no more than {most} items allowed", place)
        for at, item in enumerate(value):
            yield from check(item, f"{place}/{at}")

    return checked


def shape(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these fields and no others (``type`` apart)."""
    known = {**required, **(optional or {})}

    def check(value: object, place: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield wrong("must be an object", place)
            return
        for name in required:
            if name not in value:
                yield wrong(f"missing required field: {name}", place)
        for name, inner in value.items():
            if name in known:
                yield from known[name](inner, f"{place}/{name}")
            elif name != "type":
                yield wrong(f"invalid additional property: {name}", place)

    return check


def by_type(kinds: Mapping[str, Check]) -> Check:
    """An object whose ``type`` says which of the checks it has to stand."""

    def check(value: object, place: str) -> Iterator[str]:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str):
            yield wrong("missing required field: type", place)
        elif kind not in kinds:
            yield wrong(f"unsupported type: {kind}", f"{place}/type")
        else:
            yield from kinds[kind](value, place)

    return check


def also(*checks: Check) -> Check:
    def check(value: object, place: str) -> Iterator[str]:
        for one in checks:
            yield from one(value, place)

    return check


def any_field(*names: str) -> Check:
    """At least one of the fields is there."""

    def check(value: object, place: str) -> Iterator[str]:
        if isinstance(value, dict) and not any(name in value for name in names):
            yield wrong(f"missing required field: {' or '.join(names)}", place)

    return check
