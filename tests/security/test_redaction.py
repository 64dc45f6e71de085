"""What is taken out of texts: at least 99% of structured keys, at most 1% of harmless texts altered.

Keys are made from what their providers say of them (``tests/unit/test_redact.py``), each kind in every
surrounding that people paste keys in. The harmless texts are ``benign.txt``, and the words of real chats
where VIGILBOT_DATA names them.
"""

from __future__ import annotations

import json
import os
import random
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from tests.unit.test_redact import FORMS, made, secret_of
from vigilbot.redact import KEYS, MARK, redact, redact_secrets

EACH = 5
AROUND = (
    "{}",
    "{}\n",
    "my key is {} please",
    "key={}",
    'key="{}"',
    "{{'key': '{}'}}",
    '{{"key":"{}","n":1}}',
    "export KEY={} && run",
    "- name: KEY\n  value: {}",
    "```\n{}\n```",
    "`{}`",
    "({})",
    "[{}]",
    "<{}>",
    "see {}.",
    "{}, ok?",
    "*{}*",
    "schlüssel:{}",
    "密钥是 {} 请查收",
    "密钥：{}。",  # noqa: RUF001
    "https://example.com/?key={}&x=1",
    "curl -H 'X-Key: {}' https://example.com",
    "2026-03-11 08:15:42 ERROR key={} rejected",
    "a | {} | b",
)
BENIGN = (Path(__file__).parent / "benign.txt").read_text(encoding="utf-8").splitlines()


def test_structured_keys_go_wherever_they_stand() -> None:
    dice, missed, total = random.Random(20_261_121), Counter[str](), 0
    for name, form in FORMS.items():
        for around in AROUND:
            for _ in range(EACH):
                key = made(form, dice)
                text = around.format(key)
                total += 1
                for taking in (redact, redact_secrets):
                    left = taking(text)
                    missed[name] += secret_of(form, key) in left or MARK not in left
    assert len(FORMS) >= 60
    assert len(KEYS) >= 60
    assert total >= 60 * len(AROUND) * EACH
    assert missed.total() <= 0.01 * 2 * total, missed.most_common(10)
    assert max(missed.values()) <= 0.1 * 2 * len(AROUND) * EACH, missed.most_common(
        10
    )  # no kind is forgotten


def test_harmless_texts_stay() -> None:
    assert len(BENIGN) >= 100
    altered = [line for line in BENIGN if redact(line) != line]
    assert len(altered) <= 0.01 * len(BENIGN), [(line, redact(line)) for line in altered]
    words = [word for line in BENIGN for word in line.split()]
    changed = [word for word in words if redact(word) != word]
    assert len(changed) <= 0.01 * len(words), changed


def test_what_is_taken_out_leaves_the_rest_as_it_was() -> None:
    dice = random.Random(3)
    for form in FORMS.values():
        left = redact(f"before {BENIGN[0]} {made(form, dice)} {BENIGN[1]} after")
        assert BENIGN[0] in left
        assert BENIGN[1] in left


def chats() -> list[str]:
    """Messages of the labelled on-calls and of both exports in the folder that VIGILBOT_DATA names."""
    folder = Path(os.environ.get("VIGILBOT_DATA") or "nowhere")
    found: list[str] = []
    for path in sorted(folder.glob("slack-*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if "/" in name and name.endswith(".json"):
                    found += [str(m.get("text", "")) for m in json.loads(archive.read(name))]
    return found


@pytest.mark.fuzz
@pytest.mark.skipif(not chats(), reason="no data: VIGILBOT_DATA names no folder with slack-*.zip")
def test_real_chats_stay() -> None:
    said = chats()
    altered = [text for text in said if redact_secrets(text) != text]
    assert len(said) > 1000
    assert len(altered) <= 0.01 * len(said), altered[:20]
