"""Answers by the ids that their model gave them."""

from __future__ import annotations

from collections.abc import Sequence

from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store

_SQL = load_queries("responses")


class Responses(Store):
    """Of one namespace."""

    __slots__ = ()

    async def record(self, response_id: str, message_key: int) -> None:
        """From now on this id means that message."""
        await self._execute(_SQL["record"], id=response_id, message_key=message_key)

    async def conversation_until(self, response_id: str) -> Sequence[str]:
        """The bodies of the conversation up to that answer, without instructions; none: unknown."""
        return await self._all(_SQL["conversation_until"], _body, id=response_id)


def _body(*, body: str) -> str:
    return body
