"""What was said so far, clause by clause, each ready to be repeated to the user.

The user's "I" becomes "you"; what others said is quoted. Notes of earlier conversations come in
the block that the server puts into a request, and are read leniently.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from eunoe_server.providers.local.concepts import BEINGS
from eunoe_server.providers.local.english import (
    about_the_user,
    as_sentence,
    clauses,
    sentences,
    stem,
    to_second_person,
    words,
)
from eunoe_server.providers.local.kinds import (
    core_of,
    is_greeting,
    is_task,
    is_thanks,
    question_in,
)
from eunoe_server.providers.local.phrases import PHRASES

# Rules read one sentence after the other. What is longer than these was pasted, and what is older
# is what notes are for.
_MOST_CHARACTERS = 32_000
_MOST_CHARACTERS_OF_A_SENTENCE = 400


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message of the request, as text."""

    role: str
    text: str
    #: Who of several users said it, where the message has a name.
    name: str = ""


def latest(conversation: Sequence[Utterance]) -> list[Utterance]:
    """As much of the conversation's end as is read."""
    read: list[Utterance] = []
    left = _MOST_CHARACTERS
    for one in reversed(conversation):
        if left <= 0:
            break
        read.append(replace(one, text=one.text[-left:]))
        left -= len(one.text)
    return read[::-1]


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing somebody said, ready to be repeated to the user."""

    said: str
    stems: frozenset[str]
    #: `user`, `assistant`, or the name of somebody else.
    speaker: str
    #: Its subject is neither the user nor something of the user's.
    is_of_another: bool
    #: It holds more than the one thing: a whole sentence, or the one before as well.
    is_wide: bool
    #: The user's own name, if this tells it.
    name: str | None
    #: The day it was said, when it comes from a note.
    said_on: str = ""


_NOTES = re.compile(r"<memory-notes\b[^>]{0,200}>(.*?)(?:</memory-notes>|\Z)", re.DOTALL)
_NOTE = re.compile(r"^[ \t]*- *\[(?P<origin>[^\]\n]{0,200})\] *(?P<text>.+)$", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# What a note is filed under when the user said it, or nobody in particular.
_USER_LABELS = frozenset(
    {"", "user", "human", "memory", "fact", "preference", "goal", "experience", "relationship"}
)
_NAME = r"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?[^\W\d_][\w'-]*"
_MORE_NAMES = rf"(?: (?=[A-Z]){_NAME})*"
_NAMED = rf"\s+(?!not\b|still\b)(?P<name>{_NAME}{_MORE_NAMES})"
_USER_TOLD_NAME = re.compile(
    r"(?i:\bmy (?:full |first |real )?name(?: is|'s)|\b(?:the )?user's name is|"
    rf"\bi(?:'m| am) called|^(?:you can )?(?:just )?call me|\bi go by){_NAMED}"
)
_ASSISTANT_TOLD_NAME = re.compile(rf"(?i:\byour name is){_NAMED}")
_SAID_WHO = re.compile(
    rf"^(?i:i am|i'm) (?P<name>(?=[A-Z]){_NAME}{_MORE_NAMES})(?=$|[.!,]| and\b| from\b)"
)
_DEMONYM = re.compile(
    r"(?:American|Irish|French|German|Dutch|Swiss|Greek|Czech|Thai|Welsh|Italian|Russian|Indian|"
    r"Brazilian|Mexican|Canadian|Australian|Austrian|Ukrainian|Korean|Norwegian|African|Asian|"
    r"European|Christian|Muslim|Catholic|Hindu|Jewish|Buddhist|\w+(?:ese|ish))$"
)
_THIRD_PERSON = re.compile(r"\b(?:he|she|it|they|his|her|hers|its|their|him|them)\b", re.IGNORECASE)
_OF_ANOTHER = re.compile(r"^(?:he|she|it|they|his|her|their|its)\b", re.IGNORECASE)
_NAMED_SUBJECT = re.compile(
    r"^(?!You\b|Your\b|I\b|My\b|There\b)[A-Z]\w+ (?:is|was|has|had|will|can|\w+s|\w+ed)\b"
)
_YOU = re.compile(r"\byou\b", re.IGNORECASE)


def split_notes(conversation: Sequence[Utterance]) -> tuple[list[Clause], list[Utterance]]:
    """The notes' clauses, and the conversation without the notes."""
    asker = next((one.name for one in reversed(conversation) if one.role == "user"), "")
    notes: list[Clause] = []
    rest: list[Utterance] = []
    for one in conversation:
        text = one.text
        if one.role != "assistant":
            for block in _NOTES.findall(text):
                for note in _NOTE.finditer(block):
                    notes += _told_in_note(note["origin"], note["text"], asker)
            text = _NOTES.sub("", text).strip()
        if text:
            is_others = one.role == "user" and one.name not in ("", asker)
            rest.append(replace(one, text=text, role=one.name if is_others else one.role))
    return notes, rest


def _told_in_note(origin: str, text: str, asker: str) -> Iterator[Clause]:
    parts = [part.strip() for part in html.unescape(origin).split(",")]
    said_on = next((part for part in parts if _DATE.match(part)), "")
    labels = [p for p in parts if p and not _DATE.match(p) and not p.startswith("chat ")]
    speaker = labels[0] if labels else ""
    if speaker.lower() in _USER_LABELS or speaker == asker:
        speaker = "user"
    for clause in told_in(Utterance(speaker, html.unescape(text))):
        yield replace(clause, said_on=said_on)


def told_in(one: Utterance) -> list[Clause]:
    """What a message states; its questions, tasks and courtesies state nothing."""
    if one.role in {"system", "developer", "tool", "function"} or one.text.strip() in PHRASES:
        return []
    found: list[Clause] = []
    antecedent = ""
    for sentence in sentences(one.text):
        if len(sentence) > _MOST_CHARACTERS_OF_A_SENTENCE:
            continue
        core = core_of(sentence)
        if any(does(sentence) for does in (question_in, is_task, is_greeting, is_thanks)):
            continue
        parts: list[Clause] = []
        for clause in clauses(core):
            refers_back = antecedent and _THIRD_PERSON.search(clause)
            parts.append(_clause(clause, one.role, antecedent if refers_back else ""))
            if not refers_back:
                antecedent = clause
        found += parts
        if len(parts) > 1 and not any(part.is_of_another for part in parts):
            # `I used to smoke, but I quit in May.`: when it was what, only both say.
            found.append(replace(_clause(core, one.role, ""), is_wide=True))
    return found


def _clause(text: str, speaker: str, antecedent: str) -> Clause:
    """`antecedent` is what was said before, when "she" or "it" in `text` goes back to it."""
    parts = [part for part in (antecedent, text) if part]
    if speaker == "user":
        parts = [about_the_user(to_second_person(part)) for part in parts]
    said = " ".join(map(as_sentence, parts))
    stems = {stem(word) for part in (antecedent, text) for word in words(part)}
    is_quoted = speaker not in {"user", "assistant"}
    if is_quoted:
        stems |= {stem(word) for word in words(speaker)}
        said = f'{speaker} said: "{said}"'
    return Clause(
        said=said,
        stems=frozenset(stems),
        speaker=speaker,
        is_of_another=is_quoted or _is_of_another(as_sentence(parts[-1])),
        is_wide=bool(antecedent),
        name=told_name(text, speaker),
    )


def _is_of_another(said: str) -> bool:
    if _OF_ANOTHER.match(said):
        return True
    if _NAMED_SUBJECT.match(said) and not _YOU.search(said):
        return True
    subject = words(said)[:3]
    return (
        bool(subject)
        and subject[0].lower() in {"your", "the", "a", "an", "my", "our"}
        and any(stem(word) in BEINGS for word in subject[1:])
    )


def told_name(text: str, speaker: str) -> str | None:
    """The user's name, if the user or the assistant tells it here."""
    match = None
    if speaker == "user":
        match = _USER_TOLD_NAME.search(text) or _SAID_WHO.match(text)
    elif speaker == "assistant":
        match = _ASSISTANT_TOLD_NAME.search(text)
    if match is None or _DEMONYM.match(match["name"]):
        return None
    name = match["name"]
    return name if name[0].isupper() else name.capitalize()


_ALIASES = (
    re.compile(
        r"\b[Yy]our (?:[a-z]+ )?(?P<being>[a-z]+)"
        r"(?:'s name is| is(?: called| named)?| named| called|,)? (?P<name>[A-Z]\w+)"
    ),
    re.compile(r"\b(?P<name>[A-Z]\w+),? (?:is )?your (?:[a-z]+ )?(?P<being>[a-z]+)"),
    re.compile(r"\ban? (?:[a-z]+ )?(?P<being>[a-z]+),? (?:named |called )?(?P<name>[A-Z]\w+)"),
    re.compile(
        r"\b(?P<being>[a-z]+)\. (?:His|Her|Its) name is (?P<name>[A-Z]\w+)",
    ),
)


def with_aliases(told: Sequence[Clause]) -> list[Clause]:
    """`Mia is my sister` makes what is said of Mia said of the sister."""
    being_of: dict[str, str] = {}
    for clause in told:
        for alias in _ALIASES:
            for match in alias.finditer(clause.said):
                if stem(match["being"]) in BEINGS:
                    being_of[stem(match["name"])] = stem(match["being"])
    return [
        replace(clause, stems=clause.stems | {being_of[s] for s in clause.stems if s in being_of})
        for clause in told
    ]
