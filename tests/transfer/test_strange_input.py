"""Whatever a file holds, reading it ends in records and in sentences, never in a traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from eunoe.v1 import dialogue_pb2
from eunoe_server.transfer.checking import checked
from eunoe_server.transfer.reading import read_records
from eunoe_server.transfer.records import DialogueRecord, LeftOut, MemoryRecord, MessageRecord

_STRANGE: list[Any] = [
    None,
    True,
    7,
    -1,
    1e300,
    2**70,
    "",
    "\x00",
    "\ud800",
    "ended",
    [],
    {},
    [[]],
    [{}],
    {"a": "\ud800"},
]

_SAMPLES: list[Any] = [
    {
        "object": "memory",
        "id": "m",
        "namespace": "n",
        "value": {"a": 1},
        "label": "l",
        "description": "d",
        "tags": ["t"],
        "metadata": {"a": 1},
        "created": "2024-05-01T10:00:00Z",
        "fact": {"type": "goal", "validTo": None, "source": {"dialogueId": "", "role": "user"}},
    },
    {
        "object": "message",
        "id": "1",
        "dialogueId": "d",
        "namespace": "n",
        "role": "assistant",
        "content": {"said": "x"},
        "name": "n",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}],
        "tool_call_id": "c",
        "extra": {"refusal": "no"},
        "isSuperseded": False,
        "position": 1,
    },
    {
        "items": [
            {
                "id": "d",
                "namespace": "n",
                "threadOf": "p",
                "status": "ended",
                "state": {"a": 1},
                "messages": [{"id": "1", "role": "user", "content": "x", "created": "2024-05-01"}],
            }
        ]
    },
    {"messages": [{"role": "user", "content": "x", "name": "n", "tool_call_id": "c", "w": 1}]},
    {
        "title": "t",
        "create_time": 1.5,
        "conversation_id": "c",
        "current_node": "a",
        "mapping": {
            "r": {"parent": None, "children": ["a"], "message": None},
            "a": {
                "parent": "r",
                "children": [],
                "message": {
                    "id": "a",
                    "author": {"role": "user", "name": "n"},
                    "create_time": 1.5,
                    "content": {"content_type": "text", "parts": ["x", {"content_type": "image"}]},
                    "metadata": {"model_slug": "m"},
                },
            },
        },
    },
]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a document something stands."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _places(value[key], (*path, key))


def _with(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """The document with something else in one place."""
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = _with(value[path[0]], path[1:], other)
    return copy


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize("sample", _SAMPLES)
def test_what_is_bent_is_good_before(folder: Path, sample: Any) -> None:
    path = folder / "file.json"
    path.write_text(json.dumps(sample), "utf-8")
    assert not [record for record in checked(read_records(path)) if isinstance(record, LeftOut)]


@pytest.mark.parametrize("sample", _SAMPLES)
def test_nothing_in_an_item_is_too_strange_to_be_told(folder: Path, sample: Any) -> None:
    path = folder / "file.json"
    for place, strange in product(_places(sample), _STRANGE):
        path.write_text(json.dumps(_with(sample, place, strange)), "utf-8")
        for record in checked(read_records(path)):
            match record:
                case LeftOut(why=why):
                    assert why
                case DialogueRecord(new=new) | MemoryRecord(new=new):
                    assert new.id
                case MessageRecord(new=message):
                    # Protobuf takes no text that is none: lone surrogates.
                    request = dialogue_pb2.CreateMessagesRequest(
                        dialogue_id=record.dialogue_id,
                        namespace=record.namespace,
                        messages=[message],
                    )
                    assert request.messages[0].id


@pytest.mark.parametrize("sample", _SAMPLES)
def test_a_file_that_ends_anywhere_is_told(folder: Path, sample: Any) -> None:
    text = json.dumps(sample)
    for suffix, end in product((".json", ".jsonl"), range(len(text))):
        path = folder / f"file{suffix}"
        path.write_text(text[:end], "utf-8")
        records = list(checked(read_records(path)))
        assert isinstance(records[-1], LeftOut) if records else not text[:end]


@given(content=st.binary(max_size=60), suffix=st.sampled_from([".json", ".jsonl"]))
def test_bytes_of_any_kind_are_told(folder: Path, content: bytes, suffix: str) -> None:
    path = folder / f"file{suffix}"
    path.write_bytes(content)
    for record in checked(read_records(path)):
        assert record.place.name.startswith(path.name)
