"""States of dialogues: read, replaced, patched; each write makes a version.

A patch is merged with no connection held, then written if the state is still the one it was merged
into; else it is merged again. So two patches at once both count, and `if_version` lets one writer
of two win.
"""

from __future__ import annotations

from functools import partial

from eunoe_server.domain.caller import Caller
from eunoe_server.domain.dialogue import Dialogue
from eunoe_server.domain.dialogue_state import checked_state, patched_state
from eunoe_server.domain.idempotency import current_repeat
from eunoe_server.domain.screening import NO_SCREEN, Screen
from eunoe_server.errors import Overloaded, StateVersionMismatch
from eunoe_server.services.dialogue_scope import existing, tenant_of
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.threads import read_apart
from eunoe_server.stores.database import Database, Transaction

# Each time that one patch has to be merged again, another was written.
_MAX_MERGES = 50


class DialogueStates:
    """The states of the dialogues of all namespaces."""

    def __init__(
        self, database: Database, namespaces: Namespaces, *, screen: Screen = NO_SCREEN
    ) -> None:
        self._database = database
        self._namespaces = namespaces
        self._screen = screen

    async def get(self, caller: Caller, namespace: str | None, dialogue_id: str) -> Dialogue:
        """The dialogue with its state. Raises DialogueNotFound."""
        tenant = await tenant_of(self._namespaces, caller, namespace, dialogue_id)
        async with self._database.transaction(tenant) as tx:
            return await existing(tx, dialogue_id)

    async def put(
        self,
        caller: Caller,
        namespace: str | None,
        dialogue_id: str,
        state: str,
        if_version: int | None,
    ) -> Dialogue:
        """Replaces the state. Raises InvalidInput, DialogueNotFound, StateVersionMismatch."""
        tenant = await tenant_of(self._namespaces, caller, namespace, dialogue_id)
        checked = await read_apart(len(state), lambda: self._screened(state))

        async def work(tx: Transaction) -> Dialogue:
            dialogue = await existing(tx, dialogue_id)
            written = await tx.dialogues.put_state(dialogue.dialogue_key, checked, if_version)
            if written is None:
                now = await existing(tx, dialogue_id)
                raise StateVersionMismatch(metadata={"state_version": str(now.state_version)})
            return written

        async def again(tx: Transaction) -> Dialogue:
            return await existing(tx, dialogue_id)

        return await self._database.run(tenant, work, again)

    async def patch(
        self,
        caller: Caller,
        namespace: str | None,
        dialogue_id: str,
        patch: str,
        if_version: int | None,
    ) -> Dialogue:
        """Merges a patch into the state. Raises what `put` raises, and Overloaded."""
        if current_repeat():
            return await self.get(caller, namespace, dialogue_id)
        for _ in range(_MAX_MERGES):
            dialogue = await self.get(caller, namespace, dialogue_id)
            if if_version not in {None, dialogue.state_version}:
                raise StateVersionMismatch(metadata={"state_version": str(dialogue.state_version)})
            state = dialogue.state
            patched = await read_apart(
                len(state) + len(patch), partial(patched_state, state, patch)
            )
            try:
                return await self.put(
                    caller, namespace, dialogue_id, patched, dialogue.state_version
                )
            except StateVersionMismatch:
                if if_version is not None:
                    raise
        raise Overloaded("Too many changes of this state at once. Try again.")

    def _screened(self, state: str) -> str:
        return self._screen.document(checked_state(state), "state")
