"""Learning a batch: each fact with what those before it did, and each message counted once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from eunoe_server.domain.fact import Fact, FactType, KnownFact, Operation, Provenance
from eunoe_server.domain.learning import Lesson, Outcome, learn

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def home(
    place: str, day: int = 0, *, message: int | None = None, operation: str = "assert"
) -> Fact:
    return Fact(
        text=f"The user lives in {place}.",
        type=FactType.FACT,
        confidence=0.8,
        slot="user.home",
        value=place.lower(),
        is_negated=False,
        operation=Operation(operation),
        provenance=Provenance(day if message is None else message, "user", 0, 5),
        valid_from=START + day * DAY,
        extractor="rules/1",
    )


def known(fact_id: str, place: str) -> KnownFact:
    return KnownFact(
        id=fact_id,
        text=f"The user lives in {place}.",
        type=FactType.FACT,
        confidence=0.8,
        slot="user.home",
        value=place.lower(),
        is_negated=False,
        valid_from=START - DAY,
        last_said_at=START - DAY,
    )


def lesson(known_facts: list[KnownFact], *found: Fact) -> Lesson:
    numbers = count()
    return learn(known_facts, found, lambda: f"new{next(numbers)}")


def test_a_batch_is_learnt_in_order_and_every_fact_is_as_it_is_in_the_end() -> None:
    learnt = lesson([], home("Paris", 0), home("Berlin", 1), home("Rome", 2))
    assert [(fact.value, fact.valid_to, fact.superseded_by) for fact, _ in learnt.inserted] == [
        ("paris", START + DAY, "new1"),
        ("berlin", START + 2 * DAY, "new2"),
        ("rome", None, None),
    ]
    assert learnt.changed == ()
    assert [(each.outcome, each.superseded_ids) for each in learnt.effects] == [
        (Outcome.CREATED, ()),
        (Outcome.CREATED, ("new0",)),
        (Outcome.CREATED, ("new1",)),
    ]


def test_what_is_known_is_changed_and_what_is_not_touched_is_not_written() -> None:
    paris, cat = known("p", "Paris"), replace(known("c", "a boat"), slot="user.other")
    learnt = lesson([paris, cat], home("Paris"), home("Paris", 1))
    assert learnt.inserted == ()
    (changed,) = learnt.changed
    assert (changed.id, changed.observations) == ("p", 3)
    assert changed.confidence > paris.confidence
    assert [each.outcome for each in learnt.effects] == [Outcome.STRENGTHENED] * 2


def test_a_message_that_repeats_itself_is_one_observation() -> None:
    learnt = lesson([], home("Paris", message=0), home("Paris", message=0))
    ((fact, _),) = learnt.inserted
    assert fact.observations == 1
    assert len(learnt.effects) == 1


def test_a_retraction_has_an_effect_for_what_it_closes_and_none_for_what_nobody_said() -> None:
    forget = home("Paris", 1, operation="retract")
    assert lesson([], forget).effects == ()
    (effect,) = lesson([known("p", "Paris")], forget).effects
    assert (effect.fact_id, effect.outcome) == ("p", Outcome.RETRACTED)
    learnt = lesson([], home("Paris"), forget)
    ((fact, _),) = learnt.inserted
    assert (fact.valid_to, fact.superseded_by) == (START + DAY, None)
    assert [each.outcome for each in learnt.effects] == [Outcome.CREATED, Outcome.RETRACTED]
