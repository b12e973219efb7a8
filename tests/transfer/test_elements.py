"""A document is taken apart as a parser of the whole would do it, however it arrives."""

from __future__ import annotations

import io
import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from eunoe_server.transfer.elements import Element, elements

_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('"\\[]{},: ab\u00e9\U0001f41d', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["items", "memories", "a", '"', "]"]), inner, max_size=3)
    ),
    max_leaves=12,
)


class _Drip(io.RawIOBase):
    """A file that gives a few bytes at a time, so that everything is cut somewhere."""

    def __init__(self, content: bytes, step: int) -> None:
        self._file = io.BytesIO(content)
        self._step = step

    def read(self, size: int = -1) -> bytes:
        del size
        return self._file.read(self._step)


def taken_apart(content: bytes, step: int, **options: Any) -> list[Element]:
    return list(elements(_Drip(content, step), **options))  # type: ignore[arg-type]


@given(st.lists(_VALUES, max_size=4), st.integers(1, 9), st.sampled_from([None, 1]), st.booleans())
def test_a_list_gives_its_elements(
    values: list[Any], step: int, indent: int | None, ascii_only: bool
) -> None:
    content = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode()
    assert [json.loads(each.text) for each in taken_apart(content, step)] == values


@given(_VALUES, st.lists(_VALUES, max_size=3), st.lists(_VALUES, max_size=3), st.integers(1, 9))
def test_an_object_gives_what_its_lists_of_items_hold(
    other: Any, items: list[Any], memories: list[Any], step: int
) -> None:
    document = {"other": other, "items": items, "more": other, "memories": memories, "next": "t"}
    found = taken_apart(json.dumps(document).encode(), step)
    assert [json.loads(each.text) for each in found] == items + memories


@given(st.dictionaries(st.sampled_from(["id", "value", "messages"]), _VALUES), st.integers(1, 9))
def test_an_object_without_such_a_list_is_one_item(document: Any, step: int) -> None:
    (found,) = taken_apart(json.dumps(document).encode(), step)
    assert json.loads(found.text) == document
    assert not found.is_cut


@given(st.lists(_VALUES, min_size=1, max_size=4), st.data())
def test_a_document_that_is_cut_says_so_at_its_end(values: list[Any], data: st.DataObject) -> None:
    content = json.dumps(values).encode()
    cut_at = data.draw(st.integers(1, len(content) - 1))
    *whole, last = taken_apart(content[:cut_at], 4)
    assert last.is_cut
    assert [json.loads(each.text) for each in whole] == values[: len(whole)]


@given(st.binary(max_size=40), st.integers(1, 9))
def test_bytes_of_any_kind_come_to_an_end(content: bytes, step: int) -> None:
    taken_apart(content, step)
    taken_apart(b'{"items":[' + content, step)


def test_an_item_that_is_too_large_is_passed_over_and_the_next_is_given() -> None:
    content = json.dumps(["a", "b" * 100, "c"]).encode()
    found = taken_apart(content, 7, max_bytes=20)
    assert [each.is_too_large for each in found] == [False, True, False]
    assert json.loads(found[2].text) == "c"
    assert [each.bytes_read for each in found] == [5, 109, len(content)]
