"""Learning: what a batch of facts does to those that are known, before anything is written.

Each fact is merged on its own (`fact.merge`), in order, with what the ones before it have done. A
message counts as one observation of a fact, however often it says it.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from eunoe_server.domain.fact import Fact, KnownFact, Operation, merge, normalised


class Outcome(enum.StrEnum):
    """What became of a fact that was found; the words of `memory.proto`."""

    CREATED = "created"
    STRENGTHENED = "strengthened"
    RETRACTED = "retracted"


@dataclass(frozen=True, slots=True)
class Effect:
    """What one fact that was found did to one fact that is kept."""

    found: Fact
    #: The kept fact's id.
    fact_id: str
    outcome: Outcome
    #: Ids of the facts that this closed because it contradicts them.
    superseded_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is to be written. Every fact is as it is in the end."""

    #: With the first thing that was found of each.
    inserted: tuple[tuple[KnownFact, Fact], ...]
    changed: tuple[KnownFact, ...]
    #: In the order of what was found. A retraction has one for each fact that it closed.
    effects: tuple[Effect, ...]


def learn(known: Sequence[KnownFact], found: Sequence[Fact], new_id: Callable[[], str]) -> Lesson:
    """What becomes of `known` when all of `found` is learned, in order.

    `known` is every fact, closed ones included, that has the slot or the words of one of `found`.
    """
    kept = _Kept(known)
    first: dict[str, Fact] = {}
    effects: list[Effect] = []
    said: set[tuple[str, int]] = set()
    for fact in found:
        alike = kept.like(fact)
        merged = merge(alike, fact, new_id())
        if fact.operation is Operation.RETRACT:
            effects += [Effect(fact, each.id, Outcome.RETRACTED) for each in merged.changed]
            kept.put(merged.changed)
            continue
        if merged.inserted:
            winner, outcome = merged.inserted, Outcome.CREATED
            first[winner.id] = fact
        else:
            # A merge that inserts nothing ends with the fact that was said again.
            winner, outcome = merged.changed[-1], Outcome.STRENGTHENED
        if (winner.id, fact.provenance.message_index) in said:
            continue
        said.add((winner.id, fact.provenance.message_index))
        closed = tuple(each.id for each in merged.changed if each.id != winner.id)
        effects.append(Effect(fact, winner.id, outcome, closed))
        kept.put((*merged.changed, *filter(None, [merged.inserted])))
    before = {fact.id: fact for fact in known}
    return Lesson(
        inserted=tuple((kept.by_id[fact_id], fact) for fact_id, fact in first.items()),
        changed=tuple(
            fact for fact in kept.by_id.values() if fact.id in before and fact != before[fact.id]
        ),
        effects=tuple(effects),
    )


class _Kept:
    """Facts by what a new one may have in common with them."""

    def __init__(self, facts: Iterable[KnownFact]) -> None:
        self.by_id: dict[str, KnownFact] = {}
        # Ids in the order in which they came, as keys.
        self._by_slot: dict[str, dict[str, None]] = defaultdict(dict)
        self._by_text: dict[str, dict[str, None]] = defaultdict(dict)
        self.put(facts)

    def put(self, facts: Iterable[KnownFact]) -> None:
        for fact in facts:
            self.by_id[fact.id] = fact
            self._by_slot[fact.slot][fact.id] = None
            self._by_text[normalised(fact.text)][fact.id] = None

    def like(self, fact: Fact) -> list[KnownFact]:
        ids = self._by_slot[fact.slot] | self._by_text[normalised(fact.text)]
        return [self.by_id[each] for each in ids]
