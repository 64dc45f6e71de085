"""Secrets and personal data out of text, before it reaches a language model.

A table of structured keys (a fixed prefix or form, so that ordinary words are never meant), then what
names itself (``password=...``), e-mail addresses, card numbers that pass the Luhn check, telephone
numbers. What is taken out leaves its kind behind: ``[REDACTED:email]``. Every pattern is bounded, so that
100 kB of anything cost milliseconds; texts that were redacted before stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

MARK = "[REDACTED:"

_B = r"(?<![A-Za-z0-9])"  # where a key may begin
_E = r"(?![A-Za-z0-9])"
_HEX, _ALNUM, _WORD = "[0-9a-f]", "[A-Za-z0-9]", r"[A-Za-z0-9_-]"

KEYS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "private-key": (
            "PRIVATE KEY",
            r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----)){0,20000}"
            r"(?:-----END (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----)?",
        ),
        "putty-key": (
            "PuTTY",
            r"PuTTY-User-Key-File-\d: (?:[^P]|P(?!uTTY|rivate-M)){0,20000}(?:Private-MAC: [0-9a-f]{40,64})?",
        ),
        "aws-access-key": ("A", rf"{_B}(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|ANPA|ANVA)[A-Z2-7]{{16}}{_E}"),
        "aws-mws": ("amzn", rf"{_B}amzn\.mws\.{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}"),
        "aws-bedrock": ("ABSK", rf"{_B}ABSK[A-Za-z0-9+/]{{80,200}}={{0,2}}"),
        "google-api": ("AIza", rf"{_B}AIza{_WORD}{{35}}(?!{_WORD})"),
        "google-oauth": ("ya29", rf"{_B}ya29\.{_WORD}{{20,400}}"),
        "google-client-secret": ("GOCSPX", rf"{_B}GOCSPX-{_WORD}{{28}}"),
        "google-refresh": ("1//0", rf"{_B}1//0{_WORD}{{30,150}}"),
        "azure-client-secret": ("Q~", rf"{_B}[A-Za-z0-9_~.-]{{3}}[78]Q~[A-Za-z0-9_~.-]{{31,34}}"),
        "azure-connection": ("=", r"(?i:(?:Account|SharedAccess)Key)=[A-Za-z0-9+/]{40,100}={0,2}"),
        "azure-sas": ("=", r"(?i:(?<=[?&;]sig=)[A-Za-z0-9%+/=]{30,120})"),
        "anthropic": ("sk-ant-", rf"{_B}sk-ant-{_WORD}{{20,200}}"),
        "openrouter": ("sk-or-", rf"{_B}sk-or-v1-{_HEX}{{64}}{_E}"),
        "openai": ("sk-", rf"{_B}sk-(?:proj-|svcacct-|admin-|None-)?{_WORD}{{20,250}}"),
        "groq": ("gsk_", rf"{_B}gsk_{_ALNUM}{{40,80}}{_E}"),
        "xai": ("xai-", rf"{_B}xai-{_ALNUM}{{60,120}}{_E}"),
        "perplexity": ("pplx-", rf"{_B}pplx-{_ALNUM}{{32,64}}{_E}"),
        "replicate": ("r8_", rf"{_B}r8_{_ALNUM}{{37,40}}{_E}"),
        "hugging-face": ("_", rf"{_B}(?:hf_|api_org_){_ALNUM}{{30,50}}{_E}"),
        "nvidia": ("nvapi", rf"{_B}nvapi-{_WORD}{{60,80}}"),
        "github": ("gh", rf"{_B}gh[pousr]_{_ALNUM}{{36,251}}{_E}"),
        "github-fine": ("github_pat", rf"{_B}github_pat_[A-Za-z0-9_]{{59,100}}"),
        "gitlab": ("gl", rf"{_B}gl(?:pat|dt|rt|ptt|soat|ft|imt|agent|cbt|oas|ffct)-[A-Za-z0-9_.-]{{20,80}}"),
        "gitlab-runner": ("GR1348941", rf"{_B}GR1348941{_WORD}{{20}}"),
        "bitbucket": ("ATBB", rf"{_B}ATBB{_ALNUM}{{28,32}}{_E}"),
        "atlassian": ("ATATT3", rf"{_B}ATATT3[A-Za-z0-9_=-]{{60,250}}"),
        "slack-rotating": ("xoxe", rf"{_B}xoxe(?:\.xox[bp])?-\d-[A-Za-z0-9]{{100,250}}"),
        "slack": ("xox", rf"{_B}xox[abeoprs]-(?:\d{{8,14}}-){{0,3}}[A-Za-z0-9-]{{10,250}}"),
        "slack-app": ("xapp-", rf"{_B}xapp-\d-[A-Z0-9]{{8,14}}-\d{{8,14}}-[a-f0-9]{{64}}"),
        "slack-webhook": (
            "hooks.slack.com/",
            r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,120}",
        ),
        "teams-webhook": ("webhookb2/", r"(?<=webhook\.office\.com/)webhookb2/[A-Za-z0-9@/_-]{60,300}"),
        "discord-bot": (".", rf"{_B}[MNO][A-Za-z0-9_-]{{23,27}}\.[A-Za-z0-9_-]{{6}}\.[A-Za-z0-9_-]{{27,40}}"),
        "discord-webhook": ("/webhooks/", r"(?<=/api/webhooks/)\d{17,20}/[A-Za-z0-9_-]{60,72}"),
        "telegram": (":AA", rf"{_B}\d{{8,10}}:AA{_WORD}{{33}}(?!{_WORD})"),
        "twilio": ("", rf"{_B}(?:SK|AC){_HEX}{{32}}{_E}"),
        "sendgrid": ("SG.", rf"{_B}SG\.{_WORD}{{20,24}}\.{_WORD}{{39,50}}"),
        "mailgun": ("key-", rf"{_B}(?:key|pubkey)-{_HEX}{{32}}{_E}"),
        "mailchimp": ("-us", rf"{_B}{_HEX}{{32}}-us\d{{1,2}}{_E}"),
        "brevo": ("xkeysib", rf"{_B}xkeysib-{_HEX}{{64}}-{_ALNUM}{{16}}"),
        "postman": ("PMAK", rf"{_B}PMAK-{_HEX}{{24}}-{_HEX}{{34}}"),
        "stripe": ("k_", rf"{_B}(?:sk|rk|pk)_(?:live|test)_{_ALNUM}{{16,250}}{_E}"),
        "stripe-webhook": ("whsec_", rf"{_B}whsec_[A-Za-z0-9+/=]{{24,120}}"),
        "square": ("", rf"{_B}(?:EAAA{_WORD}{{60}}|sq0(?:atp|csp|idp)-{_WORD}{{22,43}})"),
        "shopify": ("shp", rf"{_B}shp(?:at|ca|pa|ss|ua|tka)_{_HEX}{{32}}{_E}"),
        "paypal": (
            "access_token$",
            rf"{_B}access_token\$(?:production|sandbox)\${_ALNUM}{{13,20}}\${_HEX}{{32}}",
        ),
        "razorpay": ("rzp_", rf"{_B}rzp_(?:live|test)_{_ALNUM}{{14,24}}{_E}"),
        "digitalocean": ("_v1_", rf"{_B}do[opr]_v1_{_HEX}{{64}}{_E}"),
        "heroku": ("HRKU", rf"{_B}HRKU-(?:AA)?{_WORD}{{36,70}}"),
        "fly": ("", rf"{_B}(?:FlyV1 fm\d_|fo1_)[A-Za-z0-9+/=_,-]{{40,700}}"),
        "vault": ("hv", rf"{_B}hv[bsr]\.{_WORD}{{24,200}}"),
        "terraform": ("atlasv1", rf"{_B}{_ALNUM}{{14}}\.atlasv1\.{_WORD}{{60,70}}"),
        "doppler": (
            "dp.",
            rf"{_B}dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{{2,35}}\.)?{_ALNUM}{{40,44}}{_E}",
        ),
        "pulumi": ("pul-", rf"{_B}pul-{_HEX}{{40}}{_E}"),
        "databricks": ("dapi", rf"{_B}dapi{_HEX}{{32}}(?:-\d)?{_E}"),
        "planetscale": ("pscale_", rf"{_B}pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{{32,64}}"),
        "supabase": ("sb", rf"{_B}sb(?:p_{_HEX}{{40}}|_secret_{_WORD}{{22,60}})"),
        "npm": ("npm_", rf"{_B}npm_{_ALNUM}{{36}}{_E}"),
        "pypi": ("pypi-", rf"{_B}pypi-AgE[A-Za-z0-9_-]{{50,400}}"),
        "rubygems": ("rubygems_", rf"{_B}rubygems_{_HEX}{{48}}{_E}"),
        "docker": ("dckr_", rf"{_B}dckr_(?:pat|oat)_{_WORD}{{24,60}}"),
        "newrelic": ("NR", rf"{_B}NR(?:AK|II|RA|JS|AL)-{_WORD}{{19,32}}"),
        "grafana": ("gl", rf"{_B}gl(?:sa|c)_[A-Za-z0-9+/=_]{{32,400}}"),
        "sentry": ("sntry", rf"{_B}sntry[su]_[A-Za-z0-9+/=_-]{{40,400}}"),
        "dynatrace": ("dt0", rf"{_B}dt0[a-z]\d{{2}}\.[A-Z0-9]{{24}}\.[A-Z0-9]{{64}}"),
        "linear": ("lin_", rf"{_B}lin_(?:api|oauth)_{_ALNUM}{{32,64}}{_E}"),
        "notion": ("_", rf"{_B}(?:secret_{_ALNUM}{{43}}|ntn_{_ALNUM}{{40,50}}){_E}"),
        "figma": ("figd_", rf"{_B}figd_{_WORD}{{40,60}}"),
        "airtable": ("pat", rf"{_B}pat{_ALNUM}{{14}}\.{_HEX}{{64}}{_E}"),
        "asana": (":", rf"{_B}[12]/\d{{12,20}}(?:/\d{{12,20}})?:{_HEX}{{32}}{_E}"),
        "hubspot": ("pat-", rf"{_B}pat-(?:na|eu|ap)\d-{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}"),
        "okta": ("SSWS", rf"{_B}SSWS 00{_WORD}{{40}}"),
        "age": ("AGE-SECRET", rf"{_B}AGE-SECRET-KEY-1[A-Z0-9]{{58}}"),
        "jwt": ("eyJ", rf"{_B}eyJ{_WORD}{{10,2000}}\.(?:eyJ|ewog){_WORD}{{10,4000}}\.{_WORD}{{0,2000}}"),
    }
)
"""Structured keys by kind, in this order: a text without which there is none, and the pattern."""

# A value after a name that says what it is. A placeholder (<token>, ${TOKEN}, ****) is none.
_NAMED = re.compile(
    r"""(?ix)(?<![a-z0-9])
    (?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|auth[_-]?token|client[_-]?secret
      |secret[_-]?(?:access[_-]?)?key|private[_-]?key|passwort|kennwort|contraseña|senha|пароль)
    ["'`]?\s{0,3}(?:=|:(?!//)|\bis\b)\s{0,3}["'`]?
    (?P<value>(?=[^\s"'`,;]{0,120}?\d)(?=[^\s"'`,;]{0,120}?[^\W\d_])[^\s"'`,;<>\[\]{}$(]{8,200})"""
)
_BEARER = re.compile(
    r"(?i)\b(?:bearer|basic)\s{1,3}(?P<value>(?=[^\s]{0,200}?\d)[A-Za-z0-9_.~+/-]{20,2000}={0,2})"
)
_LOGIN = re.compile(r"(?<=://)[^\s:/@]{1,80}:(?P<value>[^\s/@]{1,120})(?=@[\w.\[])")
_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,6}[^\W\d_]{2,24}(?![\w-])(?!\.\w)"
)
_CARD = re.compile(r"(?<![\w.,:/+-])\d(?:[ -]?\d){12,18}(?![\w-])(?![.,]\d)")
_PHONE = re.compile(
    r"""(?x)(?<![\w.,:/=#+%-])
    (?:
      (?:\+|00(?=[1-9]\d?[ ]))[1-9]\d{0,2}(?:[ .\-/]?\(?\d{1,5}\)?){2,7}   # +49 30 1234567
    | \(\d{2,5}\)[ ]?\d{3,5}(?:[ .-]?\d{2,5}){1,3}                  # (030) 1234 5678
    | \d{3}[-. ]\d{3}[-. ]\d{4}                                     # 555-123-4567
    | 0\d{1,4}[ /-]\d{3,4}(?:[ -]?\d{2,4}){1,3}                     # 030 1234 5678
    )(?![\w-])(?![.,:/]\d)"""
)
_DATE = re.compile(r"(?:19|20)\d\d[ .-](?:0?[1-9]|1[0-2])[ .-]")

_COMPILED = tuple((kind, hint, re.compile(pattern)) for kind, (hint, pattern) in KEYS.items())
_SECRET_LOOK = re.compile(r"[0-9_\-./:=~]|[A-Za-z]{16}")  # a text without either has no secret


def redact(text: str) -> str:
    """The text with secrets and personal data replaced by their kinds."""
    text = redact_secrets(text)
    if "@" in text:
        text = _EMAIL.sub(f"{MARK}email]", text)
    return _PHONE.sub(_phone, text) if _SECRET_LOOK.search(text) else text


def redact_secrets(text: str) -> str:
    """The text without keys, passwords and card numbers. Where to write or call is part of many answers."""
    if not _SECRET_LOOK.search(text):
        return text
    for kind, hint, pattern in _COMPILED:
        if hint in text:
            text = pattern.sub(f"{MARK}{kind}]", text)
    for pattern in (_NAMED, _BEARER, _LOGIN):
        text = pattern.sub(_value, text)
    return _CARD.sub(_card, text)


def untouched(text: str) -> str:
    """What stands in for ``redact`` where the operator turned it off."""
    return text


Redact = Callable[[str], str]


def _value(found: re.Match[str]) -> str:
    """Only the value goes; what named it stays."""
    start, end = found.start("value") - found.start(), found.end("value") - found.start()
    whole = found[0]
    if found["value"].startswith(MARK[1:-1]) or set(found["value"]) <= set("*x.•-"):
        return whole
    return f"{whole[:start]}{MARK}secret]{whole[end:]}"


def _card(found: re.Match[str]) -> str:
    digits = [int(c) for c in found[0] if c.isdigit()]
    odd = digits[-1::-2]
    even = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    right = (sum(odd) + sum(even)) % 10 == 0 and digits[0] in (2, 3, 4, 5, 6) and len(set(digits)) > 1
    return f"{MARK}card]" if right else found[0]


def _phone(found: re.Match[str]) -> str:
    count = sum(c.isdigit() for c in found[0])
    if not 8 <= count <= 15 or _DATE.match(found[0]):
        return found[0]
    return f"{MARK}phone]"
