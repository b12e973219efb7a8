"""What a call costs beside the least that it could: a bare grpc.aio server, a bare connection."""

from __future__ import annotations

import base64
from functools import partial
from statistics import median

from benchmarks.figures import Basis, Goal, Outcome, Row, beside, take_turns
from benchmarks.processes import own_program, serving_program
from benchmarks.programs.call_load import Call, CallOrder, CallReport, call
from benchmarks.programs.sql_reads import ReadOrder, read
from benchmarks.stage import Stage
from eunoe.v1 import memory_pb2, memory_pb2_grpc
from eunoe_server.stores.embedded import EmbeddedUser
from tests.fixtures.server import KEY, METADATA, ServerProcess, serving

MEMORIES = 200
ECHO, BARE = "bare grpc.aio echo", "bare psycopg select"


def calls(stage: Stage) -> Outcome:
    """GetMemory beside an echo of the same messages, and the read under it beside one select."""
    with serving() as server:
        answer, ids = _store(server)
        encoded = base64.b64encode(answer.SerializeToString()).decode()
        with serving_program([*own_program("echo"), encoded]) as echo:
            targets = {ECHO: echo, "ours": server.grpc}
            rows = [
                _beside_echo(stage, targets, ids, callers)
                for callers in (1, stage.plan.many_callers)
            ]
        stage.say("one memory, by the store and by hand")
        user = EmbeddedUser(server.data_dir)  # which is running: joined, not started
        try:
            order = ReadOrder(user.enter(), ids, stage.plan.memory_calls, stage.plan.rounds)
            reads = read(order)
        finally:
            user.leave()
    rows.append(
        beside("a memory read by the store, p50", "ms", reads.store, BARE, reads.bare,
               note="ours: a transaction with role, tenant, deadline and two look-ups")
    )  # fmt: skip
    return Outcome(tuple(rows))


def _store(server: ServerProcess) -> tuple[memory_pb2.GetMemoryResponse, tuple[str, ...]]:
    """Memories, as a GetMemory answers them."""
    with server.channel() as channel:
        memories = memory_pb2_grpc.MemoryServiceStub(channel)
        request = memory_pb2.BatchCreateMemoriesRequest(namespace="calls")
        for number in range(MEMORIES):
            value = f'"Number {number} lives in a small house by the river and keeps bees."'
            request.memories.add(value_json=value, tags=["house"])
        stored = memories.BatchCreateMemories(request, metadata=METADATA).memories
        ids = tuple(memory.id for memory in stored)
        answer = memories.GetMemory(memory_pb2.GetMemoryRequest(id=ids[0]), metadata=METADATA)
    return answer, ids


def _beside_echo(stage: Stage, targets: dict[str, str], ids: tuple[str, ...], callers: int) -> Row:
    stage.say(f"GetMemory beside an echo, callers: {callers}")
    asks = tuple(("", memory_id) for memory_id in ids)
    sides = {
        name: partial(call, CallOrder(Call.GET, target, KEY, asks, callers, stage.plan.seconds))
        for name, target in targets.items()
    }
    reports: dict[str, list[CallReport]] = take_turns(sides, stage.plan.rounds)
    is_goal = callers == stage.plan.many_callers
    share = median(report.load_share for report in reports["ours"])
    return beside(
        f"GetMemory, {callers} caller{'s' if callers > 1 else ''}",
        "/s",
        [report.rate for report in reports["ours"]],
        ECHO,
        [report.rate for report in reports[ECHO]],
        goal=Goal(0.4, is_floor=True, basis=Basis.RATIO) if is_goal else None,
        note=f"the load used {share:.0%} of a core",
    )
