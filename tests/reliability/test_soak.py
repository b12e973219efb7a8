"""A short soak: what a load takes, it gives back."""

from __future__ import annotations

from tests.reliability.soak import is_back, run


async def test_after_a_load_tasks_descriptors_and_connections_are_as_before() -> None:
    outcome = await run(4, seed=1)
    # Half of what the server could do a moment ago may be too much on a machine that others use.
    assert outcome.failures.keys() <= {"RESOURCE_EXHAUSTED", "HTTP 503"}
    assert outcome.calls > 20
    assert outcome.left > 0
    assert is_back(outcome.before, outcome.after), (outcome.before, outcome.after)
