"""Frames: what this codec writes Google's library reads, and the other way round; rubbish is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from vigilbot.platforms.lark_frames import LARGEST, Frame, Joined, Method, decoded, encoded
from vigilbot.testing.world import BEGIN
from vigilbot.workspace.lark.frames import pack, unpack

HEADERS = some.dictionaries(some.text(max_size=20), some.text(max_size=40), max_size=6)
SMALL = settings(max_examples=60, deadline=None)


@SMALL
@given(
    method=some.integers(0, 1),
    service=some.integers(-(2**31), 2**31 - 1),
    number=some.integers(0, 2**64 - 1),
    headers=HEADERS,
    payload=some.binary(max_size=300),
)
def test_what_lark_writes_is_read_and_what_is_written_lark_reads(method, service, number, headers, payload):
    theirs = pack(method=method, service=service, number=number, headers=headers, payload=payload)
    frame = decoded(theirs)
    assert (frame.method, frame.sequence, frame.payload) == (method, number, payload)
    assert dict(frame.headers) == headers
    seen = unpack(encoded(frame.answer(b"{}", biz_rt="3")))
    assert (seen.method, seen.payload) == (method, b"{}")
    assert seen.headers == {**headers, "biz_rt": "3"}
    assert encoded(frame)[: len(theirs)] == theirs  # the same service too, negative ones included


@SMALL
@given(some.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_value_error(data):
    try:
        decoded(data)
    except ValueError:
        return


@SMALL
@given(some.integers(0, 60))
def test_a_frame_that_was_cut_is_never_read_as_another(length):
    whole = pack(method=1, headers={"type": "event", "message_id": "m"}, payload=b"x" * 40)
    try:
        frame = decoded(whole[: min(length, len(whole) - 1)])
    except ValueError:
        return
    assert frame.payload == b""  # cut between two fields: nothing of the payload is made up


def test_fields_of_a_later_version_are_passed_over():
    added = b"\x7a\x03new" + b"\xf8\x01\x05" + b"\xfd\x01abcd" + b"\xf9\x01abcdefgh"
    assert decoded(pack(method=1, headers={"type": "event"}, payload=b"{}") + added).payload == b"{}"


@pytest.mark.parametrize("data", [b"", b"\x0b", b"\x20", b"\x08" + b"\xff" * 11, b"\x42\xff\xff\xff\xff\x0f"])
def test_what_is_no_frame_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        decoded(data)


def test_a_frame_that_is_too_large_is_refused():
    with pytest.raises(ValueError, match="more than"):
        decoded(b"\x00" * (LARGEST + 1))


def part(number: int, total: int, payload: bytes, name: str = "m") -> Frame:
    headers = (("message_id", name), ("sum", str(total)), ("seq", str(number)))
    return Frame(method=Method.DATA, headers=headers, payload=payload)


def test_parts_are_joined_in_whatever_order_they_come():
    joined = Joined()
    assert joined.add(part(2, 3, b"c"), BEGIN) is None
    assert joined.add(part(0, 3, b"x", name="another"), BEGIN) is None
    assert joined.add(part(0, 3, b"a"), BEGIN) is None
    assert joined.add(part(0, 3, b"again"), BEGIN) is None
    assert joined.add(part(1, 3, b"b"), BEGIN) == b"abc"


def test_parts_that_never_come_are_forgotten_and_the_repetition_is_whole():
    joined = Joined()
    assert joined.add(part(0, 2, b"old"), BEGIN) is None
    later = BEGIN + timedelta(minutes=5)
    assert joined.add(part(1, 2, b"new"), later) is None
    assert joined.add(part(0, 2, b"all "), later) == b"all new"


def test_parts_without_an_end_do_not_pile_up():
    joined = Joined()
    for number in range(1000):
        joined.add(part(0, 2, b"x", name=str(number)), BEGIN)
    assert len(joined._waiting) < 300


@pytest.mark.parametrize(("number", "total"), [(2, 2), (5, 3), (0, 65), (1, 99999)])
def test_parts_that_make_no_sense_are_refused(number, total):
    with pytest.raises(ValueError, match="part"):
        Joined().add(part(number, total, b""), BEGIN)


def test_a_message_that_is_repeated_in_other_parts_is_put_together_right():
    joined = Joined()
    assert joined.add(part(2, 3, b"c"), BEGIN) is None
    assert joined.add(part(0, 2, b"a"), BEGIN) is None
    assert joined.add(part(1, 2, b"bc"), BEGIN) == b"abc"
