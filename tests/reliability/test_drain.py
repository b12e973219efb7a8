"""A server that is told to stop while calls run (R14): what has begun ends well, nothing begins.

Each of the two stops happens once, in a fixture that writes down what was seen; the tests say what
must have been seen.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from itertools import groupby
from typing import Any

import grpc
import httpx2
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from eunoe.v1 import chat_pb2, chat_pb2_grpc, memory_pb2, memory_pb2_grpc
from tests.fixtures.server import (
    KEY,
    METADATA,
    PATIENCE_SECONDS,
    ServerProcess,
    call,
    serving,
    wait_until,
)
from tests.fixtures.upstream import (
    Pause,
    ReceivedRequest,
    Reply,
    Stall,
    Upstream,
    default_reply,
)

pytestmark = pytest.mark.timeout(180)

NAMESPACE = "drain"

#: Unary calls that wait for the model, over each transport.
UNARY = 10
UNARY_SECONDS = 1.5
STREAMS = 5
STREAM_SECONDS = 4.0
#: Longer than the others, so that gRPC still has something to end when HTTP has not.
GRPC_STREAM_SECONDS = 6.0

ENDLESS = "endless"

DRAIN_DELAY_SECONDS = 0.5
DRAIN_SECONDS = 30.0
#: Who is not answered within it is hanging.
PROBE_SECONDS = 5.0
#: Far less than what a drain would wait for a stream that never ends.
AT_ONCE_SECONDS = 5.0

_Status = health_pb2.HealthCheckResponse


def slow_model(request: ReceivedRequest) -> Reply:
    """Thinks before it answers whole, and pauses in the middle of a stream; some never end."""
    reply = default_reply(request)
    if not request.document.get("stream"):
        return replace(reply, before=(Pause(UNARY_SECONDS),))
    asked = request.document["messages"][-1]["content"]
    pause: Pause | Stall = Pause(GRPC_STREAM_SECONDS if "grpc" in asked else STREAM_SECONDS)
    if ENDLESS in asked:
        pause = Stall()
    # Who speaks, "You ", "said: ", and the rest.
    return replace(reply, body=(*reply.body[:3], pause, *reply.body[3:]))


def question(name: str) -> str:
    """What is asked in the dialogue of this name."""
    return f"This is {name}."


def answer_to(name: str) -> str:
    """What the model says to that when it is let."""
    return f"You said: {question(name)}"


#: What a client hears of a stream that never ends.
BEGUN = "You said: "


def http_path(name: str) -> str:
    """Of a chat in the dialogue of this name."""
    return f"/v1/memory/chat/completions?namespace={NAMESPACE}&chat_id={name}"


def http_body(name: str, *, is_stream: bool) -> dict[str, object]:
    """Of the same."""
    messages = [{"role": "user", "content": question(name)}]
    return {"model": "m", "stream": is_stream, "messages": messages}


def grpc_fields(name: str) -> dict[str, Any]:
    """The same for gRPC."""
    messages = [chat_pb2.ChatMessage(role="user", content=question(name))]
    return {"namespace": NAMESPACE, "chat_id": name, "model": "m", "messages": messages}


def chat_over_http(server: ServerProcess, name: str) -> str:
    """The answer."""
    answer = call(server, "POST", http_path(name), http_body(name, is_stream=False))
    assert "x-memory-degraded" not in answer.headers
    return str(answer.done["choices"][0]["message"]["content"])


def chat_over_grpc(channel: grpc.Channel, name: str) -> str:
    """The answer."""
    request = chat_pb2.CompleteChatRequest(**grpc_fields(name))
    complete = chat_pb2_grpc.ChatServiceStub(channel).CompleteChat
    answer = complete(request, metadata=METADATA, timeout=PATIENCE_SECONDS)
    assert not answer.memory.degraded
    return answer.choices[0].message.content


def sse_over_http(server: ServerProcess, name: str) -> str:
    """The text, once the last event has come. Raises when it breaks off."""
    answer = call(server, "POST", http_path(name), http_body(name, is_stream=True))
    assert answer.status == 200, answer.body
    *events, done, end = bytes(answer.body).decode().split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)


def stream_over_grpc(
    channel: grpc.Channel, name: str, hear: Callable[[str], None] = lambda _: None
) -> str:
    """The text, once the last event said that it is stored. Raises when it breaks off."""
    text = ""
    request = chat_pb2.StreamChatRequest(**grpc_fields(name))
    stream = chat_pb2_grpc.ChatServiceStub(channel).StreamChat
    for event in stream(request, metadata=METADATA, timeout=PATIENCE_SECONDS):
        text += "".join(delta.content for delta in event.chunk.deltas)
        hear(text)
        if event.WhichOneof("event") == "finished":
            assert event.finished.is_stored
            return text
    raise AssertionError("no last event")


def watch(channel: grpc.Channel, hear: Callable[[int], None]) -> None:
    """Hears what health says until the server ends the stream. Raises when it breaks off."""
    stub: Any = health_pb2_grpc.HealthStub(channel)  # its types know of no streams
    for answer in stub.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE_SECONDS):
        hear(answer.status)


def ask(address: str, path: str) -> str:
    """What becomes of a request on a new connection: a status, or how the connection failed."""
    connection = HTTPConnection(address.removeprefix("http://"), timeout=PROBE_SECONDS)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
            answer = connection.getresponse()
            answer.read()
        except TimeoutError:
            return "hangs"
        except ConnectionRefusedError:
            return "refused"
        except (OSError, HTTPException):
            return "hung up"
    return str(answer.status)


def new_over_http(server: ServerProcess) -> str:
    """What becomes of a call that comes now."""
    return ask(server.http, f"/memory?namespace={NAMESPACE}")


def new_over_grpc(channel: grpc.Channel) -> str:
    """The status of a call that comes now."""
    request = memory_pb2.ListMemoriesRequest(namespace=NAMESPACE)
    read = memory_pb2_grpc.MemoryServiceStub(channel).ListMemories
    try:
        read(request, metadata=METADATA, timeout=PROBE_SECONDS)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code.name
    return "OK"


def new_channel(server: ServerProcess) -> grpc.Channel:
    """One that shares no connection with any other."""
    return grpc.insecure_channel(server.grpc, [("grpc.use_local_subchannel_pool", 1)])


@dataclass(frozen=True, slots=True)
class Probe:
    """What became of calls that came at one moment of a drain."""

    over_http: str
    #: On a connection of its own, and on the one that carries the running calls.
    over_grpc: str
    over_known_grpc: str
    #: Of what was begun before; counted after the probe.
    sse_running: int
    grpc_stream_running: bool


@dataclass(slots=True)
class Drained:
    """What a stop with a single signal showed."""

    #: Of what was asked before the signal and not answered by the model yet.
    waiting: int = 0
    #: What became of each call that was open: by dialogue, what came, or how it failed.
    unary: dict[str, object] = field(default_factory=dict)
    sse: dict[str, object] = field(default_factory=dict)
    grpc_stream: object = None
    watch_end: object = None
    health: list[int] = field(default_factory=list)
    #: Of the calls that were open, when the Watch heard of the end.
    running_when_told: int = 0
    #: What /readyz and /healthz said right after that.
    readiness: tuple[str, ...] = ()
    probes: list[Probe] = field(default_factory=list)
    exit_status: int = -1
    #: After the next start: by dialogue, each message's text and whether it was cut.
    held: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)


@dataclass(slots=True)
class Ended:
    """What a second signal during a drain showed."""

    was_draining: bool = False
    exit_status: int = -1
    #: From the second signal until the process and its clients' streams had ended.
    seconds: float = float("inf")
    #: After the next start, as above.
    held: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)


def outcome(future: Future[Any]) -> object:
    """What it gave, or what it raised."""
    error = future.exception(PATIENCE_SECONDS)
    return future.result() if error is None else repr(error)


def running(futures: Sequence[Future[Any]]) -> int:
    """How many have not ended."""
    return sum(not future.done() for future in futures)


def messages(server: ServerProcess, name: str) -> list[tuple[str, bool]]:
    """What the dialogue of this name holds; nothing if there is none."""
    answer = call(server, "GET", f"/dialogue/{name}/messages?namespace={NAMESPACE}&order=asc")
    if answer.status == 404:
        return []
    return [(each["content"], each["isInterrupted"]) for each in answer.done["items"]]


def stages(heard: Iterable[str]) -> list[str]:
    """The same without repetitions."""
    return [each for each, _ in groupby(heard)]


@pytest.fixture(scope="module")
def model() -> Iterator[Upstream]:
    with Upstream(slow_model) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def process(model: Upstream) -> Iterator[ServerProcess]:
    """A server that runs whenever no test is at stopping it."""
    environment = {
        "EUNOE_UPSTREAM_BASE_URL": model.base_url,
        "EUNOE_SERVER__DRAIN_DELAY_SECONDS": str(DRAIN_DELAY_SECONDS),
        "EUNOE_SERVER__DRAIN_SECONDS": str(DRAIN_SECONDS),
        # However busy the machine is, nothing is left out.
        "EUNOE_CHAT__MEMORY_DEADLINE_SECONDS": "20",
    }
    with serving(environment) as process:
        yield process


@pytest.fixture(scope="module")
def drained(process: ServerProcess, model: Upstream) -> Drained:
    """SIGTERM while much is open, and a start afterwards."""
    seen = Drained()
    sse = [f"sse-{number}" for number in range(STREAMS)]
    unary = [f"unary-{transport}-{n}" for n in range(UNARY) for transport in ("http", "grpc")]
    with ThreadPoolExecutor(40) as threads, new_channel(process) as channel:
        watching = threads.submit(watch, channel, seen.health.append)
        stream = threads.submit(stream_over_grpc, channel, "grpc-stream")
        streams = [threads.submit(sse_over_http, process, name) for name in sse]
        model.wait_for_requests(1 + STREAMS)
        calls = [
            threads.submit(chat_over_http, process, name)
            if "http" in name
            else threads.submit(chat_over_grpc, channel, name)
            for name in unary
        ]
        asked = model.wait_for_requests(1 + STREAMS + 2 * UNARY)
        wait_until(lambda: seen.health == [_Status.SERVING], "the Watch to begin")
        seen.waiting = sum(not each.was_answered.is_set() for each in asked)

        os.kill(process.pid, signal.SIGTERM)
        wait_until(lambda: _Status.NOT_SERVING in seen.health, "the Watch to hear of the end")
        seen.running_when_told = running([*calls, *streams, stream])
        seen.readiness = (ask(process.ops, "/readyz"), ask(process.http, "/healthz"))
        while process.is_running:
            over_http = new_over_http(process)
            known = new_over_grpc(channel)
            with new_channel(process) as another:
                over_grpc = new_over_grpc(another)
            probe = Probe(over_http, over_grpc, known, running(streams), running([stream]) > 0)
            seen.probes.append(probe)
            time.sleep(0.1)
        seen.exit_status = process.stop()

        seen.unary = dict(zip(unary, map(outcome, calls), strict=True))
        seen.sse = dict(zip(sse, map(outcome, streams), strict=True))
        seen.grpc_stream = outcome(stream)
        seen.watch_end = outcome(watching)
    process.start()
    seen.held = {name: messages(process, name) for name in [*unary, *sse, "grpc-stream"]}
    return seen


@pytest.fixture(scope="module")
def ended(drained: Drained, process: ServerProcess) -> Ended:
    """Two SIGTERMs while streams are open that never end, and a start afterwards."""
    seen = Ended()
    sse, stream = f"{ENDLESS}-sse", f"{ENDLESS}-grpc"

    heard: list[str] = []

    with (
        ThreadPoolExecutor(2) as threads,
        new_channel(process) as channel,
        httpx2.Client(base_url=process.http, timeout=PATIENCE_SECONDS, trust_env=False) as client,
        client.stream(
            "POST",
            http_path(sse),
            json=http_body(sse, is_stream=True),
            headers={"Authorization": f"Bearer {KEY}"},
        ) as answer,
    ):
        streaming = threads.submit(stream_over_grpc, channel, stream, heard.append)
        pieces, came = answer.iter_raw(), b""
        while b"said: " not in came:
            came += next(pieces)
        wait_until(lambda: BEGUN in heard, "the stream over gRPC to begin")
        reading = threads.submit(lambda: b"".join(pieces))

        os.kill(process.pid, signal.SIGTERM)
        wait_until(lambda: new_over_http(process) == "refused", "new calls to be refused")
        seen.was_draining = process.is_running and running([streaming, reading]) == 2
        began = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        wait_until(lambda: not process.is_running, "it to end")
        wait_until(lambda: running([streaming, reading]) == 0, "the clients to hear of it")
        seen.seconds = time.monotonic() - began
        seen.exit_status = process.stop()
    process.start()
    seen.held = {name: messages(process, name) for name in drained.held}
    return seen


# One signal


def test_health_says_no_while_the_open_calls_still_run(drained: Drained) -> None:
    assert drained.waiting > STREAMS + 1
    assert drained.health == [_Status.SERVING, _Status.NOT_SERVING]
    assert drained.running_when_told > STREAMS
    assert set(drained.readiness) <= {"503", "refused", "hung up"}
    assert drained.watch_end is None  # the server ended it, nothing broke


def test_no_open_unary_call_fails(drained: Drained) -> None:
    assert len(drained.unary) == 2 * UNARY
    assert drained.unary == {name: answer_to(name) for name in drained.unary}


def test_every_open_stream_is_heard_to_its_end(drained: Drained) -> None:
    assert len(drained.sse) == STREAMS
    assert drained.sse == {name: answer_to(name) for name in drained.sse}
    assert drained.grpc_stream == answer_to("grpc-stream")


def test_every_answer_is_there_whole_after_the_next_start(drained: Drained) -> None:
    assert len(drained.held) == 2 * UNARY + STREAMS + 1
    assert drained.held == {
        name: [(question(name), False), (answer_to(name), False)] for name in drained.held
    }


def test_new_calls_over_http_are_refused_while_the_open_ones_run(drained: Drained) -> None:
    heard = stages(each.over_http for each in drained.probes)
    # Those that come before balancers can know are served.
    assert heard == [each for each in ("200", "hung up", "refused") if each in heard]
    assert any(each.over_http == "refused" and each.sse_running for each in drained.probes)


def test_new_calls_over_grpc_are_served_until_they_are_refused(drained: Drained) -> None:
    for heard in (
        stages(each.over_grpc for each in drained.probes),
        stages(each.over_known_grpc for each in drained.probes),
    ):
        assert heard == [each for each in ("OK", "UNAVAILABLE") if each in heard]
    assert any(
        each.over_grpc == each.over_known_grpc == "UNAVAILABLE" and each.grpc_stream_running
        for each in drained.probes
    )


def test_new_calls_over_grpc_are_refused_as_soon_as_those_over_http(drained: Drained) -> None:
    refused = [each for each in drained.probes if each.over_http == "refused"]
    assert refused
    heard = [(each.over_grpc, each.over_known_grpc) for each in refused]
    assert set(heard) == {("UNAVAILABLE", "UNAVAILABLE")}


def test_a_server_that_has_drained_ends_with_status_0(drained: Drained) -> None:
    assert drained.exit_status == 0


# Two signals


def test_a_second_signal_during_a_drain_ends_it_at_once(ended: Ended) -> None:
    assert ended.was_draining
    assert ended.seconds < AT_ONCE_SECONDS
    assert ended.exit_status == 130


def test_a_second_signal_takes_nothing_back_that_was_acknowledged(
    drained: Drained, ended: Ended
) -> None:
    assert {name: ended.held[name] for name in drained.held} == drained.held
