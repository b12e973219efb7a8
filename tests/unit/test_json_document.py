"""JSON documents: which are kept, which are refused, and what can be read of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.json_document import Number, parse, readable_text
from eunoe_server.errors import InvalidInput

ENOUGH = 100_000

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def read(document: str) -> str:
    return readable_text(parse(document, "value"), ENOUGH)


@given(values)
def test_whatever_json_can_say_is_accepted_and_can_be_read(value: object) -> None:
    read(json.dumps(value)).encode("utf-8")


@pytest.mark.parametrize(
    ("document", "literal"),
    [("9007199254740993", "9007199254740993"), ("1E400", "1E400"), ("-0.10", "-0.10")],
)
def test_a_number_stays_as_it_is_written(document: str, literal: str) -> None:
    assert parse(document, "value") == Number(literal)
    assert read(document) == literal


@pytest.mark.parametrize(
    "document",
    [
        "",
        " ",
        "nope",
        "NaN",
        "[-Infinity]",
        "{'a': 1}",
        '{"a": 1,}',
        "01",
        '"a\tb"',
        '"\x00"',
        "\ufeff1",
        "1 2",
        '"\\x41"',
        '{"a": 1, "a": 1}',
        '[{"b": {"a": 1, "\\u0061": 2}}]',
        "9" * 1_001,
        "1." + "0" * 999,
        "[" * 129 + "]" * 129,
        "[" * 10_000,
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
    ],
    ids=lambda document: repr(document[:24]),
)
def test_what_readers_would_disagree_about_is_refused(document: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse(document, "memories[3].value")
    assert refusal.value.fields[0].field == "memories[3].value"


@pytest.mark.parametrize(
    "document", ["[" * 128 + "]" * 128, '{"a":' * 128 + "1" + "}" * 128, "9" * 1_000]
)
def test_the_documented_limits_are_reached(document: str) -> None:
    parse(document, "value")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ('"Prefers morning appointments"', "Prefers morning appointments"),
        ("42", "42"),
        ("true", "true"),
        ('{"theme": "dark", "fontSize": 16}', "theme: dark\nfont Size: 16"),
        ('{"editor": {"tab_width": 4, "wrap": false}}', "editor tab width: 4\neditor wrap: false"),
        ('["feature_a", "feature_b"]', "feature_a, feature_b"),
        (
            '{"pets": ["Rex", {"name": "Tom", "age": null}]}',
            "pets: Rex\npets name: Tom\npets age: null",
        ),
        ("[[1, 2], [3]]", "1, 2\n3"),
        ("{}", ""),
        ("[]", ""),
    ],
)
def test_a_value_reads_as_its_keys_and_scalars(document: str, text: str) -> None:
    assert read(document) == text


def test_what_postgres_cannot_store_becomes_a_replacement_character() -> None:
    assert read(r'"a\u0000b\ud83d"') == "a\ufffdb\ufffd"
    assert read(r'{"k\u0000": "\ud83d\ude00"}') == "k\ufffd: \U0001f600"


def test_the_text_is_cut_and_a_long_key_is_not_repeated_for_ever() -> None:
    deep = json.dumps({"k" * 100_000: list("ab") and {str(n): n for n in range(10_000)}})
    text = readable_text(parse(deep, "value"), 5_000)
    assert 4_000 < len(text) <= 5_000
    assert text.startswith("k" * 128 + " 0: 0\n")
    assert readable_text("x" * 10_000, 100) == "x" * 100
