"""Where a chat's time went: told to who asks, and in the metrics for the rest."""

from __future__ import annotations

import re
import urllib.request

import grpc
import pytest
from openai import OpenAI

from eunoe.v1 import chat_pb2, chat_pb2_grpc
from eunoe_server.telemetry import Metrics, Stages, exposition
from tests.fixtures.server import METADATA, ServerProcess

_TIMED = {"x-memory-timing": "1"}
_ENTRY = re.compile(r"(\w+);dur=(\d+\.\d\d)")


def stages_told(header: str) -> list[str]:
    """The names in a `server-timing` header, which must be well formed."""
    entries = header.split(", ")
    assert all(_ENTRY.fullmatch(entry) for entry in entries)
    return [entry.partition(";")[0] for entry in entries]


def ask(client: OpenAI, text: str, *, stream: bool, headers: dict[str, str]) -> dict[str, str]:
    """One chat; the headers of its answer."""
    answer = client.chat.completions.with_raw_response.create(
        model="eunoe-local",
        messages=[{"role": "user", "content": text}],
        stream=stream,
        extra_headers=headers,
    )
    answer.http_response.read()
    return {name.lower(): value for name, value in answer.headers.items()}


@pytest.fixture
def client(server: ServerProcess, namespace: str) -> OpenAI:
    """In a namespace that holds something to recall."""
    made: OpenAI = server.openai(f"/v1/memory/ns/{namespace}")
    ask(made, "I live in Porto and I keep bees.", stream=False, headers={})
    return made


def test_a_whole_answer_tells_all_stages(client: OpenAI) -> None:
    told = ask(client, "Where do I live?", stream=False, headers=_TIMED)["server-timing"]
    assert stages_told(told) == ["identity", "embed", "search", "inject", "upstream", "store"]


def test_a_stream_tells_the_stages_up_to_its_first_token(client: OpenAI) -> None:
    told = ask(client, "Where do I live?", stream=True, headers=_TIMED)["server-timing"]
    assert stages_told(told) == ["identity", "embed", "search", "inject", "first_token"]


@pytest.mark.parametrize("stream", [False, True])
def test_who_does_not_ask_is_told_nothing(client: OpenAI, stream: bool) -> None:
    assert "server-timing" not in ask(client, "Where do I live?", stream=stream, headers={})


def test_grpc_callers_ask_and_are_told_in_metadata(server: ServerProcess, namespace: str) -> None:
    message = chat_pb2.ChatMessage(role="user", content="I keep bees.")
    timed = (*METADATA, ("x-memory-timing", "1"))
    with server.channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        request = chat_pb2.StreamChatRequest(
            namespace=namespace, model="eunoe-local", messages=[message]
        )
        stream = stub.StreamChat(request, metadata=timed)
        first = next(stream)
        assert isinstance(stream, grpc.Call)
        told = dict(stream.initial_metadata() or ())
        # The events are the same, in the same order.
        assert first.WhichOneof("event") == "started"
        kinds = [event.WhichOneof("event") for event in stream]
        assert kinds[:-1] == ["chunk"] * (len(kinds) - 1)
        assert kinds[-1] == "finished"
    assert "first_token" in stages_told(str(told["server-timing"]))


def test_a_responses_answer_tells_them_too(server: ServerProcess, namespace: str) -> None:
    client = server.openai(f"/v1/memory/ns/{namespace}")
    answer = client.responses.with_raw_response.create(
        model="eunoe-local", input="I keep bees.", extra_headers=_TIMED
    )
    assert "upstream" in stages_told(answer.headers["server-timing"])


def test_metrics_count_each_stage_once_a_chat(server: ServerProcess, client: OpenAI) -> None:
    before = samples(server)
    ask(client, "Where do I live?", stream=False, headers={})
    ask(client, "What do I keep?", stream=True, headers={})
    after = samples(server)
    grown = {
        name: after[name] - before.get(name, 0)
        for name in after
        if name.startswith("eunoe_chat") and "_count" in name
    }
    for stage, count in {
        **dict.fromkeys(("identity", "embed", "search", "inject", "store"), 2),
        "upstream": 1,
        "first_token": 1,
    }.items():
        assert grown[f'eunoe_chat_stage_seconds_count{{stage="{stage}"}}'] == count


def samples(server: ServerProcess) -> dict[str, float]:
    """Every sample of /metrics by its name and labels."""
    with urllib.request.urlopen(f"{server.ops}/metrics", timeout=5) as answer:  # noqa: S310 - loopback
        lines = answer.read().decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def test_chats_tokens_notes_and_the_pool_are_counted(server: ServerProcess, client: OpenAI) -> None:
    before = samples(server)
    ask(client, "What do I keep in Porto?", stream=False, headers={})
    after = samples(server)
    for name in (
        'eunoe_chats_total{matched_by="new"}',
        'eunoe_chat_tokens_total{kind="prompt"}',
        'eunoe_chat_tokens_total{kind="completion"}',
        "eunoe_recall_notes_count",
    ):
        assert after[name] > before[name], name
    assert after['eunoe_pool_connections{state="idle"}'] >= 1
    assert after["eunoe_pool_waiting"] == 0


def test_stages_inside_each_other_count_for_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 1.0, 4.0, 6.0, 6.0, 7.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(moments))
    stages = Stages(Metrics())
    with stages.stage("search"), stages.stage("embed"):  # 0 to 6, and 1 to 4
        pass
    with stages.stage("store"):  # 6 to 7
        pass
    assert stages.seconds == {"embed": 3.0, "search": 3.0, "store": 1.0}


def test_a_stage_that_fails_is_timed() -> None:
    metrics = Metrics()
    with pytest.raises(TimeoutError), Stages(metrics).stage("search"):
        raise TimeoutError
    assert b'eunoe_chat_stage_seconds_count{stage="search"} 1.0' in exposition(metrics.registry)
