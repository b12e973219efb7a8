"""What becomes of known facts when something is said: repeated, contradicted, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.fact import (
    MAXIMUM_CONFIDENCE,
    Fact,
    FactType,
    KnownFact,
    Operation,
    Provenance,
    merge,
    normalised,
)

START = datetime(2024, 1, 1, 12, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def said(
    text: str,
    slot: str,
    value: str = "",
    *,
    on: int = 0,
    is_negated: bool = False,
    type_: FactType = FactType.FACT,
    operation: Operation = Operation.ASSERT,
    confidence: float = 0.8,
) -> Fact:
    return Fact(
        text=text,
        type=type_,
        confidence=confidence,
        slot=slot,
        value=value,
        is_negated=is_negated,
        operation=operation,
        provenance=Provenance(message_index=0, role="user", start=0, end=1),
        valid_from=day(on),
        extractor="test/1",
    )


def lives_in(city: str, *, on: int) -> Fact:
    return said(f"The user lives in {city}.", "user.home", city.casefold(), on=on)


def likes(thing: str, *, on: int, is_negated: bool = False) -> Fact:
    verb = "does not like" if is_negated else "likes"
    return said(f"The user {verb} {thing}.", f"user.likes:{thing}", on=on, is_negated=is_negated)


def after(*facts: Fact) -> dict[str, KnownFact]:
    """What is known after `facts` arrived in this order, by text."""
    known: tuple[KnownFact, ...] = ()
    for number, fact in enumerate(facts):
        known = merge(known, fact, f"id-{number}").applied_to(known)
    return {fact.text: fact for fact in known}


def holding(known: dict[str, KnownFact], *, on: int) -> set[str]:
    return {text for text, fact in known.items() if fact.holds_at(day(on))}


def test_a_first_fact_is_inserted_and_holds_from_then_on() -> None:
    merged = merge((), lives_in("Paris", on=0), "first")
    assert merged.changed == ()
    assert merged.inserted == KnownFact(
        id="first",
        text="The user lives in Paris.",
        type=FactType.FACT,
        confidence=0.8,
        slot="user.home",
        value="paris",
        is_negated=False,
        valid_from=day(0),
        last_said_at=day(0),
        valid_to=None,
        superseded_by=None,
        observations=1,
    )


def test_moving_closes_the_old_home_and_keeps_it_as_history() -> None:
    known = after(lives_in("Paris", on=0), lives_in("Berlin", on=30))
    paris, berlin = known["The user lives in Paris."], known["The user lives in Berlin."]
    assert (paris.valid_to, paris.superseded_by) == (day(30), berlin.id)
    assert (berlin.valid_from, berlin.valid_to) == (day(30), None)
    assert holding(known, on=10) == {"The user lives in Paris."}
    assert holding(known, on=40) == {"The user lives in Berlin."}


def test_another_wording_of_the_same_home_repeats_it() -> None:
    moved = said("The user moved to Berlin.", "user.home", "berlin", on=5)
    known = after(lives_in("Berlin", on=0), moved)
    assert list(known) == ["The user lives in Berlin."]
    assert known["The user lives in Berlin."].observations == 2


def test_a_repeated_fact_grows_surer_and_never_certain() -> None:
    known = after(*(likes("tea", on=number) for number in range(50)))["The user likes tea."]
    assert (known.observations, known.confidence) == (50, MAXIMUM_CONFIDENCE)
    once_more = after(likes("tea", on=0), likes("tea", on=1))["The user likes tea."]
    assert once_more.confidence == pytest.approx(0.88)  # 0.8 and half of 0.2, weighted 0.8


def test_a_repetition_never_makes_a_fact_less_sure() -> None:
    sure = replace(likes("tea", on=0), confidence=1.0)
    assert after(sure, likes("tea", on=1))["The user likes tea."].confidence == 1.0


def test_a_dislike_closes_the_like_of_the_same_thing_only() -> None:
    known = after(likes("tea", on=0), likes("rum", on=0), likes("tea", on=9, is_negated=True))
    assert holding(known, on=10) == {"The user likes rum.", "The user does not like tea."}


def test_a_denied_home_closes_that_home_only() -> None:
    no_longer = said("The user left Oslo.", "user.home", "oslo", on=9, is_negated=True)
    assert holding(after(lives_in("Oslo", on=0), no_longer), on=9) == {"The user left Oslo."}
    assert holding(after(lives_in("Rome", on=0), no_longer), on=9) == {
        "The user lives in Rome.",
        "The user left Oslo.",
    }


def test_two_denied_homes_stand_side_by_side() -> None:
    first = said("Not Oslo.", "user.home", "oslo", on=0, is_negated=True)
    second = said("Not Rome.", "user.home", "rome", on=1, is_negated=True)
    assert holding(after(first, second), on=2) == {"Not Oslo.", "Not Rome."}


def test_quitting_empties_the_employer_and_stays_true_under_the_next_one() -> None:
    works = said("The user works at Acme.", "user.employer", "acme", on=0)
    quit_ = said(
        "The user quit their job.",
        "user.employer",
        on=5,
        is_negated=True,
        type_=FactType.EXPERIENCE,
    )
    joins = said("The user works at Initech.", "user.employer", "initech", on=9)
    known = after(works, quit_, joins)
    assert holding(known, on=7) == {"The user quit their job."}
    assert holding(known, on=10) == {"The user quit their job.", "The user works at Initech."}


def test_two_visits_are_two_events_unless_told_in_the_same_words() -> None:
    def visit(text: str, on: int) -> Fact:
        return said(text, "user.experience:visited japan", on=on, type_=FactType.EXPERIENCE)

    known = after(
        visit("The user visited Japan in 2019.", 0),
        visit("The user visited Japan in 2023.", 1),
        visit("The user visited Japan in 2023.", 2),
    )
    assert {text: fact.observations for text, fact in known.items()} == {
        "The user visited Japan in 2019.": 1,
        "The user visited Japan in 2023.": 2,
    }


def test_equal_texts_are_one_fact_whatever_their_slots() -> None:
    by_rules = said("The user plays chess.", "user.plays:chess", on=0)
    by_model = said("the user plays  chess", "user.hobby:chess", on=1)
    assert after(by_rules, by_model)["The user plays chess."].observations == 2


def test_forgetting_closes_and_puts_nothing_in_place() -> None:
    forget = replace(likes("tea", on=5), operation=Operation.RETRACT)
    known = after(likes("tea", on=0), likes("rum", on=0), forget)
    tea = known["The user likes tea."]
    assert (tea.valid_to, tea.superseded_by, tea.observations) == (day(5), None, 1)
    assert holding(known, on=6) == {"The user likes rum."}


def test_forgetting_a_slot_forgets_whatever_fills_it() -> None:
    forget = said("The user's home.", "user.home", on=5, operation=Operation.RETRACT)
    assert holding(after(lives_in("Paris", on=0), forget), on=6) == set()


def test_forgetting_what_is_not_known_changes_nothing() -> None:
    forget = replace(lives_in("Rome", on=5), operation=Operation.RETRACT)
    merged = merge(tuple(after(lives_in("Paris", on=0)).values()), forget, "none")
    assert (merged.inserted, merged.changed) == (None, ())


def test_what_was_forgotten_can_be_learnt_again() -> None:
    forget = replace(likes("tea", on=5), operation=Operation.RETRACT)
    again = replace(likes("tea", on=9), text="The user loves tea.")
    known = after(likes("tea", on=0), forget, again)
    assert known["The user likes tea."].valid_to == day(5)
    assert known["The user loves tea."].valid_from == day(9)


def test_news_from_the_past_goes_into_the_past() -> None:
    known = after(lives_in("Berlin", on=30), lives_in("Paris", on=0))
    paris, berlin = known["The user lives in Paris."], known["The user lives in Berlin."]
    assert (paris.valid_from, paris.valid_to, paris.superseded_by) == (day(0), day(30), berlin.id)
    assert holding(known, on=40) == {"The user lives in Berlin."}


def test_news_between_two_known_facts_takes_its_place_between_them() -> None:
    known = after(lives_in("Paris", on=0), lives_in("Berlin", on=30), lives_in("Rome", on=15))
    ends = {fact.value: fact.valid_to for fact in known.values()}
    assert ends == {"paris": day(15), "rome": day(30), "berlin": None}
    assert known["The user lives in Paris."].superseded_by == known["The user lives in Rome."].id


def test_what_was_true_earlier_than_known_began_earlier() -> None:
    known = after(lives_in("Berlin", on=30), lives_in("Berlin", on=10))
    assert known["The user lives in Berlin."].valid_from == day(10)


def test_said_before_and_after_outlasts_what_is_heard_late_from_between() -> None:
    known = after(lives_in("Paris", on=0), lives_in("Paris", on=30), lives_in("Rome", on=15))
    rome = known["The user lives in Rome."]
    assert (rome.valid_from, rome.valid_to) == (day(15), day(30))
    assert holding(known, on=40) == {"The user lives in Paris."}


def test_at_the_same_moment_the_later_arrival_wins() -> None:
    known = after(lives_in("Paris", on=0), lives_in("Rome", on=0))
    assert holding(known, on=0) == {"The user lives in Rome."}
    assert set(known) == {"The user lives in Paris.", "The user lives in Rome."}


CITIES = ("Paris", "Rome", "Oslo")


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(CITIES)), unique_by=lambda it: it[0]),
    st.randoms(use_true_random=False),
)
def test_in_any_order_of_arrival_the_last_said_holds_and_nothing_is_lost(
    moves: list[tuple[int, str]], order: Random
) -> None:
    arriving = list(moves)
    order.shuffle(arriving)
    known: tuple[KnownFact, ...] = ()
    ids = count()
    for on, city in arriving:
        before = {fact.id: fact for fact in known}
        known = merge(known, lives_in(city, on=on), f"id-{next(ids)}").applied_to(known)
        nothing_was_rewritten(before, known)
    assert sum(fact.observations for fact in known) == len(moves)
    for on in range(62):
        told = [city for moment, city in sorted(moves) if moment <= on]
        now = {fact.value for fact in known if fact.holds_at(day(on))}
        assert (told[-1].casefold() in now) if told else not now
    if moves:
        last = max(moves)[1].casefold()
        assert {fact.value for fact in known if fact.holds_at(day(100))} == {last}


def nothing_was_rewritten(before: dict[str, KnownFact], known: Sequence[KnownFact]) -> None:
    fixed = ("id", "text", "type", "slot", "value", "is_negated")
    now = {fact.id: fact for fact in known}
    for identity, fact in before.items():
        assert all(getattr(now[identity], name) == getattr(fact, name) for name in fixed)
        assert now[identity].observations >= fact.observations
        assert now[identity].confidence >= fact.confidence


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The user likes tea.", "the user likes tea"),
        ("It\u2019s  fine!", "it's fine"),
        ("\uff34\uff45\uff41", "tea"),
        ("Straße", "STRASSE"),
    ],
)
def test_texts_that_differ_in_form_alone_are_equal(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_a_slot_with_an_object_has_room_for_many() -> None:
    assert likes("tea", on=0).is_exclusive is False
    assert lives_in("Paris", on=0).is_exclusive is True
    assert lives_in("Paris", on=0).subject == "user"
