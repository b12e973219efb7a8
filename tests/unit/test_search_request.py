"""Searches as they are asked for: defaults, refusals, and what becomes of filters."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.memory import MemoryFilter
from eunoe_server.domain.metadata_filter import read_metadata
from eunoe_server.domain.search_filter import SearchFilter, TagFilter, read_filter, read_tags
from eunoe_server.domain.search_request import Found, Mode, OrderBy, SearchDraft
from eunoe_server.domain.time_phrase import TimeSpan
from eunoe_server.errors import InvalidParameter

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def test_what_is_left_out_has_its_default() -> None:
    request = SearchDraft(query="tea", object="message").accepted(NOW)
    assert (request.object, request.mode, request.order_by) == (
        Found.MESSAGE,
        Mode.HYBRID,
        OrderBy.RELEVANCE,
    )
    assert (request.limit, request.is_descending, request.timezone) == (10, True, "UTC")
    assert (request.tags, request.metadata, request.filter) == (TagFilter(), None, SearchFilter())


@pytest.mark.parametrize(
    ("field", "draft"),
    [
        ("query", {"query": ""}),
        ("query", {"query": "x" * 32_769}),
        ("object", {"object": "thing"}),
        ("limit", {"limit": -1}),
        ("orderBy", {"order_by": "size"}),
        ("order", {"order": "down"}),
        ("mode", {"mode": "magic"}),
        ("timezone", {"timezone": "Nowhere"}),
        ("minRelevance", {"min_relevance": float("nan")}),
        ("minRelevance", {"min_relevance": 1.01}),
        ("tagFilter", {"tags": "[]", "tag_filter": TagFilter()}),
        ("searchFilter", {"filter": "{}", "search_filter": SearchFilter()}),
        ("filter.hasImage", {"filter": '{"hasImage": false}'}),
        ("dialogueId", {"dialogue_id": "d"}),
        ("object", {"object": "message", "facts": MemoryFilter(fact_type="goal")}),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(field: str, draft: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter) as refused:
        SearchDraft(**{"query": "tea", "object": "memory", **draft}).accepted(NOW)
    assert [violation.field for violation in refused.value.fields] == [field]


def test_times_are_read_in_the_time_zone_of_the_request() -> None:
    draft = SearchDraft("tea", "memory", timezone="Asia/Tokyo", filter='{"created": "today"}')
    # In Tokyo it is half past six in the evening of the same day.
    assert draft.accepted(NOW).filter.created == TimeSpan(
        datetime(2026, 11, 19, 15, tzinfo=UTC), datetime(2026, 11, 20, 15, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        ("", TagFilter()),
        ("null", TagFilter()),
        ('"a"', TagFilter(any_of=("a",))),
        ('["a", "b"]', TagFilter(any_of=("a", "b"))),
        ('{"$in": ["a"], "$all": ["b"], "$nin": []}', TagFilter(("a",), ("b",), ())),
    ],
)
def test_tags_have_three_forms(document: str, wanted: TagFilter) -> None:
    assert read_tags(document) == wanted


def test_bounds_include_what_they_name_or_leave_it_out() -> None:
    def created(bounds: dict[str, str]) -> TimeSpan:
        return read_filter(json.dumps({"created": bounds}), NOW).created

    first, second, third = (datetime(2024, 5, day, tzinfo=UTC) for day in (1, 2, 3))
    assert created({"gte": "2024-05-01", "lte": "2024-05-02"}) == TimeSpan(first, third)
    assert created({"gt": "2024-05-01", "lt": "2024-05-02"}) == TimeSpan(second, second)
    assert created({"gte": "2024", "gt": "2024-05-01"}).start == second
    assert created({}) == TimeSpan()


@pytest.mark.parametrize(
    "document",
    ["{", "[", "NaN", '{"a": 1, "a": 2}', '"x', "{}" * 2, '{"a":' * 200 + "1" + "}" * 200],
)
def test_what_is_no_document_is_an_invalid_parameter(document: str) -> None:
    for read in (read_tags, read_metadata, lambda text: read_filter(text, NOW)):
        with pytest.raises(InvalidParameter):
            read(document)


_scalars = st.none() | st.booleans() | st.integers() | st.text() | st.floats(-1e300, 1e300)
_operands = (
    _scalars
    | st.lists(_scalars)
    | st.dictionaries(st.sampled_from(["$eq", "$ne"]), _scalars, min_size=1)
    | st.dictionaries(st.sampled_from(["$in", "$nin"]), st.lists(_scalars), min_size=1)
    | st.dictionaries(
        st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), st.text() | st.integers(), min_size=1
    )
)


@given(st.dictionaries(st.text(), _operands, min_size=1, max_size=5))
def test_nothing_of_the_caller_is_part_of_the_condition(asked: dict[str, Any]) -> None:
    compiled = read_metadata(json.dumps(asked))
    assert compiled is not None
    values = r"\$\.keyvalue\(\) \? \(@\.key == \$f\d+\)\.value"
    one = rf"!?exists\({values} \? \(@ [<>=]=? \$v\d+\[\*\]\)\)"
    assert re.fullmatch(f"{one}( && {one})*", compiled.condition)
    variables = json.loads(compiled.values)
    assert set(re.findall(r"\$(\w+)", compiled.condition)) == set(variables)
