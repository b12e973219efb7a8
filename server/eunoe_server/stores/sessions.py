"""Sessions: when they were last used, and closing those that were not used for too long.

All times are the database's. Which dialogue a session has is in `dialogues.py`; that one also
closes a session that is used too late, so nobody waits for the worker behind this.
"""

from __future__ import annotations

from dataclasses import dataclass

from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store, filled_in

_SQL = load_queries("sessions")


@dataclass(frozen=True, slots=True)
class IdleSession:
    """A session that was not used for too long when it was claimed."""

    dialogue_key: int
    namespace_key: int
    project_id: int


class Sessions(Store):
    """Of one namespace; but idle ones are claimed of all tenants."""

    __slots__ = ()

    def touching(self, dialogue_key: int) -> bytes:
        """Notes that the open session of a locked dialogue is in use.

        Statements for `Transaction.at_end`.
        """
        return b"; ".join(
            filled_in(_SQL[name], self._tenant, dialogue_key=dialogue_key)
            for name in ("touch", "await_expiry")
        )

    async def claim_idle(
        self, idle_seconds: float, retry_after_seconds: float
    ) -> IdleSession | None:
        """The longest unused session that nobody else works on. For a transaction without a tenant.

        Until it is closed it is claimed again, each time after `retry_after_seconds`.
        """
        return await self._one(
            _SQL["claim_idle"],
            IdleSession,
            idle_seconds=idle_seconds,
            retry_after_seconds=retry_after_seconds,
        )

    async def close_idle(self, dialogue_key: int, idle_seconds: float) -> bool:
        """Closes the session of a locked dialogue.

        False when it was used meanwhile or is somebody else's closing; then nothing changes.
        """
        settled = await self._execute(
            _SQL["settle"], dialogue_key=dialogue_key, idle_seconds=idle_seconds
        )
        if settled:
            await self._execute(_SQL["close"], dialogue_key=dialogue_key)
        return settled > 0

    async def forget(self, dialogue_key: int) -> None:
        """Forgets the session: its dialogue was deleted."""
        await self._execute(_SQL["forget"], dialogue_key=dialogue_key)
