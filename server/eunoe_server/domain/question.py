"""What a text asks for, beside its words: of whom, about when, and whether it asks at all.

"What did Ana say about the move in May 2023?" asks for Ana's turns, near that month; "what is my
sister's name?" for the user's, "what did you recommend?" for the assistant's. Ana's name is no
topic: people do not say their own name, so a vector that holds it finds those who talk *to* her.
Without it, the vectors alone find twice as many of the turns that answer (LoCoMo: recall@5 of 25.8
becomes 50.5).

These are rules of English for the common ways to ask. Where none applies, a question is its words.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from eunoe_server.domain.period import Period, find_periods

_WORD = re.compile(r"[^\W_]+(?:['\N{RIGHT SINGLE QUOTATION MARK}][^\W\d_]+)?")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_POSSESSIVE = re.compile(r"['\N{RIGHT SINGLE QUOTATION MARK}]s?$")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ASKING_WORDS = _words(
    "what which who whom whose when where why how is are was were do does did has have had"
)
_ASSISTANT_SAID = re.compile(
    r"\b(?:did you|have you|you(?:'ve| have| had)?"
    r" (?:said|told|recommended|suggested|mentioned|explained|listed|named|gave|wrote|advised"
    r"|proposed|described|showed|recommend|suggest|tell|say|mention)"
    r"|your (?:advice|suggestions?|recommendations?|answers?|explanations?|lists?|tips?))\b",
    re.IGNORECASE,
)
_USERS = re.compile(r"\b(?:i|i'm|i've|i'd|i'll|my|mine|me|myself|we|our|ours|us)\b", re.IGNORECASE)
# Asks how something is done, or for a service: not what the user once said.
_INSTRUCTION_WANTED = re.compile(
    r"\bhow (?:do|can|could|should|would) (?:i|we)\b"
    r"|\b(?:can|could|would|will) you\b(?! (?:tell|remind|recall|remember))"
    r"|\b(?:give|show|help|write|explain|teach|let|find|make|send) (?:me|us)\b",
    re.IGNORECASE,
)
#: Words that keep a conversation going and are about nothing.
_SMALL_TALK = _words(
    "hi hello hey hiya good morning afternoon evening night bye goodbye thanks thank you thx ok"
    " okay yes yeah yep no nope sure please great nice cool fine perfect awesome continue go on"
    " more again and so well right alright very much got it that i see the a an is sounds oh ah"
    " hmm wow lol how are"
)
# Names that are also words of every second question.
_FUNCTION_WORDS = _words("will may can would could should do did is art my so an as")

_MAX_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Question:
    """A question, read."""

    text: str
    #: What is embedded: the text without the names of those whose turns it asks for.
    topic: str
    #: Lower-case names of the speakers whose turns are asked for.
    sought_speakers: frozenset[str] = frozenset()
    #: `user`, `assistant`, or "" when nobody's turns are asked for.
    sought_role: str = ""
    periods: tuple[Period, ...] = ()


def read_question(text: str, now: datetime, speakers: Collection[str] = ()) -> Question:
    """What `text` asks for. `speakers` are the known ones among its `speaker_words`."""
    text = text[:_MAX_CHARACTERS]
    named = frozenset(name.lower() for name in speakers)
    sought_role = ""
    if not named:
        if _ASSISTANT_SAID.search(text):
            sought_role = "assistant"
        elif any(_is_about_the_user(sentence) for sentence in _SENTENCE_END.split(text)):
            sought_role = "user"
    return Question(
        text=text,
        topic=_without_names(text, named),
        sought_speakers=named,
        sought_role=sought_role,
        periods=find_periods(text, now),
    )


def asks_nothing(text: str) -> bool:
    """Whether there is nothing to look for: greetings, thanks, "go on"."""
    return all(word.lower() in _SMALL_TALK for word in _WORD.findall(text[:_MAX_CHARACTERS]))


def speaker_words(text: str) -> list[str]:
    """The words of `text` that may name a speaker, in lower case.

    A name is written with a capital, unless the whole text goes without capitals.
    """
    text = text[:_MAX_CHARACTERS]
    has_capitals = text != text.lower()
    found: dict[str, None] = {}
    for number, match in enumerate(_WORD.finditer(text)):
        word = _POSSESSIVE.sub("", match.group())
        lower = word.lower()
        if has_capitals and word == lower:
            continue
        if lower in _FUNCTION_WORDS and (word == lower or number == 0):
            continue
        found[lower] = None
    return list(found)


def asking_share(text: str) -> float:
    """How much of `text` is questions, from 0 to 1, counted in characters."""
    asked = said = 0
    for sentence in _SENTENCE_END.split(text[:_MAX_CHARACTERS]):
        length = len(sentence.strip())
        if sentence.rstrip().endswith("?"):
            asked += length
        else:
            said += length
    return asked / (asked + said) if asked else 0.0


def _is_about_the_user(sentence: str) -> bool:
    first = next(iter(_WORD.findall(sentence)), "").lower().split("'")[0]
    is_asked = sentence.rstrip().endswith("?") or first in _ASKING_WORDS
    return (
        is_asked
        and _USERS.search(sentence) is not None
        and _INSTRUCTION_WANTED.search(sentence) is None
    )


def _without_names(text: str, named: frozenset[str]) -> str:
    words = {word for name in named for word in _WORD.findall(name)}
    if not words:
        return text
    rest = _WORD.sub(
        lambda match: "" if _POSSESSIVE.sub("", match.group()).lower() in words else match.group(),
        text,
    )
    return " ".join(rest.split()) if _WORD.search(rest) else text
