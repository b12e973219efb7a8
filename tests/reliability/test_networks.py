"""Networks that are slow or break, before the server and behind it.

What one does that swallows everything is in `database_outage.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import grpc
import httpx2
import pytest

from tests.fixtures.fault_proxy import CutAfter, Delay, Drip, Fault, FaultProxy, Pass, Reset
from tests.fixtures.server import KEY, PATIENCE_SECONDS, call, wait_until
from tests.fixtures.upstream import Stall, event, sse_reply
from tests.reliability import holdings
from tests.reliability.callers import CALL_SECONDS, Caller, GrpcCaller, HttpCaller, Said
from tests.reliability.distance import Distant, behind_a_network
from tests.reliability.history import History, Keep, judge
from tests.reliability.postgres import orphans

pytestmark = pytest.mark.timeout(180)

#: Far less than a caller's patience, at the end of which nobody has answered.
SHORT = {"EUNOE_SERVER__CALL_SECONDS": "2", "EUNOE_CHAT__MEMORY_DEADLINE_SECONDS": "0.5"}


@pytest.fixture(scope="module")
def distant() -> Iterator[Distant]:
    with behind_a_network(SHORT) as distant:
        yield distant


@asynccontextmanager
async def http_caller(address: str) -> AsyncIterator[Caller]:
    async with httpx2.AsyncClient(
        base_url=f"http://{address}", timeout=CALL_SECONDS, trust_env=False
    ) as client:
        yield HttpCaller(client)


@asynccontextmanager
async def grpc_caller(address: str) -> AsyncIterator[Caller]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield GrpcCaller(channel)


@pytest.mark.parametrize("fault", [Delay(0.1), Drip(4_000)], ids=["delay", "drip"])
@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_a_client_far_away_has_its_chat_answered_and_kept(
    distant: Distant, namespace: str, transport: str, fault: Fault
) -> None:
    if transport == "grpc":
        target, connected = distant.server.grpc, grpc_caller
    else:
        target, connected = distant.server.http.removeprefix("http://"), http_caller
    with FaultProxy(target) as network:
        network.set(fault)
        async with connected(network.address) as client:
            answer = await client.chat(
                namespace, namespace, [("user", "Hello")], attempt=1, is_stream=True
            )
    assert answer.is_done, answer
    held = await holdings.read(distant.server.grpc, [namespace])
    assert held.dialogues == {namespace: ["Hello", "You said: Hello"]}


@pytest.mark.parametrize("fault", [Reset(), CutAfter(1_000)], ids=["reset", "cut"])
def test_a_stream_that_the_network_breaks_is_kept_as_cut_and_the_next_is_whole(
    distant: Distant, namespace: str, fault: Fault
) -> None:
    choice = {"index": 0, "delta": {"content": "and so on "}, "finish_reason": None}
    piece = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    distant.upstream.script(sse_reply(*[event({**piece, "choices": [choice]})] * 20, Stall()))
    path = f"/v1/memory/chat/completions?namespace={namespace}&chat_id={namespace}"
    key = {"Authorization": f"Bearer {KEY}"}

    def ask(text: str) -> dict[str, object]:
        return {"model": "m", "stream": True, "messages": [{"role": "user", "content": text}]}

    def are_cut() -> list[bool]:
        page = call(distant.server, "GET", f"/dialogue/{namespace}/messages?namespace={namespace}")
        return [each.get("isInterrupted", False) for each in (page.body.get("items") or ())]

    with (
        FaultProxy(distant.server.http.removeprefix("http://")) as network,
        httpx2.Client(base_url=f"http://{network.address}", headers=key, trust_env=False) as client,
    ):
        if isinstance(fault, CutAfter):
            network.set(fault)
        with client.stream("POST", path, json=ask("Tell me")) as answer:
            pieces = answer.iter_raw()
            assert b"and so on" in next(pieces)
            if isinstance(fault, Reset):
                network.set(fault)
            with pytest.raises(httpx2.TransportError):
                list(pieces)
        wait_until(lambda: are_cut() == [True, False], "the cut answer to be kept")
        network.set(Pass())
        assert client.post(path, json=ask("And then?")).text.endswith("data: [DONE]\n\n")
    assert are_cut() == [False, False, True, False]  # the newest first


async def act(distant: Distant, namespace: str, history: History) -> list[Said]:
    """One call of each kind at the same time: a memory, a batch, a dialogue and, last, a chat."""
    name = f"{namespace}-{len(history.entries)}"
    one, *batch = (f"{name}-memory-{place}" for place in range(6))
    said = [f"{name}-said-{place}" for place in range(5)]
    asked = f"{name}-asked"
    keep = history.intend(Keep((one,)))
    keep_batch = history.intend(Keep(tuple(batch)))
    open_dialogue = history.intend(Keep(tuple(said), f"{name}-dialogue"))
    # The question may be kept without its answer.
    ask = history.intend(Keep((asked,), f"{name}-chat"))
    hear = history.intend(Keep((f"You said: {asked}",), f"{name}-chat"))
    async with grpc_caller(distant.server.grpc) as caller:
        answers = await asyncio.gather(
            caller.keep_memories(namespace, [one], request_id=""),
            caller.keep_memories(namespace, batch, request_id=""),
            caller.open_dialogue(namespace, f"{name}-dialogue", said),
            caller.chat(namespace, f"{name}-chat", [("user", asked)], attempt=1, is_stream=False),
        )
    for entries, answer in zip(
        [[keep], [keep_batch], [open_dialogue], [ask, hear]], answers, strict=True
    ):
        for entry in entries:
            if answer.is_done:
                history.acknowledge(entry)
    return list(answers)


async def until_served(distant: Distant, namespace: str, history: History) -> None:
    """Asks again and again, as one who was told that the database is unavailable."""
    text = f"{namespace}-again"
    entry = history.intend(Keep((text,)))
    deadline = time.monotonic() + PATIENCE_SECONDS
    async with grpc_caller(distant.server.grpc) as caller:
        while not (await caller.keep_memories(namespace, [text], request_id=text)).is_done:
            assert time.monotonic() < deadline, "the database is not used again"
            await asyncio.sleep(0.05)
    history.acknowledge(entry)


async def assert_kept_its_word(distant: Distant, namespace: str, history: History) -> None:
    verdict = judge(history, await holdings.read(distant.server.grpc, [namespace]))
    assert verdict.is_clean, verdict
    assert await asyncio.to_thread(orphans, distant.postgres.dsn) == 0


async def test_a_database_far_away_makes_calls_slow_and_no_more(
    distant: Distant, namespace: str
) -> None:
    history = History()
    distant.network.set(Delay(0.01))
    answers = await act(distant, namespace, history)
    distant.network.set(Pass())
    assert all(answer.is_done for answer in answers), answers
    await assert_kept_its_word(distant, namespace, history)


async def test_connections_to_the_database_that_were_reset_are_not_noticed(
    distant: Distant, namespace: str
) -> None:
    history = History()
    distant.network.set(Reset())
    distant.network.set(Pass())
    answers = await act(distant, namespace, history)
    assert all(answer.is_done for answer in answers), answers
    await assert_kept_its_word(distant, namespace, history)


@pytest.mark.parametrize("fault", [Drip(200), Reset(), CutAfter(100), CutAfter(1_000)], ids=str)
async def test_while_the_way_to_the_database_fails_calls_end_and_afterwards_all_is_well(
    distant: Distant, namespace: str, fault: Fault
) -> None:
    history = History()
    distant.network.set(fault)
    *stored, chat = await act(distant, namespace, history)
    distant.network.set(Pass())
    for answer in stored:
        assert answer.is_done or answer.reason in {"STORAGE_UNAVAILABLE", "OVERLOADED"}, answer
        assert not answer.is_improper, answer
    assert chat.reason == "OK", chat
    await until_served(distant, namespace, history)
    answers = await act(distant, namespace, history)
    assert all(answer.is_done for answer in answers), answers
    await assert_kept_its_word(distant, namespace, history)
