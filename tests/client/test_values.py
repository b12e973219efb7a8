"""Values are plain Python and stay what they are; what JSON cannot hold is refused by its place."""

from __future__ import annotations

import enum
import json
import math
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe import Eunoe, EunoeError, JsonValue, NotJson
from eunoe._json import dumps, loads

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_what_json_says(value: Any) -> None:
    written = dumps(value)
    assert json.loads(written) == value
    assert written.encode().decode() == written
    read = loads(written)
    assert repr(read) == repr(value)


def test_numbers_that_no_float_holds_stay_exact() -> None:
    for literal in ("1.00000000000000000001", "1e400", "123456789012345678901234567890"):
        assert dumps(loads(literal)) == str(Decimal(literal))
        assert loads(literal) == Decimal(literal)
    assert type(loads("1.5")) is float


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (math.nan, "value"),
        ({"a": [1, math.inf]}, "value.a[1]"),
        ({"a": {1: "b"}}, "value.a"),
        ([{1, 2}], "value[0]"),
        (b"bytes", "value"),
        (object(), "value"),
        (10**1_001, "value"),
        (Decimal("NaN"), "value"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_its_place(value: Any, place: str) -> None:
    with pytest.raises(NotJson, match=f"^{re.escape(place)} "):
        dumps(value)


def test_what_contains_itself_is_refused() -> None:
    knot: list[Any] = []
    knot.append(knot)
    with pytest.raises(NotJson, match="contains itself"):
        dumps(knot)


def test_an_enum_is_its_value() -> None:
    class Size(enum.IntEnum):
        LARGE = 3

    assert dumps([Size.LARGE, True]) == "[3,true]"


def test_the_server_gives_back_what_it_got(client: Eunoe, namespace: str) -> None:
    value: JsonValue = {
        "z": 2**70,
        "a": [0.1, -0.0, None, "ü\ud800\u0000"],
        "d": Decimal("1.00000000000000000001e99"),
    }
    memory = client.memories.create(value, namespace=namespace)
    assert repr(client.memories.get(memory.id).value) == repr(value)


def test_nothing_is_sent_that_is_not_json() -> None:
    with (
        Eunoe("127.0.0.1:1", api_key="never asked") as nowhere,
        pytest.raises(EunoeError, match="Use None or a string"),
    ):
        nowhere.memories.create(math.nan)
