"""The gate: who comes in, who waits and who is refused. Time is a number here, not a clock."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest

from eunoe.v1 import memory_pb2
from eunoe_server.admission import MAX_WAITING, Gate
from eunoe_server.errors import Overloaded
from eunoe_server.telemetry import Metrics
from eunoe_server.transport.grpc.interceptors import (
    Admission,
    Gates,
    Shedding,
    SheddingOverHttp,
)
from eunoe_server.transport.grpc.interceptors.chain import Call
from tests.fixtures.clock import Clock


class Visitor:
    """Enters a gate in a task of its own, and stays until it is told to leave."""

    def __init__(self, gate: Gate, *, is_owed: bool = False, is_let_in: bool = False) -> None:
        self._may_leave = asyncio.Event()
        self.is_inside = False
        self.task = asyncio.create_task(self._visit(gate, is_owed, is_let_in))

    async def _visit(self, gate: Gate, is_owed: bool, is_let_in: bool) -> None:
        async with gate.entered(is_owed=is_owed, is_let_in=is_let_in):
            self.is_inside = True
            await self._may_leave.wait()
        self.is_inside = False

    async def leave(self) -> None:
        self._may_leave.set()
        await self.task


async def settled() -> None:
    """Lets every task come as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def visitors(gate: Gate, count: int) -> list[Visitor]:
    found = [Visitor(gate) for _ in range(count)]
    await settled()
    return found


async def kept_waiting(gate: Gate, clock: Clock, seconds: float) -> None:
    """One after the other is inside for so long; the gate knows a pace from it."""
    for each in await visitors(gate, 2):
        clock.seconds += seconds
        await each.leave()


async def leave_all(found: list[Visitor]) -> None:
    for visitor in found:
        await visitor.leave()


def gate_of(limit: int, clock: Clock, *, burst: float = 1.0, standing: float = 0.02) -> Gate:
    return Gate(limit, burst_seconds=burst, standing_seconds=standing, monotonic_seconds=clock)


async def test_no_more_than_the_limit_are_inside_and_the_others_follow_in_their_order() -> None:
    gate = gate_of(2, Clock())
    found = await visitors(gate, 5)
    assert [each.is_inside for each in found] == [True, True, False, False, False]
    await found[1].leave()
    await settled()
    assert [each.is_inside for each in found] == [True, False, True, False, False]
    assert (gate.inside, gate.waiting) == (2, 2)
    await leave_all(found)
    assert (gate.inside, gate.waiting) == (0, 0)


async def test_without_a_line_who_finds_it_full_is_refused_at_once() -> None:
    gate = gate_of(1, Clock(), burst=0.0)
    (inside,) = await visitors(gate, 1)
    assert gate.is_refusing
    with pytest.raises(Overloaded) as refusal:
        await gate.entered().__aenter__()
    assert refusal.value.retry_after_seconds == 1.0
    await inside.leave()
    assert not gate.is_refusing


async def paced(gate: Gate, clock: Clock, found: list[Visitor], seconds: float) -> None:
    """Has them leave one after the other, so many seconds apart."""
    for visitor in found:
        clock.seconds += seconds
        await visitor.leave()
        await settled()


async def test_a_burst_may_wait_as_long_as_it_is_foretold_to_and_no_longer() -> None:
    clock = Clock()
    gate = gate_of(1, clock)
    found = await visitors(gate, 41)
    await paced(gate, clock, found[:30], 0.02)
    # By now it is known that one leaves every 0.02 s (less a twentieth, as the pace is smoothed):
    # ten wait, and 53 would take a second.
    found += await visitors(gate, 39)
    assert not gate.is_refusing
    found += await visitors(gate, 3)
    assert gate.is_refusing
    await leave_all(found)


async def test_a_line_that_stays_is_kept_short_and_one_that_has_been_empty_may_grow_again() -> None:
    clock = Clock()
    gate = gate_of(1, clock)
    found = await visitors(gate, 60)
    await paced(gate, clock, found[:55], 0.02)
    # For 1.1 s somebody has been waiting, and four in line stand for 0.08 s.
    assert gate.is_refusing
    await paced(gate, clock, found[55:], 0.02)
    assert not gate.is_refusing
    # A moment later the same again is no new burst.
    found = await visitors(gate, 2)
    assert gate.is_refusing
    await paced(gate, clock, found, 0.02)
    clock.seconds += 1.1
    found = await visitors(gate, 3)
    assert not gate.is_refusing
    await leave_all(found)


async def test_where_nobody_leaves_the_wait_is_foretold_to_be_at_least_as_long_as_that() -> None:
    clock = Clock()
    gate = gate_of(1, clock)
    found = await visitors(gate, 3)
    clock.seconds += 0.9
    assert not gate.is_refusing
    clock.seconds += 0.2
    assert gate.is_refusing
    await leave_all(found)


async def test_a_line_of_those_who_come_again_bears_a_moment_without_a_leaving() -> None:
    clock = Clock()
    gate = gate_of(8, clock, standing=0.25)
    found = await visitors(gate, 32)
    for _ in range(1_000):
        await paced(gate, clock, [found.pop(0)], 0.002)
        assert not gate.is_refusing
        found += await visitors(gate, 1)
    # 24 in line stand for 0.05 s.
    clock.seconds += 0.1
    assert not gate.is_refusing
    clock.seconds += 0.2
    assert gate.is_refusing
    await leave_all(found)


async def test_a_line_has_an_end_whatever_the_pace() -> None:
    gate = gate_of(1, Clock())
    found = await visitors(gate, MAX_WAITING + 1)
    assert gate.is_refusing
    for visitor in found[1:]:
        visitor.task.cancel()
    await asyncio.wait([visitor.task for visitor in found[1:]])
    await found[0].leave()
    assert (gate.inside, gate.waiting) == (0, 0)


async def test_what_is_owed_is_never_refused_and_goes_before_the_line() -> None:
    clock = Clock()
    gate = gate_of(1, clock)
    found = await visitors(gate, 3)
    clock.seconds += 10
    assert gate.is_refusing
    owed = Visitor(gate, is_owed=True)
    await settled()
    await found[0].leave()
    await settled()
    assert owed.is_inside
    await owed.leave()
    await leave_all(found)


async def test_who_was_let_in_at_the_door_waits_in_line_whatever_it_is_like_by_then() -> None:
    clock = Clock()
    gate = gate_of(1, clock)
    found = await visitors(gate, 3)
    clock.seconds += 10
    assert gate.is_refusing
    late = Visitor(gate, is_let_in=True)
    await settled()
    assert not late.task.done()
    await leave_all(found)
    await settled()
    assert late.is_inside
    await late.leave()


async def test_who_gives_up_in_the_line_is_passed_over() -> None:
    gate = gate_of(1, Clock())
    found = await visitors(gate, 3)
    found[1].task.cancel()
    await settled()
    await found[0].leave()
    await settled()
    assert found[2].is_inside
    await found[2].leave()
    assert gate.inside == 0


async def test_who_gives_up_in_the_moment_of_his_turn_passes_it_on() -> None:
    gate = gate_of(1, Clock())
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(gate.entered())
        found = await visitors(gate, 2)
        await stack.aclose()  # hands the place over; nothing has run since
        found[0].task.cancel()
        await settled()
    assert found[1].is_inside
    await found[1].leave()
    assert (gate.inside, gate.waiting) == (0, 0)


async def test_a_wait_that_was_foretold_wrongly_ends_by_itself() -> None:
    gate = Gate(1, burst_seconds=0.02, standing_seconds=0.02)
    (inside,) = await visitors(gate, 1)
    with pytest.raises(Overloaded):
        async with gate.entered():
            raise AssertionError("nobody left")
    await inside.leave()
    assert (gate.inside, gate.waiting) == (0, 0)


async def test_who_is_on_the_way_counts_before_he_has_come() -> None:
    gate = gate_of(2, Clock(), burst=0.0)
    first_has_come = gate.expect()
    assert not gate.is_refusing
    second_has_gone = gate.expect()
    assert gate.is_refusing
    second_has_gone()
    second_has_gone()
    assert not gate.is_refusing
    first_has_come()
    (inside,) = await visitors(gate, 1)
    assert not gate.is_refusing
    await inside.leave()


async def test_who_was_let_in_is_not_refused_for_those_who_come_behind_him() -> None:
    clock = Clock()
    gate = gate_of(1, clock)
    await kept_waiting(gate, clock, 4)
    (inside,) = await visitors(gate, 1)
    has_come = gate.expect()
    for _ in range(2):
        gate.expect()
    has_come()
    assert gate.is_refusing  # at that pace the last of them would wait too long
    (waiting,) = await visitors(gate, 1)
    assert not waiting.task.done()
    await leave_all([inside, waiting])


async def test_many_who_come_at_once_after_a_quiet_time_are_a_burst() -> None:
    clock = Clock()
    gate = gate_of(1, clock)
    await kept_waiting(gate, clock, 0.001)
    clock.seconds += 3_600
    for _ in range(100):
        assert not gate.is_refusing
        gate.expect()


GET = "/eunoe.v1.MemoryService/GetMemory"
CHAT = "/eunoe.v1.ChatService/StreamChat"
EMBED = "/eunoe.v1.ChatService/CreateEmbeddings"


def gates_of(calls: int, chats: int, steps: int = 100) -> Gates:
    """Gates without lines."""
    return Gates(*(gate_of(limit, Clock(), burst=0.0) for limit in (calls, chats, steps)))


async def test_a_call_that_the_door_let_in_is_not_refused_behind_it() -> None:
    clock = Clock()
    gates = Gates(*(gate_of(1, clock) for _ in range(3)))
    shedding, admission = Shedding(gates, Metrics()), Admission(gates)
    call = Call(GET, memory_pb2.GetMemoryRequest(), cast("Any", None))
    found = await visitors(gates.calls, 2)

    async def come(*, is_let_in: bool) -> None:
        if is_let_in:
            shedding.expect(GET)
        clock.seconds += 10
        assert shedding.is_refusing(GET)
        async with admission.around(call):
            pass

    with pytest.raises(Overloaded):
        await asyncio.create_task(come(is_let_in=False))
    waiting = asyncio.create_task(come(is_let_in=True))
    await settled()
    assert not waiting.done()
    await leave_all(found)
    await waiting
    assert gates.calls.expected == 0


async def test_over_http_who_is_on_the_way_is_counted_until_he_is_answered() -> None:
    gates, metrics = gates_of(2, 2), Metrics()
    http = SheddingOverHttp(gates, Shedding(gates, metrics))
    for method, other in ((GET, CHAT), (EMBED, GET)):
        assert not http.is_crowded
        leaves = [http.let_in(method) for _ in range(2)]
        assert http.is_crowded
        assert http.let_in(method) is None
        one_of_the_others = http.let_in(other)
        # The gates see none of them yet, so nobody is refused elsewhere.
        assert not gates.are_refusing(method)
        for leave in (*leaves, one_of_the_others):
            assert leave is not None
            leave()
    assert not http.is_crowded
    assert metrics.calls_refused._value.get() == 0
    http.has_refused()
    assert metrics.calls_refused._value.get() == 1


async def test_over_http_those_count_as_well_who_come_over_grpc() -> None:
    gates = gates_of(2, 2)
    http = SheddingOverHttp(gates, Shedding(gates, Metrics()))
    found = await visitors(gates.calls, 1)
    has_come = gates.calls.expect()
    assert http.is_crowded
    assert http.let_in(GET) is None
    has_come()
    leave = http.let_in(GET)
    assert leave is not None
    # He has come: in the gate he is the same, not one more.
    found += await visitors(gates.calls, 1)
    await found[0].leave()
    assert http.let_in(GET) is not None
    await found[1].leave()


async def test_over_http_chats_are_refused_where_their_steps_are_stuck() -> None:
    gates = gates_of(2, 2, steps=1)
    http = SheddingOverHttp(gates, Shedding(gates, Metrics()))
    stuck = await visitors(gates.steps, 1)
    assert http.is_crowded
    assert http.let_in(CHAT) is None
    assert http.let_in(EMBED) is not None
    assert http.let_in(GET) is not None
    await leave_all(stuck)
    assert http.let_in(CHAT) is not None
