"""Secrets in what people write: where they stand, and the text without them.

Found are keys, tokens and cards by their shape, private key blocks, passwords in addresses, and
what is called a password, in a sentence ("my password is …", "api_key=…") or by the name of a JSON
member. The patterns are our own, because no library fits: those that are kept up read files and
repositories, bring tens of megabytes or ask the issuer whether a key is alive, and none knows how
people say a password. They are precise before complete: no rule takes a string for a secret only
because it looks random, or ids, digests and pictures would be cut out of memories. Sentences are
read in English only, and a number that JSON holds as a number is left as it is.

What becomes of a text that holds one is decided in `screening.py`.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from eunoe_server.domain.json_text import string_of


class SecretKind(enum.StrEnum):
    """What a secret is called where it was taken out."""

    API_KEY = "API key"
    CARD_NUMBER = "card number"
    PASSWORD = "password"  # noqa: S105 - the name of a kind
    PRIVATE_KEY = "private key"
    TOKEN = "token"  # noqa: S105 - the name of a kind


@dataclass(frozen=True, slots=True)
class Secret:
    """A span of characters that should not be kept."""

    kind: SecretKind
    start: int
    end: int


#: How every mark begins that stands for something taken out.
MARK = "[redacted: "


def find_secrets(text: str) -> tuple[Secret, ...]:
    """The secrets in `text`, in order; none overlaps another."""
    found = sorted(_candidates(text), key=lambda secret: (secret.start, -secret.end))
    kept: list[Secret] = []
    for secret in found:
        if kept and secret.start < kept[-1].end:
            if secret.end > kept[-1].end:
                kept[-1] = Secret(kept[-1].kind, kept[-1].start, secret.end)
            continue
        kept.append(secret)
    return tuple(kept)


def redacted(text: str) -> str:
    """`text` with a mark for each secret; the very same text when it holds none."""
    pieces: list[str] = []
    position = 0
    for secret in find_secrets(text):
        pieces += [text[position : secret.start], _mark(secret.kind)]
        position = secret.end
    return "".join([*pieces, text[position:]]) if pieces else text


def redacted_json(document: str) -> str:
    """A JSON document whose strings hold no secrets; all else in it stays word for word."""
    pieces: list[str] = []
    position = 0
    key = ""
    for token in _STRING.finditer(document):
        said = json.loads(token[1], strict=False) if "\\" in token[1] else token[1][1:-1]
        if key and _SECRET_MEMBER.search(key) and _is_value(said):
            clean = _mark(SecretKind.PASSWORD)
        else:
            clean = redacted(said)
        if clean is not said:
            pieces += [document[position : token.start(1)], string_of(clean)]
            position = token.end(1)
        # A member's name and its value, if that is a string, are tokens that follow each other.
        has_value = token[2] and document[token.end() : token.end() + 1] == '"'
        key = said if has_value else ""
    return "".join([*pieces, document[position:]]) if pieces else document


def is_card_number(digits: str) -> bool:
    """Luhn: a thirteen-digit number may be anything, a card's number adds up."""
    numbers = [int(digit) for digit in digits if digit.isdecimal()]
    doubled = [sum(divmod(2 * number, 10)) for number in numbers[-2::-2]]
    return len(numbers) >= 13 and (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0


def _mark(kind: SecretKind) -> str:
    return f"{MARK}{kind}]"


def _candidates(text: str) -> Iterator[Secret]:
    for kind, pattern in _SHAPES:
        for found in pattern.finditer(text):
            # What stands before the secret, such as "Bearer ", is no part of it.
            group = "secret" if found.groupdict().get("secret") else 0
            if _is_value(found[group]):
                yield Secret(kind, *found.span(group))
    for found in _CARD.finditer(text):
        digits = "".join(filter(str.isdecimal, found[0]))
        if _ISSUED.fullmatch(digits) and is_card_number(digits):
            yield Secret(SecretKind.CARD_NUMBER, *found.span())
    for found in _SAID.finditer(text):
        if secret := _said(text, found):
            yield secret


def _said(text: str, found: re.Match[str]) -> Secret | None:
    """What follows "my password is", unless it says something about the password."""
    name, verb = found["name"].lower(), found["verb"].strip().lower()
    start = found.end()
    if (quote := text[start : start + 1]) in _QUOTES and quote:
        end = text.find(_QUOTES[quote], start + 1, start + 1 + _MAX_QUOTED_CHARACTERS)
        if end > start + 1 and _is_value(text[start + 1 : end]):
            return Secret(SecretKind.PASSWORD, start + 1, end)
        return None
    if name.endswith("phrase") and (phrase := _PHRASE.match(text, start)):
        words = phrase[0].split()
        if words and words[0].lower() not in _ABOUT_PHRASES:
            return Secret(SecretKind.PASSWORD, start, start + len(phrase[0].rstrip()))
        return None
    if (word := _WORD.match(text, start)) is None:
        return None
    value = word[0].rstrip(".,;:!?)")
    if _NUMERIC_NAME.fullmatch(name):
        is_secret = bool(re.fullmatch(r"\d{3,12}", value))
    elif any(not character.isalpha() for character in value):
        is_secret = _is_value(value) and not _NEGATION.fullmatch(value)
    else:
        # A plain word is a password where someone says so, and a remark anywhere else.
        is_secret = (
            verb not in {"", "to", ":", "="}
            and len(value) >= _MIN_WORD_CHARACTERS
            and not _REMARK.fullmatch(value)
            and value.lower() not in _ABOUT_PASSWORDS
        )
        is_secret = is_secret or (verb == "=" and _is_value(value))
    return Secret(SecretKind.PASSWORD, start, start + len(value)) if is_secret else None


def _is_value(text: str) -> bool:
    """Not a mark of ours, and not what stands for a value in an example."""
    return len(text) >= _MIN_CHARACTERS and not text.startswith(MARK) and not _HOLE.fullmatch(text)


_MIN_CHARACTERS = 4
_MIN_WORD_CHARACTERS = 5
_MAX_QUOTED_CHARACTERS = 200

_STRING = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")(\s*:\s*)?', re.DOTALL)

_SECRET_MEMBER = re.compile(
    r"(?:pass[_-]?(?:word|phrase|wd|code)|pwd|api[_-]?key|(?:access|secret|private)[_-]?key"
    r"|(?:access|refresh|auth|bearer|id)[_-]?token|client[_-]?secret|connection[_-]?string"
    r"|card[_-]?number|cvv2?|cvc2?)$",
    re.IGNORECASE,
)

#: `<password>`, `${PASSWORD}`, `{{ key }}`, `****`, `xxxx`, `…`: somebody left it out already.
_HOLE = re.compile(r"<.*>|\$?\{.*\}|\$\w+|%\w+%|[*.x\u2022\u2026_-]+|\[.*\]?", re.IGNORECASE)

#: Prefixes that issuers publish so that their keys can be found, and what has a form of its own.
_SHAPES: tuple[tuple[SecretKind, re.Pattern[str]], ...] = (
    (
        SecretKind.PRIVATE_KEY,
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            r".*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
            r"|\bAGE-SECRET-KEY-1[A-Z0-9]{58}\b",
            re.DOTALL,
        ),
    ),
    (
        SecretKind.API_KEY,
        re.compile(
            r"""
            (?<![A-Za-z0-9_-]) (?:
                # Models and payments, code hosts, clouds, messengers, mail, registries.
                (?:sk|rk|gsk)[-_](?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{16,}
              | eu_[a-f0-9]{16}_[A-Za-z0-9]{32,}  # ours
              | gh[opsur]_[A-Za-z0-9]{30,} | github_pat_[A-Za-z0-9_]{22,}
              | gl(?:pat|rt|dt|ptt|sa)[-_][A-Za-z0-9_-]{20,}
              | (?:AKIA|ASIA)[A-Z0-9]{16}
              | AIza[A-Za-z0-9_-]{35} | GOCSPX-[A-Za-z0-9_-]{20,} | ya29\.[A-Za-z0-9_-]{20,}
              | do[ort]_v1_[a-f0-9]{64}
              | xox[a-z]-[A-Za-z0-9-]{10,} | xapp-[A-Za-z0-9-]{20,}
              | \d{8,10}:AA[A-Za-z0-9_-]{33}
              | SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,} | SK[a-f0-9]{32}
              | (?:hf|npm|r8)_[A-Za-z0-9]{30,} | pypi-[A-Za-z0-9_-]{50,}
              | dckr_pat_[A-Za-z0-9_-]{20,} | (?:xai|nvapi|pplx|tvly)-[A-Za-z0-9_-]{20,}
              | shp(?:at|ss|ca|pa)_[a-fA-F0-9]{32} | lin_api_[A-Za-z0-9]{30,}
              | ATATT3[A-Za-z0-9_=-]{20,} | whsec_[A-Za-z0-9+/=]{24,}
            )
            """,
            re.VERBOSE,
        ),
    ),
    (
        SecretKind.TOKEN,
        re.compile(
            r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,3}"
            r"|\b(?:[Bb]earer|[Bb]asic)[ ]+"
            r"(?P<secret>(?=[A-Za-z._~+/=-]{0,200}[0-9])[A-Za-z0-9._~+/=-]{16,})"
        ),
    ),
    (
        SecretKind.PASSWORD,
        # scheme://user:password@host
        re.compile(r"(?<=://)[^\s/:@\"'<>]{0,100}:(?P<secret>[^\s/@\"'<>]{1,200})@(?=[\w\[.-])"),
    ),
    (
        SecretKind.PASSWORD,
        re.compile(
            r"(?<!\S)--(?:password|passwd|token|api-key|secret)[= ](?P<secret>[^\s-]\S{3,200})"
        ),
    ),
    (
        SecretKind.API_KEY,
        re.compile(
            r"(?:api[_ -]?key|(?:access|secret|private)[_ -]?key|(?:access|auth|refresh)[_ -]?token"
            r"|client[_ -]?secret)s?[\"'`]?[ ]{0,3}(?:[=:]|\bis\b|\bwas\b)[ ]{0,3}[\"'`]?"
            r"(?P<secret>(?=[A-Za-z._~+/=-]{0,200}[0-9])[A-Za-z0-9._~+/=-]{8,})",
            re.IGNORECASE,
        ),
    ),
)  # fmt: skip

_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)")
#: Lengths and first digits that card networks issue.
_ISSUED = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|62\d{14}"
)

_SAID = re.compile(
    r"""
    (?<!\[redacted:[ ])
    (?P<name>pass[ ]?(?:word|phrase|code)|passwd|pwd|(?:seed|recovery|mnemonic)[ ]phrase
       |(?<![\w-])(?:pin|cvv|cvc|security[ ]code)(?:[ ](?:code|number))?)
    (?:[ ](?:for|of|on|to|at)[ ](?:(?!is\b|was\b)[\w.@'\u2019/-]{1,40}[ ]){0,5}?(?=is\b|was\b|=|:)
       |["'`]?\]?)
    (?P<verb>[ ]?(?:=|:|\bis[ ]now\b|\bis\b|\bwas\b|\bwill[ ]be\b|\bto\b))
    [ \t]{0,3}
    """,
    re.IGNORECASE | re.VERBOSE,
)

_NUMERIC_NAME = re.compile(r"(?:pin|cvv|cvc|security code)(?: code| number)?")
_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb"}
_WORD = re.compile(r"[^\s\"'`<>\[\]{}]{1,200}")
_PHRASE = re.compile(r"[^\n.,;:!?\"'\[]{8,300}")
_NEGATION = re.compile(r"\w+n['\u2019]t|\W+|\d{1,3}", re.IGNORECASE)
#: "My password is expiring", "is easily guessed".
_REMARK = re.compile(r"\w+(?:ing|ed|ly|able|ible)", re.IGNORECASE)
_ABOUT_PHRASES = frozenset(
    """a an at hidden in kept known longer lost missing my never not on only required saved safe so
    something still stored that the too under used very what where with wrong written
    """.split()  # noqa: SIM905 - quoted one by one they cannot be read
)
_ABOUT_PASSWORDS = frozenset(
    """about after again all almost already also always an and another any anything based
    because before being better between both broken case changed correct different difficult
    easier easy either empty enough every everything exactly fine forgotten from given going good
    gone great hard hashed hidden important incorrect invalid just kept known long longer missing
    more much must never none nothing null obvious often older only other really right safe same
    secret secure security sent set short shorter similar simple simply some something sort still
    stolen strange stored strong stronger such that the their there these they this too undefined
    under unique unknown unsafe useless valid very weak weaker what which with within without
    written wrong yours where when whatever whether actually probably currently definitely
    """.split()  # noqa: SIM905 - as above
)
