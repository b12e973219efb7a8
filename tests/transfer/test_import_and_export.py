"""`eunoe import` and `eunoe export` as people run them, against a whole server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from eunoe.v1 import dialogue_pb2, dialogue_pb2_grpc, memory_pb2, memory_pb2_grpc
from eunoe_server.transfer.connection import CallFailed, Connection
from eunoe_server.transfer.exporting import export_lines
from tests.fixtures.server import KEY, METADATA, ServerProcess, serving
from tests.transfer.command import OWN, Eunoe, command_for, dialogue, exported, write_lines


@pytest.fixture
def eunoe(server: ServerProcess) -> Eunoe:
    """Runs the command against the server of the test session."""
    return command_for(server)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Eunoe]:
    """Runs the command against another server, which knows nothing of the first."""
    with serving() as process:
        yield command_for(process)


@pytest.fixture
def dialogues(server: ServerProcess) -> Iterator[dialogue_pb2_grpc.DialogueServiceStub]:
    channel: grpc.Channel
    with server.channel() as channel:
        yield dialogue_pb2_grpc.DialogueServiceStub(channel)


LINES = [
    {
        "object": "memory",
        "id": "theme-${ns}",
        "value": {"theme": "dark", "size": 9007199254740993},
        "label": "Theme",
        "tags": ["ui"],
        "metadata": {"k": [1]},
        "created": "2024-05-01T10:00:00Z",
    },
    *dialogue("first", 3, label="First", state={"n": 1}, created="2024-05-01T10:00:00Z"),
    *dialogue("second", 2, threadOf="first", tags=["t"], created="2024-05-02T10:00:00Z"),
    {"object": "dialogue", "id": "done", "status": "ended", "created": "2024-05-03T10:00:00Z"},
    {
        "object": "message",
        "id": "call",
        "dialogueId": "done",
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}],
        "extra": {"refusal": None},
        "metadata": {"n": 1},
        "created": "2024-05-03T10:00:01Z",
    },
]


def test_what_was_exported_imports_elsewhere_as_the_same_and_only_once(
    eunoe: Eunoe,
    namespace: str,
    tmp_path: Path,
    elsewhere: Eunoe,
) -> None:
    lines = json.loads(json.dumps(LINES).replace("${ns}", namespace))
    done = eunoe("import", str(write_lines(tmp_path / "in.jsonl", lines)), "--namespace", namespace)
    assert done.returncode == 0, done.stderr
    assert "dialogues: 3 new, 0 there already" in done.stderr
    assert "messages: 6 new, 0 there already" in done.stderr
    assert "memories: 1 new, 0 there already" in done.stderr

    out = tmp_path / "out.jsonl"
    assert eunoe("export", "--namespace", namespace, "-o", str(out)).returncode == 0
    first = exported(eunoe, namespace)
    for line, wanted in zip(first, lines, strict=True):
        assert {key: line.get(key) for key in wanted if key not in OWN} == {
            key: value for key, value in wanted.items() if key not in OWN
        }

    done = elsewhere("import", str(out))
    assert done.returncode == 0, done.stderr
    assert exported(elsewhere, namespace) == first
    done = elsewhere("import", str(out))
    assert done.returncode == 0, done.stderr
    assert "dialogues: 0 new, 3 there already" in done.stderr
    assert "messages: 0 new, 6 there already" in done.stderr
    assert "memories: 0 new, 1 there already" in done.stderr
    assert exported(elsewhere, namespace) == first


def test_importing_again_goes_on_where_it_stopped(
    eunoe: Eunoe, namespace: str, tmp_path: Path
) -> None:
    lines = [
        {"object": "memory", "id": f"m-{namespace}", "value": 1},
        *dialogue("a", 1500),
        *dialogue("b", 2, status="ended"),
    ]
    half = write_lines(tmp_path / "half.jsonl", lines[:1202])
    whole = write_lines(tmp_path / "whole.jsonl", lines)
    assert eunoe("import", str(half), "--namespace", namespace).returncode == 0
    done = eunoe("import", str(whole), "--namespace", namespace)
    assert done.returncode == 0, done.stderr
    assert "dialogues: 1 new, 1 there already" in done.stderr
    assert "messages: 302 new, 1,200 there already" in done.stderr
    assert "memories: 0 new, 1 there already" in done.stderr
    done = eunoe("import", str(whole), "--namespace", namespace)
    assert done.returncode == 0, done.stderr
    assert "dialogues: 0 new, 2 there already" in done.stderr
    assert "messages: 0 new, 1,502 there already" in done.stderr
    messages = [line["content"] for line in exported(eunoe, namespace) if "content" in line]
    assert messages == [line["content"] for line in lines if "content" in line]


def test_what_is_refused_is_told_with_its_line_and_the_rest_is_imported(
    eunoe: Eunoe, namespace: str, tmp_path: Path
) -> None:
    lines = dialogue("a", 4)
    lines[2]["role"] = "wizard"
    lines[4]["tags"] = [""]
    lines.insert(3, {"object": "message", "dialogueId": "a", "role": "user"})
    path = write_lines(tmp_path / "in.jsonl", lines)
    with path.open("a") as file:
        file.write('{"object": "memory", "value":\n')
        file.write(f'{{"object": "memory", "id": "m-{namespace}", "value": 1}}\n')
    done = eunoe("import", str(path), "--namespace", namespace)
    assert done.returncode == 1
    assert "in.jsonl:3: role: must be one of" in done.stderr
    assert "in.jsonl:4: content: Required" in done.stderr
    assert "in.jsonl:6: tags[0]: must not be empty" in done.stderr
    assert "in.jsonl:7: JSON: is not valid JSON" in done.stderr
    assert "messages: 2 new" in done.stderr
    assert "memories: 1 new" in done.stderr
    assert "errors: 4" in done.stderr


def test_a_thread_may_stand_before_its_dialogue_and_one_without_any_is_kept(
    eunoe: Eunoe,
    namespace: str,
    tmp_path: Path,
    dialogues: dialogue_pb2_grpc.DialogueServiceStub,
) -> None:
    lines = [
        *dialogue("grandchild", 1, threadOf="child"),
        *dialogue("child", 1, threadOf="parent"),
        *dialogue("lost", 1, threadOf="nowhere"),
        *dialogue("parent", 1),
    ]
    path = write_lines(tmp_path / "in.jsonl", lines)
    done = eunoe("import", str(path), "--namespace", namespace)
    assert done.returncode == 1
    assert "in.jsonl:5: threadOf: nowhere" in done.stderr
    assert "dialogues: 4 new, 0 there already" in done.stderr
    assert "messages: 4 new, 0 there already" in done.stderr

    def parent_of(dialogue_id: str) -> str:
        request = dialogue_pb2.GetDialogueRequest(id=dialogue_id, namespace=namespace)
        return str(dialogues.GetDialogue(request, metadata=METADATA).dialogue.thread_of)

    assert [parent_of(each) for each in ("grandchild", "child", "lost", "parent")] == [
        "child",
        "parent",
        "",
        "",
    ]


def test_a_file_without_the_server_or_with_a_wrong_key_says_so(
    eunoe: Eunoe, tmp_path: Path
) -> None:
    path = str(write_lines(tmp_path / "in.jsonl", dialogue("a", 1)))
    done = eunoe("import", path, key="wrong")
    assert done.returncode == 1
    assert "API key" in done.stderr
    assert eunoe("import", path, key="").returncode == 2
    assert "does not exist" in eunoe("import", str(tmp_path / "none.jsonl")).stderr


def test_a_server_that_is_not_there_is_named() -> None:
    pauses: list[float] = []
    with (
        Connection("127.0.0.1:1", KEY, sleep=pauses.append) as server,
        pytest.raises(CallFailed) as failed,
    ):
        server.call(server.dialogues.GetDialogue, dialogue_pb2.GetDialogueRequest(id="d"))
    assert "No server answers on 127.0.0.1:1" in failed.value.message
    assert pauses == sorted(pauses)
    assert len(pauses) == 5


def test_a_dry_run_counts_and_complains_as_the_import_does_and_stores_nothing(
    eunoe: Eunoe, namespace: str, tmp_path: Path
) -> None:
    before = [*dialogue("a", 3), {"object": "memory", "id": f"m-{namespace}", "value": 1}]
    assert (
        eunoe(
            "import", str(write_lines(tmp_path / "before.jsonl", before)), "--namespace", namespace
        ).returncode
        == 0
    )
    held = exported(eunoe, namespace)
    lines = [
        *dialogue("thread", 1, threadOf="b"),
        *dialogue("b", 2, status="ended"),
        *dialogue("lost", 1, threadOf="nowhere"),
        *dialogue("a", 4),
        {"object": "message", "dialogueId": "gone", "role": "user", "content": "x"},
        {"object": "message", "dialogueId": "a", "role": "wizard", "content": "x"},
        {"object": "memory", "id": f"m-{namespace}", "value": 1},
        {"object": "memory", "id": f"n-{namespace}", "value": 1},
        {"object": "memory", "id": f"n-{namespace}", "value": 2},
    ]
    arguments = (
        "import",
        str(write_lines(tmp_path / "in.jsonl", lines)),
        "--namespace",
        namespace,
    )
    rehearsed = eunoe(*arguments, "--dry-run")
    assert exported(eunoe, namespace) == held
    done = eunoe(*arguments)
    assert rehearsed.returncode == done.returncode == 1
    assert "dialogues: 3 new, 1 there already" in done.stderr
    assert "messages: 5 new, 3 there already" in done.stderr
    assert "memories: 1 new, 1 there already" in done.stderr
    assert "errors: 4" in done.stderr
    assert rehearsed.stderr.replace("would be new", "new") == done.stderr
    assert eunoe(*arguments, "--dry-run").stderr.count(" 0 would be new") == 3


def test_a_memory_whose_id_is_in_another_namespace_is_told_not_counted_as_there(
    eunoe: Eunoe, namespace: str, tmp_path: Path
) -> None:
    lines = [
        {"object": "memory", "id": f"{number}-{namespace}", "value": number} for number in range(3)
    ]
    path = str(write_lines(tmp_path / "in.jsonl", lines[:2]))
    assert eunoe("import", path, "--namespace", namespace).returncode == 0
    path = str(write_lines(tmp_path / "in.jsonl", lines))
    done = eunoe("import", path, "--namespace", f"{namespace}-2")
    assert done.returncode == 1
    assert "in.jsonl:1: id: is in another namespace" in done.stderr
    assert "in.jsonl:2: id: is in another namespace" in done.stderr
    assert "memories: 1 new, 0 there already" in done.stderr


def test_a_message_that_no_call_can_carry_is_told_and_the_rest_is_imported(
    eunoe: Eunoe, namespace: str, tmp_path: Path
) -> None:
    lines = dialogue("a", 3)
    lines[2]["extra"] = {"transcript": "x" * 20_000_000}
    path = write_lines(tmp_path / "in.jsonl", lines)
    done = eunoe("import", str(path), "--namespace", namespace)
    assert done.returncode == 1
    assert "in.jsonl:3: is larger than one call can carry" in done.stderr
    assert "messages: 2 new" in done.stderr


def test_a_page_that_is_too_large_for_one_answer_is_exported_in_parts(
    server: ServerProcess, eunoe: Eunoe, namespace: str, tmp_path: Path
) -> None:
    lines = dialogue("a", 20)
    for line in lines[1:]:
        line["content"] = f"{line['id']}: " + "x" * 100_000
    path = write_lines(tmp_path / "in.jsonl", lines)
    assert eunoe("import", str(path), "--namespace", namespace).returncode == 0
    with Connection(server.grpc, KEY, max_answer_bytes=600_000) as connection:
        found = [json.loads(line.text) for line in export_lines(connection, namespace)]
    assert [line["content"] for line in found[1:]] == [line["content"] for line in lines[1:]]
    with (
        Connection(server.grpc, KEY, max_answer_bytes=50_000) as connection,
        pytest.raises(CallFailed, match="larger than one call can carry"),
    ):
        list(export_lines(connection, namespace))


def test_facts_are_exported_with_their_source_and_come_back_as_what_they_can_be(
    server: ServerProcess,
    eunoe: Eunoe,
    namespace: str,
    tmp_path: Path,
    elsewhere: Eunoe,
) -> None:
    channel: grpc.Channel
    with server.channel() as channel:
        memory_pb2_grpc.MemoryServiceStub(channel).ExtractMemories(
            memory_pb2.ExtractMemoriesRequest(
                namespace=namespace,
                messages=[
                    memory_pb2.ExtractionMessage(role="user", content_json='"I love beekeeping."')
                ],
            ),
            metadata=METADATA,
        )
    out = tmp_path / "out.jsonl"
    done = eunoe("export", "--namespace", namespace, "-o", str(out))
    assert "0 dialogues, 0 messages, 1 memories" in done.stderr
    fact = json.loads(out.read_text())
    assert (fact["fact"]["type"], fact["fact"]["source"]["role"]) == ("preference", "user")
    done = elsewhere("import", str(out))
    assert done.returncode == 0, done.stderr
    assert "memories: 1 new" in done.stderr
    assert "passed over: 1 types and sources of facts" in done.stderr
    (memory,) = exported(elsewhere, namespace)
    kept = ("id", "value", "created", "tags", "metadata")
    assert {key: memory[key] for key in kept} == {key: fact[key] for key in kept}


def test_messages_that_a_conversation_left_are_exported_on_request_and_not_imported(
    server: ServerProcess, eunoe: Eunoe, namespace: str, tmp_path: Path
) -> None:
    chat = server.openai(f"/v1/memory/ns/{namespace}").with_options(
        default_headers={"x-memory-chat-id": "c"}
    )
    said = [{"role": "user", "content": "Hello there"}]
    chat.chat.completions.create(model="eunoe-local", messages=said)  # type: ignore[arg-type]
    chat.chat.completions.create(
        model="eunoe-local",
        messages=[{"role": "user", "content": "Good morning"}],
        extra_headers={"x-memory-chat-id": "c"},
    )
    first = json.loads(eunoe("export", "--namespace", namespace).stdout.splitlines()[1])
    answer = json.loads(eunoe("export", "--namespace", namespace).stdout.splitlines()[2])
    chat.chat.completions.create(
        model="eunoe-local",
        messages=[
            {"role": "user", "content": first["content"]},
            {"role": "assistant", "content": answer["content"]},
            {"role": "user", "content": "Good evening"},
        ],
    )
    shown = exported(eunoe, namespace)
    everything = exported(eunoe, namespace, "--include-superseded")
    left = [line for line in everything if line.get("isSuperseded")]
    assert left[0]["content"] == "Good morning"
    assert [line for line in everything if line not in left] == shown
    path = write_lines(tmp_path / "in.jsonl", everything)
    copy = f"{namespace}-copy"
    done = eunoe("import", str(path), "--namespace", copy)
    assert done.returncode == 0, done.stderr
    assert f"passed over: {len(left)} messages that their conversations had left" in done.stderr
    assert [line.get("content") for line in exported(eunoe, copy)] == [
        line.get("content") for line in shown
    ]


def test_a_key_that_may_not_list_namespaces_is_told_to_name_them(
    server: ServerProcess, eunoe: Eunoe, namespace: str, tmp_path: Path
) -> None:
    path = str(write_lines(tmp_path / "in.jsonl", dialogue("a", 1)))
    assert eunoe("import", path, "--namespace", namespace).returncode == 0
    made = eunoe("keys", "create", "--scope", "read", "--data-dir", str(server.data_dir))
    key = made.stdout.strip()
    done = eunoe("export", key=key)
    assert done.returncode == 1
    assert "name them with --namespace" in done.stderr
    assert len(eunoe("export", "--namespace", namespace, key=key).stdout.splitlines()) == 2
    refused = eunoe("import", path, "--namespace", namespace, key=key)
    assert refused.returncode == 1
    assert "eunoe: " in refused.stderr


def test_an_export_that_fails_leaves_the_file_of_the_last_one(
    eunoe: Eunoe, namespace: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("the last one\n")
    assert eunoe("export", "--namespace", namespace, "-o", str(out), key="wrong").returncode == 1
    assert out.read_text() == "the last one\n"
    assert list(tmp_path.iterdir()) == [out]
