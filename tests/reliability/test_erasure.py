"""What was erased is nowhere; the same run that `make reliability` prints."""

from __future__ import annotations

from tests.reliability.erasure import NOT_KEPT, run


async def test_what_was_erased_is_in_no_table_file_log_or_export() -> None:
    outcome = await run(seed=7)
    assert len(outcome.planted) > 50
    assert outcome.planted - outcome.stored == NOT_KEPT
    assert {where: found for where, found in outcome.left.items() if found} == {}
    assert outcome.sent_upstream == set()
    assert outcome.left_of_deleted == set()
    assert outcome.lost == set()
    assert outcome.receipt["messages"] > 30
    assert outcome.receipt["commit_queue"] == 1  # the commit that was given up
    assert outcome.receipt["api_keys"] == 1  # the key that was revoked
    assert outcome.audit[:4] == (
        "message_deleted", "dialogue_deleted", "memory_deleted", "namespace_erased",
    )  # fmt: skip
