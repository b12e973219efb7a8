"""The loop of upkeep: it goes on whatever happens, and stops between two pieces."""

from __future__ import annotations

import asyncio

import pytest

from eunoe_server.errors import Overloaded, StorageUnavailable
from eunoe_server.workers import upkeep_worker
from eunoe_server.workers.upkeep_worker import UpkeepWorker


@pytest.fixture(autouse=True)
def _without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep_worker, "IDLE_SECONDS", 0.001)


@pytest.mark.parametrize(
    "outcome", [True, False, StorageUnavailable(), Overloaded(), ZeroDivisionError()], ids=repr
)
async def test_the_next_piece_is_asked_for_whatever_became_of_the_last(
    outcome: bool | Exception,
) -> None:
    was_asked_again = asyncio.Event()
    outcomes = [outcome]

    async def do_next() -> bool:
        if not outcomes:
            was_asked_again.set()
            return False
        if isinstance(last := outcomes.pop(), Exception):
            raise last
        return last

    async with UpkeepWorker("test", do_next).running():
        await was_asked_again.wait()


async def test_a_piece_that_was_begun_is_finished_and_none_begun_after() -> None:
    pieces: list[str] = []
    has_begun = asyncio.Event()

    async def do_next() -> bool:
        pieces.append("begun")
        has_begun.set()
        await asyncio.sleep(0.01)
        pieces.append("finished")
        return True

    async with UpkeepWorker("test", do_next).running():
        await has_begun.wait()
    assert pieces[-1] == "finished"
    count = len(pieces)
    await asyncio.sleep(0.05)
    assert len(pieces) == count
