"""The contract suite's own parts: a comparison that forgives nothing but what is not named."""

from __future__ import annotations

import pytest

from tests.contract.case import Document, Step, filled
from tests.contract.matching import differences, read_json


def is_as_wanted(wanted: object, answer: str) -> bool:
    return not list(differences(wanted, read_json(answer), answer))


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        ({"a": 1}, '{"a": 1, "b": 2}'),
        ({"a": "<any>", "c": "<absent>"}, '{"a": null, "b": 2}'),
        ({"items": [{}, {"a": True}]}, '{"items": [{"x": 1}, {"a": true}]}'),
        ({"a": Document('{"z": 1E400,  "b": "\\u00e9"}')}, '{"a": {"z": 1E400,  "b": "\\u00e9"}}'),
    ],
)
def test_an_answer_that_holds_what_is_wanted_passes(wanted: object, answer: str) -> None:
    assert is_as_wanted(wanted, answer)


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        ({"a": 1}, '{"a": 1.0}'),
        ({"a": 1}, '{"a": true}'),
        ({"a": 1}, '{"a": "1"}'),
        ({"a": True}, '{"a": 1}'),
        ({"a": 1}, '{"b": 1}'),
        ({"a": {}}, '{"a": []}'),
        ({"c": "<absent>"}, '{"c": null}'),
        ({"items": [{}]}, '{"items": [{}, {}]}'),
        ({"items": []}, '{"items": [1]}'),
        ({"a": Document("9007199254740993")}, '{"a": 9007199254740992}'),
        ({"a": Document('{"z": 1, "b": 2}')}, '{"a": {"b": 2, "z": 1}}'),
        ({"a": Document('"\\u00e9"')}, '{"a": "é"}'),
        ({"a": Document("1E400")}, '{"a": 1e400}'),
    ],
)
def test_an_answer_that_differs_is_noticed(wanted: object, answer: str) -> None:
    assert not is_as_wanted(wanted, answer)


def test_names_are_filled_in_everywhere_and_documents_stay_documents() -> None:
    found = filled({"${a}": ["x${a}", Document('"${a}"')], "$in": 1}, {"a": "b"})
    assert found == {"b": ["xb", '"b"'], "$in": 1}
    assert isinstance(found["b"][1], Document)


def test_a_step_with_a_misspelt_key_is_refused() -> None:
    with pytest.raises(TypeError):
        Step.read({"rpc": "MemoryService.GetMemory", "wants": {}})
