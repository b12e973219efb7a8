"""States: what may be one, and merge patches that change nothing but what they name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.dialogue_state import checked_state, patched_state
from eunoe_server.domain.limit_table import MAX_STATE_BYTES
from eunoe_server.errors import InvalidInput

# RFC 7396, appendix A, the cases whose target and patch are both objects.
RFC_CASES = [
    ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ('{"a":"b"}', '{"a":null}', "{}"),
    ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
]


@pytest.mark.parametrize(("state", "patch", "patched"), RFC_CASES)
def test_a_patch_does_what_the_rfc_shows(state: str, patch: str, patched: str) -> None:
    assert patched_state(state, patch) == patched


@pytest.mark.parametrize(
    "member",
    [
        '"n":9007199254740993',
        '"n":1.0',
        '"n":-0.0',
        '"n":1E400',
        '"n":123456789012345678901234567890.000',
        '"s":"☕ \\u0000 \\ud800 \\" \\\\"',
        '"\\udfff":[true,false,null,{}]',
    ],
)
def test_what_a_patch_does_not_name_keeps_every_character(member: str) -> None:
    assert patched_state(f'{{{member},\n "x": 1}}', '{"x": null, "y": 2}') == f'{{{member},"y":2}}'


def test_keys_stay_where_they_stand_and_new_ones_follow() -> None:
    assert patched_state('{"z":1,"a":{"y":1,"b":2},"m":3}', '{"n":4,"a":{"b":5},"z":6}') == (
        '{"z":6,"a":{"y":1,"b":5},"m":3,"n":4}'
    )


def merged(target: Any, patch: Any) -> Any:
    """The pseudocode of RFC 7396 in Python."""
    if not isinstance(patch, dict):
        return patch
    if not isinstance(target, dict):
        target = {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merged(target.get(name), value)
    return target


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from("abc"), documents, max_size=3)


@given(objects, objects)
def test_any_patch_gives_what_the_rfc_says(state: dict[str, Any], patch: dict[str, Any]) -> None:
    patched = patched_state(json.dumps(state), json.dumps(patch))
    assert json.loads(patched) == merged(state, patch)


def test_a_state_is_kept_word_for_word() -> None:
    state = ' {"z" : 1E400,\t"a":"\\u00e9" } '
    assert checked_state(state) == state


@pytest.mark.parametrize("document", ["null", "[]", "1", '"{}"', "true", "{", "", '{"a":1,"a":2}'])
def test_what_is_no_object_is_no_state_and_no_patch(document: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_state(document)
    assert refused.value.fields[0].field == "state"
    with pytest.raises(InvalidInput) as refused:
        patched_state("{}", document)
    assert refused.value.fields[0].field == "patch"


def test_a_patch_may_not_make_a_state_larger_than_a_state_may_be() -> None:
    filler = "é" * (MAX_STATE_BYTES // 2 - 5)
    state = f'{{"a":"{filler}"}}'
    assert len(state.encode()) == MAX_STATE_BYTES - 2
    assert checked_state(state) == state
    with pytest.raises(InvalidInput):
        patched_state(state, '{"b":1}')
    assert patched_state(state, '{"a":null,"b":1}') == '{"b":1}'
