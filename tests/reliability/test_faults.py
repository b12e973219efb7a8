"""Short runs of what `make reliability` does at length: the behaviour, not the seconds."""

from __future__ import annotations

import pytest

from tests.reliability import (
    cancellations,
    database_outage,
    full_disk,
    postgres_kills,
    pressure,
    rolling_restart,
    server_kills,
    versions,
)

pytestmark = pytest.mark.timeout(180)
SEED = 7


async def test_a_server_that_is_killed_has_kept_what_it_acknowledged() -> None:
    outcome = await server_kills.run(rounds=1, seed=SEED)
    assert outcome.verdict.is_clean, outcome.verdict
    assert outcome.orphans == 0
    assert outcome.load.improper == []
    assert outcome.load.history.acknowledged > 0
    assert outcome.serving_again_seconds != [float("inf")]


async def test_a_server_brings_its_embedded_postgres_back_and_lives_on() -> None:
    outcome = await postgres_kills.run(postgres_kills.on_embedded, rounds=1, seed=SEED)
    assert outcome.verdict.is_clean, outcome.verdict
    assert outcome.orphans == 0
    assert outcome.load.improper == []
    assert outcome.serving_again_seconds != [float("inf")]
    assert not outcome.needs_restart


async def test_an_outside_postgres_that_was_killed_is_used_again() -> None:
    outcome = await postgres_kills.run(postgres_kills.on_outside, rounds=1, seed=SEED)
    assert outcome.verdict.is_clean, outcome.verdict
    assert outcome.load.improper == []
    assert outcome.serving_again_seconds != [float("inf")]
    assert not outcome.needs_restart


async def test_calls_that_hang_up_leave_nothing_behind() -> None:
    outcome = await cancellations.run(rounds=1, calls=300, seed=SEED)
    assert outcome.refused_next_calls == []
    assert outcome.whole_after_seconds != [float("inf")]
    assert outcome.open_transactions == 0
    assert outcome.complaints == []
    assert outcome.verdict.is_clean, outcome.verdict
    assert outcome.orphans == 0


async def test_without_its_database_every_call_ends_and_chats_go_on() -> None:
    outcome = await database_outage.run(seconds=4, seed=SEED)
    assert outcome.degraded_chats == outcome.chats > 0
    assert outcome.improper == []
    refused = {reason for _, _, reason in outcome.heard} - {"OK"}
    assert refused
    assert refused <= {"STORAGE_UNAVAILABLE", "OVERLOADED"}
    assert outcome.not_serving_after < float("inf")
    assert outcome.writing_after_healing < float("inf")
    assert outcome.livez_failures == 0
    assert not outcome.needs_restart


async def test_a_database_that_hangs_is_given_up_on_here_and_there() -> None:
    outcome = await pressure.run(callers=12)
    assert {said.reason for _, said in outcome.answered} == {"OVERLOADED", "STORAGE_UNAVAILABLE"}
    assert all(said.says_when_to_return for _, said in outcome.answered)
    assert outcome.unhealthy == 0
    assert outcome.at_work_after_deadline == 0
    assert outcome.well_after < float("inf")


async def test_restarts_are_not_seen_through_the_client() -> None:
    outcome = await rolling_restart.run(rounds=1, kills=0)
    assert outcome.errors == {}
    assert outcome.exit_statuses == [0, 0]
    assert outcome.astray == 0
    assert outcome.calls > 0


async def test_a_database_that_is_read_only_is_still_read() -> None:
    outcome = await full_disk.run_read_only()
    assert outcome.write.reason == "STORAGE_UNAVAILABLE"
    assert not outcome.write.is_improper
    assert outcome.read.reason == "OK"
    assert (outcome.chat.reason, outcome.chat.degraded) == ("OK", "store")
    assert outcome.write_afterwards.is_done


async def test_a_migration_that_is_killed_is_completed_and_another_schema_is_refused() -> None:
    outcome = await versions.run(kills=1, seed=SEED)
    assert (outcome.failed_afterwards, outcome.different, outcome.not_ready_again) == (0, 0, 0)
    older, newer = outcome.why_not
    assert older.endswith("Run `eunoe migrate`.")
    assert newer.endswith("Update the server.")
