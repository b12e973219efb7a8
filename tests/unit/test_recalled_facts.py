"""Facts and messages in one block of notes: nothing twice, and nothing that no longer holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from eunoe_server.domain.notes import MAX_NOTE_CHARACTERS, Note, without_repeats
from eunoe_server.domain.recalled import Quote, without_spans
from eunoe_server.domain.search_entry import SearchObject

NOON = datetime(2025, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "spans", "left"),
    [
        ("I live in Paris.", [], "I live in Paris."),
        ("I live in Paris.", [(0, 15)], ""),
        ("I live in Paris and I love tea.", [(0, 15)], " … and I love tea."),
        ("I love tea. I live in Paris.", [(12, 27)], "I love tea. … ."),
        ("one two three four", [(8, 13), (0, 3)], " … two … four"),
        ("one two three four", [(0, 7), (4, 13), (0, 13)], " … four"),
        ("tea", [(0, 99)], ""),
    ],
)
def test_what_no_longer_holds_is_cut_out_of_a_quote(
    text: str, spans: list[tuple[int, int]], left: str
) -> None:
    assert without_spans(text, spans).split() == left.split()


def message(text: str, relevance: float, message_id: str = "m1") -> Note:
    return Note(Quote(SearchObject.MESSAGE, 1, message_id, "d1", "user", NOON, text), relevance)


def fact(relevance: float, *mentions: tuple[str, str]) -> Note:
    quote = Quote(
        SearchObject.MEMORY, 2, "f1", "d1", "preference", NOON, "The user loves tea.",
        frozenset(mentions),
    )  # fmt: skip
    return Note(quote, relevance)


def test_a_fact_gives_way_to_its_message_and_lends_it_its_relevance() -> None:
    said, other = message("I love tea.", 0.4), message("Hello.", 0.5, "m2")
    (kept, same) = without_repeats([said, fact(0.7, ("d0", "m1"), ("d1", "m1")), other])
    assert (kept.quote, kept.relevance) == (said.quote, 0.7)
    assert same == other
    assert (
        without_repeats([message("I love tea.", 0.8), fact(0.7, ("d1", "m1"))])[0].relevance == 0.8
    )


def test_a_fact_stays_where_its_message_is_absent_too_long_or_cut_away() -> None:
    lone = fact(0.7, ("d2", "m1"))
    assert without_repeats([message("I love tea.", 0.4), lone])[1] == lone
    said = fact(0.7, ("d1", "m1"))
    long = message("tea " * MAX_NOTE_CHARACTERS, 0.4)
    assert without_repeats([long, said]) == [long, said]
    assert without_repeats([message("", 0.4), said]) == [said]
