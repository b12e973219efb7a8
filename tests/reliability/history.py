"""What writers meant to do, what they were told, and whether the server holds it (R29).

Every text is written once in the whole run, so that a text found twice was stored twice, and one
that nobody wrote was made up. Each thing has one writer, who goes on to its next change only after
an acknowledgement and leaves the thing alone after giving up; so at any time at most one change of
a thing is in doubt. What is in doubt may have happened or not, but wholly.

The history is append-only and knows nothing of the server; `read` in `holdings.py` does.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Keep:
    """Texts that are stored together or not at all; of a dialogue, in this order."""

    texts: tuple[str, ...]
    dialogue: str = ""


@dataclass(frozen=True, slots=True)
class Hear:
    """The one answer of a dialogue; of one that is left early, as much is stored as had come."""

    text: str
    dialogue: str


@dataclass(frozen=True, slots=True)
class Tag:
    """The tags of the memory with this text are these from now on."""

    text: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forget:
    """These texts go together: a memory, or a dialogue with all its messages."""

    texts: tuple[str, ...]


Act: TypeAlias = Keep | Hear | Tag | Forget


@dataclass(slots=True)
class Entry:
    """One act. Complete once it is acknowledged; else in doubt for ever."""

    act: Act
    acknowledged_at: float | None = None


@dataclass(slots=True)
class History:
    """The acts in the order in which they were begun."""

    entries: list[Entry] = field(default_factory=list)

    def intend(self, act: Act) -> Entry:
        """Before the first attempt."""
        self.entries.append(Entry(act))
        return self.entries[-1]

    @staticmethod
    def acknowledge(entry: Entry) -> None:
        """The server said that it is done."""
        entry.acknowledged_at = time.monotonic()

    @property
    def acknowledged(self) -> int:
        """How many acts the server has to account for."""
        return sum(entry.acknowledged_at is not None for entry in self.entries)

    def first_acknowledged_after(self, moment: float) -> float | None:
        """When (`time.monotonic`) somebody was served again."""
        times = [each.acknowledged_at for each in self.entries if each.acknowledged_at is not None]
        return min((at for at in times if at > moment), default=None)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a server holds: how often each text, the tags of memories, the order of dialogues."""

    counts: Counter[str]
    tags: Mapping[str, frozenset[str]]
    dialogues: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, text by text. All empty: nothing is."""

    lost: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    duplicated: tuple[str, ...] = ()
    #: Deleted, acknowledged, and there all the same.
    undead: tuple[str, ...] = ()
    mistagged: tuple[str, ...] = ()
    disordered: tuple[str, ...] = ()
    #: Never written.
    foreign: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether the server kept its word."""
        return not any(getattr(self, name) for name in self.__dataclass_fields__)


def judge(history: History, held: Holdings) -> Verdict:
    """Replays the history and compares."""
    held = _with_whole_answers(history, held)
    wanted: dict[str, bool] = {}  # text -> present; what is in doubt is in none
    in_doubt: list[tuple[str, ...]] = []
    tags: dict[str, set[frozenset[str]]] = {}
    spoken: dict[str, list[str]] = {}
    for entry in history.entries:
        is_certain = entry.acknowledged_at is not None
        match entry.act:
            case Keep(texts, dialogue):
                if dialogue:
                    spoken.setdefault(dialogue, []).extend(texts)
                if is_certain:
                    wanted.update(dict.fromkeys(texts, True))
                else:
                    in_doubt.append(texts)
            case Hear(text, dialogue):
                spoken.setdefault(dialogue, []).append(text)
                if is_certain:
                    wanted[text] = True
                else:
                    in_doubt.append((text,))
            case Forget(texts):
                if is_certain:
                    wanted.update(dict.fromkeys(texts, False))
                else:
                    in_doubt.append(texts)
                    for text in texts:
                        wanted.pop(text, None)
            case Tag(text, new):
                before = tags.get(text, {frozenset()})
                tags[text] = {frozenset(new)} | (set() if is_certain else before)
    known = set(wanted).union(*in_doubt)
    return Verdict(
        lost=_texts(text for text, present in wanted.items() if present and not held.counts[text]),
        undead=_texts(
            text for text, present in wanted.items() if not present and held.counts[text]
        ),
        partial=_texts(group[0] for group in in_doubt if 0 < _present(group, held) < len(group)),
        duplicated=_texts(text for text, count in held.counts.items() if count > 1),
        mistagged=_texts(
            text
            for text, allowed in tags.items()
            if held.counts[text] and held.tags.get(text, frozenset()) not in allowed
        ),
        disordered=_texts(
            name
            for name, texts in held.dialogues.items()
            if not _is_in_order(texts, spoken.get(name, []))
        ),
        foreign=_texts(text for text in held.counts if text not in known),
    )


def _with_whole_answers(history: History, held: Holdings) -> Holdings:
    """The same, with each cut answer counted as the whole one.

    Short ones are alike in many dialogues (`You `) and twice in none. One that was heard to its end
    has to be there to its end.
    """
    answers = {
        entry.act.dialogue: entry.act.text
        for entry in history.entries
        if isinstance(entry.act, Hear) and entry.acknowledged_at is None
    }
    counts, dialogues = held.counts.copy(), dict(held.dialogues)
    for name, answer in answers.items():
        cut = [text for text in held.dialogues.get(name, ()) if answer.startswith(text)]
        counts.subtract(cut)
        counts[answer] += len(cut)
        dialogues[name] = [
            answer if answer.startswith(text) else text for text in held.dialogues.get(name, ())
        ]
    return Holdings(+counts, held.tags, dialogues)


def _texts(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(found))


def _present(group: Sequence[str], held: Holdings) -> int:
    return sum(held.counts[text] > 0 for text in group)


def _is_in_order(texts: Sequence[str], spoken: Sequence[str]) -> bool:
    places = {text: place for place, text in enumerate(spoken)}
    found = [places[text] for text in texts if text in places]
    return found == sorted(found)
