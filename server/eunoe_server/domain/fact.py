"""Facts: what was said about a person, where, since when, and what becomes of it later.

A fact never changes its words. A newer one that contradicts it closes it, a repeated one makes it
surer, and a request to forget closes it with nothing in its place; the rest is history that stays
readable. Whether a candidate may become a fact at all is decided in `fact_screening`; where facts
come from, in `providers/extractors`. This module reads no text for meaning and knows no storage.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime


class FactType(enum.StrEnum):
    """The five types of seed 004."""

    PREFERENCE = "preference"
    FACT = "fact"
    EXPERIENCE = "experience"
    GOAL = "goal"
    RELATIONSHIP = "relationship"


class Operation(enum.StrEnum):
    """What a statement asks for: to hold something as true, or to hold it no longer."""

    ASSERT = "assert"
    RETRACT = "retract"


@dataclass(frozen=True, slots=True)
class ExtractionMessage:
    """One message as extractors see it: its place in the batch, who spoke, the plain text, when."""

    index: int
    role: str
    text: str
    created_at: datetime
    #: The speaker's name, where people talk with each other. Empty: "the user".
    name: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which characters of which message say it. `end` is one past the last."""

    message_index: int
    role: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Fact:
    """A candidate, as an extractor gives it.

    `slot` is what two facts share when one repeats or contradicts the other:
    `subject.attribute` for what a person has one of (`user.home`), where `value` tells two apart;
    `subject.attribute:object` for what there may be many of (`user.likes:typescript`), where only
    the polarity can differ.
    """

    #: A whole sentence in the third person: "The user loves TypeScript."
    text: str
    type: FactType
    #: 0 to 1: how sure the extractor is that the speaker said and meant this.
    confidence: float
    slot: str
    #: What fills an exclusive slot, normalised: "paris". With `is_negated`, empty means that
    #: nothing fills it any more ("I quit my job"); in a retraction, that whatever fills it goes.
    value: str
    is_negated: bool
    operation: Operation
    provenance: Provenance
    #: Since when it holds: the time of the event where it is known, else of the message.
    valid_from: datetime
    #: Name and version of what found it, such as `rules/1`.
    extractor: str

    @property
    def subject(self) -> str:
        """Whom it is about: `user`, or a named speaker in lower case."""
        return self.slot.split(".", 1)[0]

    @property
    def is_exclusive(self) -> bool:
        """A person has one home, but several likes."""
        return is_exclusive(self.slot)


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact that is stored, as far as a merge needs it."""

    id: str
    text: str
    type: FactType
    confidence: float
    slot: str
    value: str
    is_negated: bool
    valid_from: datetime
    #: When it was said last; `valid_from` is when it began.
    last_said_at: datetime
    #: When it stopped holding; None while it holds.
    valid_to: datetime | None = None
    #: The fact that took its place. None while it holds, or when it was only retracted.
    superseded_by: str | None = None
    #: How often it was said.
    observations: int = 1

    def holds_at(self, moment: datetime) -> bool:
        """True from `valid_from` on, until `valid_to`."""
        return self.valid_from <= moment and (self.valid_to is None or moment < self.valid_to)


@dataclass(frozen=True, slots=True)
class Merge:
    """What one new fact does to those known. Nothing else may be written for it."""

    #: The new fact as it is to be stored; None when it repeats a known one or only retracts.
    inserted: KnownFact | None
    #: Known facts with another confidence, observations, valid_from, last_said_at, valid_to or
    #: superseded_by. Every other field is as it was.
    changed: tuple[KnownFact, ...]

    def applied_to(self, known: Sequence[KnownFact]) -> tuple[KnownFact, ...]:
        """`known` afterwards, so that the next fact of a batch can be merged without a read."""
        by_id = {fact.id: fact for fact in (*known, *self.changed)}
        return (*by_id.values(), self.inserted) if self.inserted else tuple(by_id.values())


#: However often something is said, it stays a report.
MAXIMUM_CONFIDENCE = 0.99


def merge(known: Sequence[KnownFact], new: Fact, new_id: str) -> Merge:
    """What becomes of `known` when `new` is learned.

    `known` is every fact, closed ones included, that has the new one's slot or its normalised
    text. Order of arrival does not matter, only event time: a fact about last year that arrives
    today goes into the past, already closed by what was said after it. At equal times the later
    arrival wins.
    """
    moment = new.valid_from
    if new.operation is Operation.RETRACT:
        return Merge(
            None,
            tuple(
                replace(fact, valid_to=moment)
                for fact in known
                if fact.holds_at(moment) and _is_meant_by(new, fact)
            ),
        )

    contradicted = [fact for fact in known if _contradicts(fact, new)]
    end, ended_by = _end(contradicted, moment)
    repeated = _repeated(known, new, end)
    winner_id = repeated.id if repeated else new_id
    changed = [
        replace(fact, valid_to=moment, superseded_by=winner_id)
        for fact in contradicted
        if fact.holds_at(moment) and fact.last_said_at <= moment and _can_end(fact)
    ]
    if repeated:
        changed.append(_strengthened(repeated, new))
        return Merge(None, tuple(changed))
    inserted = KnownFact(
        id=new_id,
        text=new.text,
        type=new.type,
        confidence=new.confidence,
        slot=new.slot,
        value=new.value,
        is_negated=new.is_negated,
        valid_from=moment,
        last_said_at=moment,
    )
    if _can_end(inserted):
        inserted = replace(inserted, valid_to=end, superseded_by=ended_by)
    return Merge(inserted, tuple(changed))


def normalised(text: str) -> str:
    """Equal for texts that differ only in case, spacing, quotes or final punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    return _SPACE.sub(" ", folded).strip(" .,;:!?\u2026")


def is_exclusive(slot: str) -> bool:
    """True for `user.home`, false for `user.likes:typescript`."""
    return ":" not in slot


_SPACE = re.compile(r"\s+")


def _can_end(fact: KnownFact) -> bool:
    """What happened has happened: a new job does not undo that the old one was quit."""
    return fact.type is not FactType.EXPERIENCE


def _end(contradicted: Sequence[KnownFact], moment: datetime) -> tuple[datetime | None, str | None]:
    """When, and by which fact, something said at `moment` was overtaken."""
    later = [(fact.valid_from, fact.id) for fact in contradicted if fact.valid_from > moment]
    # True before and said again after: what was said in between did not last.
    later += [
        (fact.last_said_at, fact.id)
        for fact in contradicted
        if fact.holds_at(moment) and fact.last_said_at > moment and _can_end(fact)
    ]
    return min(later, default=(None, None), key=lambda end: end[0] or moment)


def _repeated(known: Sequence[KnownFact], new: Fact, end: datetime | None) -> KnownFact | None:
    """The known fact that says the same of the same stretch of time."""
    moment = new.valid_from
    for fact in known:
        if _says_the_same(fact, new):
            if fact.holds_at(moment):
                return fact
            # Known from a later time on, and nothing else was true in between: it began earlier.
            if fact.valid_from > moment and (end is None or fact.valid_from <= end):
                return fact
    return None


def _strengthened(fact: KnownFact, new: Fact) -> KnownFact:
    """Half of the remaining doubt goes, as far as the new report is itself sure."""
    confidence = fact.confidence + (1 - fact.confidence) * new.confidence / 2
    return replace(
        fact,
        confidence=max(fact.confidence, min(MAXIMUM_CONFIDENCE, confidence)),
        observations=fact.observations + 1,
        valid_from=min(fact.valid_from, new.valid_from),
        last_said_at=max(fact.last_said_at, new.valid_from),
    )


def _says_the_same(fact: KnownFact, new: Fact) -> bool:
    if normalised(fact.text) == normalised(new.text):
        return True
    if FactType.EXPERIENCE in (fact.type, new.type):
        return False  # two visits to Japan are two events unless told in the same words
    return fact.slot == new.slot and fact.is_negated == new.is_negated and fact.value == new.value


def _contradicts(fact: KnownFact, new: Fact) -> bool:
    if fact.slot != new.slot:
        return False
    if not is_exclusive(new.slot):
        return fact.is_negated != new.is_negated
    if fact.is_negated != new.is_negated:
        return fact.value == new.value or (fact if fact.is_negated else new).value == ""
    return not fact.is_negated and fact.value != new.value


def _is_meant_by(retraction: Fact, fact: KnownFact) -> bool:
    if _says_the_same(fact, retraction):
        return True
    return fact.slot == retraction.slot and retraction.value == "" and retraction.is_exclusive
