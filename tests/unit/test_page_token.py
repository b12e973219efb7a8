"""Page tokens: what they stand for survives, and what is not one is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.listing import Listing, is_newest_first, page_limit
from eunoe_server.domain.memory import MemoryFilter
from eunoe_server.domain.page import Place
from eunoe_server.domain.page_token import read_token, write_token
from eunoe_server.errors import InvalidParameter

PLACE = Place(datetime(2025, 1, 15, 10, 30, 0, 123456, tzinfo=UTC), 42)
LISTING = Listing("memories", 1, ("alice", MemoryFilter(is_fact=True)), newest_first=True)
TOKEN = write_token(PLACE, LISTING)


@given(
    moment=st.datetimes(timezones=st.just(UTC)),
    key=st.integers(min_value=0, max_value=2**63 - 1),
)
def test_a_token_gives_back_the_place_it_was_made_of(moment: datetime, key: int) -> None:
    token = write_token(Place(moment, key), LISTING)
    assert read_token(token, LISTING) == Place(moment, key)
    assert token.replace("-", "").replace("_", "").isalnum()


def test_a_token_is_the_same_for_the_same_moment_in_another_offset() -> None:
    moment = PLACE.created_at.astimezone(timezone(timedelta(hours=-3)))
    assert write_token(Place(moment, PLACE.key), LISTING) == TOKEN


@pytest.mark.parametrize(
    "other",
    [
        replace(LISTING, of="dialogues"),
        replace(LISTING, project_id=2),
        replace(LISTING, filter=("bob", MemoryFilter(is_fact=True))),
        replace(LISTING, filter=("alice", MemoryFilter())),
        replace(LISTING, newest_first=False),
    ],
    ids=["of", "project", "namespace", "filter", "order"],
)
def test_a_token_of_another_list_is_refused(other: Listing) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        read_token(TOKEN, other)
    assert refusal.value.fields[0].field == "next"


@pytest.mark.parametrize(
    "forged",
    ["", "x", "x" * 40, "é" * 40, TOKEN[:-1], TOKEN + "=", TOKEN + "AAAA", TOKEN[:24], TOKEN * 9],
)
def test_what_is_no_token_is_refused(forged: str) -> None:
    with pytest.raises(InvalidParameter):
        read_token(forged, LISTING)


@pytest.mark.parametrize("index", range(len(TOKEN)))
def test_a_token_with_one_character_changed_is_refused(index: int) -> None:
    changed = "B" if TOKEN[index] == "A" else "A"
    with pytest.raises(InvalidParameter):
        read_token(TOKEN[:index] + changed + TOKEN[index + 1 :], LISTING)


@pytest.mark.parametrize(
    ("asked", "given"), [(0, 50), (1, 1), (200, 200), (201, 200), (10**9, 200)]
)
def test_a_page_size_is_lowered_not_refused(asked: int, given: int) -> None:
    assert page_limit(asked) == given


def test_a_negative_page_size_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        page_limit(-1)


def test_the_newest_come_first_unless_asked_otherwise() -> None:
    assert is_newest_first("")
    assert is_newest_first("desc")
    assert not is_newest_first("asc")
    with pytest.raises(InvalidParameter):
        is_newest_first("ASC")
