"""What becomes of facts when what says them goes: a message, a dialogue, a branch of one.

What is erased takes with it the facts that rest on it alone; of a branch that another has replaced
they are closed and stay readable. A fact may also be deleted for itself, or grow too old. Whichever
way one goes, what it had closed holds again: that the earlier fact ended was known from this one
alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eunoe_server.domain.dialogue import Dialogue
from eunoe_server.domain.search_entry import SearchObject
from eunoe_server.stores.database import Transaction
from eunoe_server.stores.facts import Withdrawn


async def withdraw_superseded(tx: Transaction, dialogue: Dialogue) -> None:
    """Closes the facts that rest on superseded branches of a dialogue alone."""
    withdrawn = await tx.facts.withdraw_superseded(dialogue.dialogue_key, dialogue.id)
    await show(tx, dict.fromkeys(withdrawn.gone, False))
    await _show_reopened(tx, withdrawn)


async def forget(tx: Transaction, dialogue_id: str, message_id: str | None = None) -> None:
    """Deletes the facts that rest on this alone; others no longer say that they come from it."""
    withdrawn = await tx.facts.forget(dialogue_id, message_id)
    await tx.search.delete_entries(SearchObject.MEMORY, withdrawn.gone)
    await _show_reopened(tx, withdrawn)


async def delete_memories(tx: Transaction, memory_ids: Sequence[str]) -> int:
    """Deletes those of these memories that are in the transaction's namespace; how many."""
    withdrawn = await tx.facts.reopen_before(memory_ids)
    memory_keys = await tx.memories.delete_many(memory_ids)
    await tx.search.delete_entries(SearchObject.MEMORY, memory_keys)
    if withdrawn.gone:  # other memories bear nobody's name
        await tx.search.forget_speakers()
    await _show_reopened(tx, withdrawn)
    return len(memory_keys)


async def _show_reopened(tx: Transaction, withdrawn: Withdrawn) -> None:
    await show(tx, {each.memory_key: each.is_current for each in withdrawn.reopened})


async def show(tx: Transaction, are_current: Mapping[int, bool]) -> None:
    """Lets search find what holds, and nothing else."""
    for is_current in (True, False):
        keys = [key for key, each in are_current.items() if each is is_current]
        if keys:
            await tx.search.set_current(SearchObject.MEMORY, keys, is_current=is_current)
