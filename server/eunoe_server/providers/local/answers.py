"""How the built-in model finds an answer: by looking up what was said. It makes nothing up.

A question is reduced to what it asks about; the clause that tells most of that, of the person it
asks about, is the answer. When no clause does, the answer is that the information is not there. A
statement is acknowledged, and a task is declined with the way out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from eunoe_server.providers.local.concepts import (
    AVOIDED_FOOD,
    BEINGS,
    CONCEPTS,
    DISLIKE,
    FOOD,
    LIGHT_STEMS,
    LIKE,
    STOP_WORDS,
    Concept,
)
from eunoe_server.providers.local.english import sentences, stem, words
from eunoe_server.providers.local.evidence import (
    Clause,
    Utterance,
    latest,
    split_notes,
    told_in,
    told_name,
    with_aliases,
)
from eunoe_server.providers.local.kinds import (
    core_of,
    is_greeting,
    is_task,
    is_thanks,
    question_in,
)
from eunoe_server.providers.local.phrases import (
    CANNOT,
    GREETING,
    IDENTITY,
    NOTED,
    THANKED,
    UNKNOWN,
)

_MOST_SENTENCES = 8
_MOST_CHARACTERS_ASKED = 400  # what a question of a pasted page's length ends with


def answer(conversation: Sequence[Utterance]) -> str:
    """What to say next in this conversation."""
    notes, rest = split_notes(latest(conversation))
    asked_at = max((i for i, one in enumerate(rest) if one.role == "user"), default=None)
    if asked_at is None:
        return GREETING
    last = [sentence[-_MOST_CHARACTERS_ASKED:] for sentence in sentences(rest[asked_at].text)]
    if any(map(is_task, last)):
        return CANNOT
    question = next(
        (asked for sentence in reversed(last) if (asked := question_in(sentence))), None
    )
    if question is None:
        return _acknowledgement(last)
    told = [*notes, *(clause for one in rest[: asked_at + 1] for clause in told_in(one))]
    return _look_up(question, with_aliases(told))


def _acknowledgement(told: Sequence[str]) -> str:
    """The answer to a message that asks nothing. It does not promise that anything is kept."""
    names = (told_name(core_of(sentence), "user") for sentence in told)
    name = next(filter(None, names), None)
    if name is not None:
        return f"Nice to meet you, {name}!"
    if all(map(is_greeting, told)):
        return GREETING
    if all(map(is_thanks, told)):
        return THANKED
    return NOTED


_ASKS_WHO_WE_ARE = re.compile(
    r"\b(?:who|what) are you\b|\bwho're you\b|\byour name\b|"
    r"\bare you (?:an? )?(?:\w+ )?(?:ai|bot|chatbot|robot|human|person|real|model|llm|assistant)\b",
    re.IGNORECASE,
)
_ASKS_USERS_NAME = re.compile(
    r"\bmy (?:full |first |real |own )?name\b(?! day)|\bwho am i\b|"
    r"\bwhat am i called\b|\b(?:what|how) (?:should|do|can) (?:you|people) call me\b|\bwho i am\b",
    re.IGNORECASE,
)
_ASKS_EVERYTHING = re.compile(
    r"\babout (?:me|myself)\b|\b(?:i|have i|i've) (?:told|tell|said|say|mention\w*)\b|"
    r"\bdid i (?:tell|say|mention)\b|\bwe (?:talk|discuss)",
    re.IGNORECASE,
)
_ASKS_THE_USER = re.compile(r"\b(?:i|me|my|mine|we|our|us)\b", re.IGNORECASE)
_ASKS_US = re.compile(
    r"\b(?:did|have|had|were|was) you\b|\byou (?:told|tell|said|say|recommend|suggest|advise|"
    r"mention|answer|gave|give)|\byour (?:advice|answer|suggestion|recommendation)",
    re.IGNORECASE,
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sep(?:t|tember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATED = re.compile(
    rf"\b(?:19|20)\d\d\b|\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}\b|\b{_MONTH} \d",
    re.IGNORECASE,
)
_A_TIME = re.compile(
    rf"\d|\b{_MONTH}\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day|\b(?:yesterday|today|tomorrow|"
    r"tonight|ago|last|next|morning|evening|noon|spring|summer|autumn|winter)\b",
    re.IGNORECASE,
)
_A_PLACE = re.compile(r"\b(?:in|at|to|from|near|on) (?:the )?[A-Z]")
_A_NAME = re.compile(r"(?<=\w )(?!I\b)[A-Z]\w+")
_A_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|dozen|twenty|thirty)\b",
    re.IGNORECASE,
)
# What a question wants to hear; where two clauses tell the same, the one that holds it answers.
_WANTED = (
    (re.compile(r"\bwhen\b|\bwhat (?:time|day|date|year)\b", re.IGNORECASE), _A_TIME),
    (re.compile(r"\bwhere\b", re.IGNORECASE), _A_PLACE),
    (re.compile(r"\bwho\b|\bname|\bcalled\b", re.IGNORECASE), _A_NAME),
    (re.compile(r"\bhow (?:many|much|old|long|tall|far|big)\b", re.IGNORECASE), _A_NUMBER),
)
_ANSWERING_BONUS = 0.2
_SPEAKER_BONUS = 0.3
_SUBJECT_BONUS = 0.1  # `Your cat …`, rather than somebody who does not like cats
_WIDE_MALUS = 0.05
# Answers that tell about the same are given together where there can be several.
_ABOUT_AS_GOOD = 0.25


@dataclass(frozen=True, slots=True)
class _Question:
    """What a question asks about, reduced to what can be compared."""

    concepts: tuple[Concept, ...]
    stems: frozenset[str]
    #: Somebody or something named; an answer is about exactly this.
    required: frozenset[str]
    wanted: re.Pattern[str] | None
    asks_the_user: bool
    asks_us: bool
    is_open: bool

    @classmethod
    def parse(cls, text: str) -> _Question:
        concepts = [concept for concept in CONCEPTS if concept.asked.search(text)]
        for narrower, wider in ((DISLIKE, LIKE), (AVOIDED_FOOD, FOOD)):
            if narrower in concepts and wider in concepts:
                concepts.remove(wider)
        if AVOIDED_FOOD in concepts and DISLIKE in concepts:
            concepts.remove(AVOIDED_FOOD)
        spoken = [word for word in words(text) if word.lower() not in STOP_WORDS]
        covered = frozenset().union(*(concept.covers for concept in concepts))
        stems = frozenset(map(stem, spoken)) - covered
        named = {stem(word) for word in spoken if word[0].isupper() and not text.startswith(word)}
        required = frozenset(named | (stems & BEINGS)) - covered
        asks_us = _ASKS_US.search(text) is not None
        return cls(
            concepts=tuple(concepts),
            stems=stems,
            required=required,
            wanted=next((told for asked, told in _WANTED if asked.search(text)), None),
            asks_the_user=bool(_ASKS_THE_USER.search(text))
            and not (required or asks_us)
            and not any(concept.is_of_beings for concept in concepts),
            asks_us=asks_us,
            is_open=not concepts and not stems - required,
        )

    def rate(self, clause: Clause) -> float:
        """How well a clause answers; 0 when it does not."""
        if not self.required <= clause.stems or (self.asks_the_user and clause.is_of_another):
            return 0.0
        told = sum(concept.weight for concept in self.concepts if concept.is_told_in(clause.said))
        told += sum(map(_weight, self.stems & clause.stems))
        asked = sum(concept.weight for concept in self.concepts) + sum(map(_weight, self.stems))
        # Half of what was asked is not the answer: somebody's name is not the sister's.
        if asked == 0 or told / asked <= 0.5:
            return 0.0
        rating = told / asked
        if self.wanted and self.wanted.search(clause.said):
            rating += _ANSWERING_BONUS
        if self.required & {stem(word) for word in words(clause.said)[:4]}:
            rating += _SUBJECT_BONUS
        if clause.is_wide:
            rating -= _WIDE_MALUS
        if clause.speaker == "assistant":
            rating += _SPEAKER_BONUS if self.asks_us else -_SPEAKER_BONUS
        return rating


def _weight(word_stem: str) -> float:
    return 0.4 if word_stem in LIGHT_STEMS else 1.0


def _look_up(text: str, told: Sequence[Clause]) -> str:
    if _ASKS_WHO_WE_ARE.search(text):
        return IDENTITY
    if _ASKS_USERS_NAME.search(text):
        return _users_name(told)
    question = _Question.parse(text)
    if not question.concepts and not question.stems:
        if not _ASKS_EVERYTHING.search(text):
            return UNKNOWN
        return _together([c for c in told if c.speaker == "user" and not c.is_wide])
    rated = [(rating, clause) for clause in told if (rating := question.rate(clause)) > 0]
    if not rated:
        return UNKNOWN
    best = max(rating for rating, _ in rated)
    if question.is_open or any(concept.is_plural for concept in question.concepts):
        good = [clause for rating, clause in rated if rating >= best - _ABOUT_AS_GOOD]
        return _together([c for c in good if not c.is_wide] or good)
    # What was said last is what holds now.
    chosen = next(clause for rating, clause in reversed(rated) if rating == best)
    if question.wanted is _A_TIME and chosen.said_on and not _DATED.search(chosen.said):
        return f"{_quoted(chosen)} (That was said on {chosen.said_on}.)"
    return _quoted(chosen)


def _users_name(told: Sequence[Clause]) -> str:
    for speaker in ("user", "assistant"):
        names = [clause.name for clause in told if clause.name and clause.speaker == speaker]
        if names:
            return f"Your name is {names[-1]}."
    return UNKNOWN


def _together(good: Sequence[Clause]) -> str:
    """Each thing once, in the order it was said."""
    lines = list(dict.fromkeys(map(_quoted, good)))
    lines = [line for line in lines if not any(line != other and line in other for other in lines)]
    return " ".join(lines[-_MOST_SENTENCES:]) or UNKNOWN


def _quoted(clause: Clause) -> str:
    return f'I said: "{clause.said}"' if clause.speaker == "assistant" else clause.said
