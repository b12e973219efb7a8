"""What is read out of files of each kind, and what is said about those that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eunoe_server.transfer.batches import MAX_RECORDS, Close, Memories, Messages, in_batches
from eunoe_server.transfer.reading import read_records
from eunoe_server.transfer.records import (
    DialogueRecord,
    LeftOut,
    MemoryRecord,
    MessageRecord,
    Passed,
    Record,
)


def read(folder: Path, text: str, name: str = "file.json") -> list[Record]:
    path = folder / name
    path.write_text(text, "utf-8")
    return list(read_records(path))


def said(records: list[Record]) -> list[tuple[str, str]]:
    """Role and content of every message."""
    return [
        (record.new.role, json.loads(record.new.content_json))
        for record in records
        if isinstance(record, MessageRecord)
    ]


# Our own lines


def test_lines_of_our_own_become_what_they_say_they_are(tmp_path: Path) -> None:
    lines = [
        {"object": "memory", "id": "m", "namespace": "alice", "value": {"a": 1}, "modified": "x"},
        {"object": "dialogue", "id": "d", "label": "L", "status": "ended", "totalMessages": 1},
        {"object": "message", "id": "1", "dialogueId": "d", "role": "user", "content": "Hello"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    memory, dialogue, message = read(tmp_path, text, "file.jsonl")
    assert isinstance(memory, MemoryRecord)
    assert (memory.namespace, memory.new.id, memory.new.value_json) == ("alice", "m", '{"a":1}')
    assert isinstance(dialogue, DialogueRecord)
    assert (dialogue.new.id, dialogue.new.label, dialogue.is_ended) == ("d", "L", True)
    assert isinstance(message, MessageRecord)
    assert (message.dialogue_id, message.namespace, message.new.id) == ("d", None, "1")
    assert message.place.name == "file.jsonl:3"
    assert message.place.bytes_read == len(text)


def test_documents_in_lines_stay_exact(tmp_path: Path) -> None:
    (memory,) = read(tmp_path, '{"object":"memory","value":[9007199254740993,1E400,-0.10]}\n')
    assert isinstance(memory, MemoryRecord)
    assert memory.new.value_json == "[9007199254740993,1E400,-0.10]"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"object": "memory", "value": 1, "lable": "x"}', "lable"),
        ('{"object": "message", "role": "user", "content": "x"}', "dialogueId"),
        ('{"object": "dialogue", "id": "d", "label": 7}', "label"),
        ('{"object": "dialogue", "id": "d", "created": "yesterday"}', "created"),
        ('{"object": "sonnet", "id": "d"}', "no dialogue, message or memory"),
        ('{"object": "memory", "value": NaN}', "NaN"),
        ('{"object": "memory", "value": 1, "value": 2}', "twice"),
        ('{"object": "memory", "value": ', "not valid JSON"),
        ("[1, 2]", "no JSON object"),
        ("7", "no JSON object"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_with_its_number(
    tmp_path: Path, line: str, why: str
) -> None:
    good = '{"object": "memory", "id": "m", "value": 1}'
    before, refused, after = read(tmp_path, f"{good}\n{line}\n{good}\n", "lines.jsonl")
    assert isinstance(before, MemoryRecord)
    assert isinstance(refused, LeftOut)
    assert refused.place.name == "lines.jsonl:2"
    assert why in refused.why
    assert isinstance(after, MemoryRecord)


FACT = {"object": "memory", "id": "m", "value": "x"}
IN_DIALOGUE = {"type": "goal", "source": {"dialogueId": "d", "role": "user"}}
ALONE = {"type": "goal", "source": {"role": "user"}}


@pytest.mark.parametrize(
    ("fact", "kinds"),
    [
        (IN_DIALOGUE, [Passed]),
        ({**IN_DIALOGUE, "validTo": "2024-05-01T10:00:00Z"}, [Passed]),
        ({**ALONE, "validTo": "2024-05-01T10:00:00Z"}, [Passed]),
        (ALONE, [Passed, MemoryRecord]),
    ],
)
def test_only_a_fact_that_no_dialogue_gives_again_is_kept_as_a_memory(
    tmp_path: Path, fact: Any, kinds: list[type]
) -> None:
    records = read(tmp_path, json.dumps({**FACT, "fact": fact}) + "\n")
    assert [type(record) for record in records] == kinds


def test_a_message_that_its_conversation_left_stays_where_it_was(tmp_path: Path) -> None:
    line = {"object": "message", "dialogueId": "d", "role": "user", "content": "x"}
    left, kept = read(
        tmp_path,
        f"{json.dumps({**line, 'isSuperseded': True})}\n"
        f"{json.dumps({**line, 'isSuperseded': False})}\n",
    )
    assert isinstance(left, Passed)
    assert isinstance(kept, MessageRecord)


def test_what_is_said_twice_without_ids_is_two_messages_and_again_the_same_two(
    tmp_path: Path,
) -> None:
    line = '{"object": "message", "dialogueId": "d", "role": "user", "content": "Yes."}\n'
    first, second = read(tmp_path, line * 2)
    assert isinstance(first, MessageRecord)
    assert isinstance(second, MessageRecord)
    assert first.new.id != second.new.id
    assert read(tmp_path, line * 2) == [first, second]


def test_dialogues_without_ids_that_differ_in_their_messages_are_two(tmp_path: Path) -> None:
    lines = [
        {"object": "dialogue", "messages": [{"role": "user", "content": said}]}
        for said in ("Yes.", "No.")
    ]
    records = read(tmp_path, "".join(json.dumps(line) + "\n" for line in lines))
    ids = {record.new.id for record in records if isinstance(record, DialogueRecord)}
    assert len(ids) == 2
    assert {record.dialogue_id for record in records if isinstance(record, MessageRecord)} == ids


# Files that are not whole, not JSON or of another encoding


def test_what_stands_before_the_end_of_a_cut_file_is_read(tmp_path: Path) -> None:
    document = json.dumps([{"id": f"m{number}", "value": "a]}, \\"} for number in range(3)])
    for end, whole in ((len(document) - 1, 3), (len(document) - 2, 2), (1, 0)):
        *read_whole, cut = read(tmp_path, document[:end])
        assert isinstance(cut, LeftOut)
        assert "the file ends here" in cut.why
        assert [type(record) for record in read_whole] == [MemoryRecord] * whole


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK\x03\x04 and more", "ZIP"),
        ('{"id": "é"}'.encode("latin-1"), "UTF-8"),
        ('{"id": 1}'.encode("utf-16"), "UTF-8"),
        (b"Dear diary,", "not valid JSON"),
        (b'{"a": ', "the file ends here"),
        (b"]]]]", "not valid JSON"),
        (b'{"items": {"id": "d"}}', "no dialogue, message or memory"),
        (b'[{"id": "d", "value": 1]]', "not valid JSON"),
        (b"[" * 300 + b"]" * 300, "nested"),
        (b"", "not valid JSON"),
    ],
)
def test_what_is_no_file_of_ours_is_told(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    refused = list(read_records(path))[-1]
    assert isinstance(refused, LeftOut)
    assert why in refused.why


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    line = '{"id": "m", "value": 1}\n'
    for text in (line, line * 2):
        path.write_text(text, "utf-8-sig")
        assert [type(record) for record in read_records(path)] == [MemoryRecord] * text.count("id")


def test_an_empty_list_holds_nothing(tmp_path: Path) -> None:
    for document in ("[]", '{"items": []}', '{"next": "t", "items": [ ], "memories": []}'):
        assert read(tmp_path, document) == []


# DialogueDB


def test_dialogues_of_dialoguedb_come_with_their_messages(tmp_path: Path) -> None:
    document = {
        "items": [
            {
                "id": "01HV",
                "projectId": "p1",
                "requestId": "r1",
                "namespace": "user_1",
                "label": None,
                "status": "active",
                "totalMessages": 2,
                "metadata": {"channel": "web"},
                "metadataLength": 17,
                "metadataSHA256": "ab",
                "tags": ["a"],
                "state": {"step": 1},
                "created": "2025-01-15T10:30:00.000Z",
                "messages": [
                    {
                        "id": "msg_1",
                        "dialogueId": "01HV",
                        "role": "user",
                        "content": "Hello",
                        "contentLength": 5,
                        "created": "2025-01-15T10:30:01Z",
                    },
                    {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
                ],
            }
        ],
        "next": "t",
    }
    dialogue, first, second = read(tmp_path, json.dumps(document))
    assert isinstance(dialogue, DialogueRecord)
    assert dialogue.new.namespace == "user_1"
    assert dialogue.new.metadata_json == '{"channel":"web"}'
    assert dialogue.new.create_time.ToJsonString() == "2025-01-15T10:30:00Z"
    assert isinstance(first, MessageRecord)
    assert (first.dialogue_id, first.namespace, first.new.id) == ("01HV", "user_1", "msg_1")
    assert isinstance(second, MessageRecord)
    assert second.new.id == "imported-1"
    assert said([first, second]) == [
        ("user", "Hello"),
        ("assistant", [{"type": "text", "text": "Hi"}]),
    ]


def test_memories_of_dialoguedb_are_told_by_their_values(tmp_path: Path) -> None:
    (memory,) = read(tmp_path, '[{"id": "user_789_theme", "value": {"theme": "dark"}}]')
    assert isinstance(memory, MemoryRecord)
    assert memory.new.value_json == '{"theme":"dark"}'


# ChatGPT's export


def node(name: str, parent: str | None, children: list[str], message: Any) -> dict[str, Any]:
    return {"id": name, "parent": parent, "children": children, "message": message}


def message(name: str, role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": 1700000000.5,
        "content": {"content_type": "text", "parts": list(parts)},
        "metadata": {},
        **more,
    }


TREE: dict[str, Any] = {
    "title": "Bees on the roof",
    "create_time": 1699999999.25,
    "conversation_id": "c-1",
    "current_node": "a2",
    "mapping": {
        "root": node("root", None, ["s"], None),
        "s": node("s", "root", ["u1"], message("s", "system", "")),
        "u1": node("u1", "s", ["a1", "a2"], message("u1", "user", "How many bees?")),
        "a1": node("a1", "u1", [], message("a1", "assistant", "Ten.")),
        "a2": node(
            "a2",
            "u1",
            [],
            message("a2", "assistant", "Thousands.", metadata={"model_slug": "gpt-4"}),
        ),
    },
}


def test_the_branch_that_was_open_last_is_read(tmp_path: Path) -> None:
    records = read(tmp_path, json.dumps([TREE]), "conversations.json")
    dialogue = records[0]
    assert isinstance(dialogue, DialogueRecord)
    assert (dialogue.new.id, dialogue.new.label) == ("c-1", "Bees on the roof")
    assert dialogue.new.create_time.ToJsonString() == "2023-11-14T22:13:19.250Z"
    assert said(records) == [("user", "How many bees?"), ("assistant", "Thousands.")]
    answer = records[2]
    assert isinstance(answer, MessageRecord)
    assert answer.new.id == "a2"
    assert answer.new.metadata_json == '{"model":"gpt-4"}'
    assert answer.new.create_time.ToJsonString() == "2023-11-14T22:13:20.500Z"
    left = records[-1]
    assert isinstance(left, Passed)
    assert left.count == 1


def test_images_and_code_of_an_export_keep_what_they_hold(tmp_path: Path) -> None:
    tree = json.loads(json.dumps(TREE))
    tree["mapping"]["u1"]["message"]["content"] = {
        "content_type": "multimodal_text",
        "parts": ["Look:", {"content_type": "image_asset_pointer", "width": 640}],
    }
    tree["mapping"]["a2"]["message"]["content"] = {"content_type": "code", "text": "print(1)"}
    assert said(read(tmp_path, json.dumps(tree))) == [
        (
            "user",
            [
                {"type": "text", "text": "Look:"},
                {
                    "type": "image_asset_pointer",
                    "content_type": "image_asset_pointer",
                    "width": 640,
                },
            ],
        ),
        ("assistant", "print(1)"),
    ]


@pytest.mark.parametrize("mapping", [7, {"a2": {"parent": "gone", "message": None}}])
def test_a_tree_that_is_none_is_told(tmp_path: Path, mapping: Any) -> None:
    (refused,) = read(tmp_path, json.dumps([{**TREE, "mapping": mapping}]))
    assert isinstance(refused, LeftOut)


def test_a_tree_that_goes_in_circles_ends(tmp_path: Path) -> None:
    tree = json.loads(json.dumps(TREE))
    tree["mapping"]["root"]["parent"] = "a2"
    assert len(said(read(tmp_path, json.dumps(tree)))) == 2


# Lists of OpenAI messages


def test_a_list_of_messages_keeps_every_field(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    line = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "name": "Ann", "content": "Hello"},
            {"role": "assistant", "content": None, "tool_calls": [call], "weight": 0},
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
        ]
    }
    records = read(tmp_path, json.dumps(line) + "\n", "training.jsonl")
    assert said(records) == [
        ("system", "Be brief."),
        ("user", "Hello"),
        ("assistant", None),
        ("tool", "42"),
    ]
    _, _, user, assistant, tool = records
    assert isinstance(user, MessageRecord)
    assert user.new.name == "Ann"
    assert isinstance(assistant, MessageRecord)
    assert json.loads(assistant.new.tool_calls_json) == [call]
    assert assistant.new.extra_json == '{"weight":0}'
    assert isinstance(tool, MessageRecord)
    assert tool.new.tool_call_id == "c1"
    again = read(tmp_path, json.dumps(line) + "\n", "training.jsonl")
    assert again == records  # the same ids, so that importing it twice stores it once


# Batches


def test_batches_hold_one_dialogue_s_messages_and_no_more_than_one_call_may() -> None:
    def lines(dialogue_id: str, count: int) -> list[Record]:
        from eunoe.v1 import dialogue_pb2
        from eunoe_server.transfer.records import Place

        place = Place("x", 0)
        opening = DialogueRecord(place, dialogue_pb2.CreateDialogueRequest(id=dialogue_id))
        new = dialogue_pb2.NewMessage(id="m", role="user")
        return [opening, *(MessageRecord(place, dialogue_id, None, new) for _ in range(count))]

    batches = list(in_batches([*lines("a", MAX_RECORDS + 1), *lines("b", 2)]))
    shapes = [
        len(batch.records) if isinstance(batch, Messages | Memories) else type(batch)
        for batch in batches
    ]
    assert shapes == [
        DialogueRecord,
        MAX_RECORDS,
        1,
        Close,
        DialogueRecord,
        2,
        Close,
    ]
