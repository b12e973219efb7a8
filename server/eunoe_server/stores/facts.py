"""Facts beside the memories they are: what is known, what changes, and which messages they rest on.

A fact is stored as a memory (`memories.py`). Here is what learning needs of it, closed facts
included, and what becomes of facts when the messages that say them go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eunoe_server.domain.fact import FactType, KnownFact
from eunoe_server.domain.memory import FactMention
from eunoe_server.stores.memories import Memories, text_digest
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store

_SQL = load_queries("facts")


@dataclass(frozen=True, slots=True)
class Changed:
    """A fact that was written, and whether it holds now."""

    memory_key: int
    is_current: bool


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What became of facts when messages went, by memory key."""

    #: Nothing is left that says them.
    gone: Sequence[int] = ()
    #: They had been closed by those.
    reopened: Sequence[Changed] = ()


class Facts(Store):
    """Of one namespace."""

    __slots__ = ()

    async def lock(self) -> None:
        """Until the end of the transaction, nobody else learns or withdraws facts here."""
        await self._execute(_SQL["lock"])

    async def known(self, slots: Sequence[str], texts: Sequence[str]) -> Sequence[KnownFact]:
        """The facts in these slots or in these words, oldest first, closed ones included."""
        return await self._all(
            _SQL["known"], _known, slots=list(slots), text_digests=[*map(text_digest, texts)]
        )

    async def change(self, facts: Sequence[KnownFact]) -> Sequence[Changed]:
        """Writes what a merge may change of facts; nothing else of them is touched."""
        if not facts:
            return []
        return await self._all(
            _SQL["change"],
            Changed,
            ids=[fact.id for fact in facts],
            confidences=[fact.confidence for fact in facts],
            observations=[fact.observations for fact in facts],
            valid_from=[fact.valid_from for fact in facts],
            last_said_at=[fact.last_said_at for fact in facts],
            valid_to=[fact.valid_to for fact in facts],
            superseded_by=[fact.superseded_by for fact in facts],
        )

    async def mention(self, mentions: Sequence[FactMention]) -> None:
        """Notes which messages facts rest on."""
        if mentions:
            await self._execute(
                _SQL["mention"],
                fact_ids=[mention.fact_id for mention in mentions],
                dialogue_ids=[mention.dialogue_id for mention in mentions],
                message_ids=[mention.message_id for mention in mentions],
                starts=[mention.start for mention in mentions],
                ends=[mention.end for mention in mentions],
                are_retractions=[mention.is_retraction for mention in mentions],
            )

    async def forget(self, dialogue_id: str, message_id: str | None = None) -> Withdrawn:
        """Deletes the facts that rest on this dialogue or message alone.

        Others are counted less often and no longer say that they come from there. What a deleted
        fact had closed holds again, until whatever closed that one.
        """
        await self.lock()
        await self._forget_source(dialogue_id, message_id)
        gone = await self._withdraw(dialogue_id, None if message_id is None else [message_id])
        if not gone:
            return Withdrawn()
        await Memories(self._connection, self._tenant).delete_many([fact.id for fact in gone])
        return await self._without(gone)

    async def reopen_before(self, memory_ids: Sequence[str]) -> Withdrawn:
        """What these memories had closed holds again, because they are about to be deleted.

        Until whatever closed them in their turn; nothing if none is a fact.
        """
        if not await self._all(_SQL["named"], _Baseless, ids=list(memory_ids)):
            return Withdrawn()
        await self.lock()
        facts = await self._all(_SQL["named"], _Baseless, ids=list(memory_ids))
        return await self._without(facts) if facts else Withdrawn()

    async def withdraw_superseded(self, dialogue_key: int, dialogue_id: str) -> Withdrawn:
        """Closes the facts that rest on superseded messages of the dialogue alone.

        Another branch took the place of what was said, so they count as never having held. They
        stay readable, as the branch does.
        """
        message_ids = await self._all(
            _SQL["superseded_mentions"],
            _message_id,
            dialogue_key=dialogue_key,
            dialogue_id=dialogue_id,
        )
        if not message_ids:
            return Withdrawn()
        await self.lock()
        gone = await self._withdraw(dialogue_id, message_ids)
        await self._execute(_SQL["close"], memory_keys=[fact.memory_key for fact in gone])
        return await self._without(gone)

    async def detach(self, dialogue_id: str) -> None:
        """All facts stay, and no longer say that they come from this dialogue."""
        await self.lock()
        await self._forget_source(dialogue_id)
        await self._execute(_SQL["forget_mentions"], dialogue_id=dialogue_id)

    async def _forget_source(self, dialogue_id: str, message_id: str | None = None) -> None:
        await self._execute(_SQL["forget_source"], dialogue_id=dialogue_id, message_id=message_id)

    async def _withdraw(
        self, dialogue_id: str, message_ids: Sequence[str] | None
    ) -> Sequence[_Baseless]:
        """Takes mentions back; the facts that none is left of."""
        return await self._all(
            _SQL["withdraw"],
            _Baseless,
            dialogue_id=dialogue_id,
            message_ids=None if message_ids is None else list(message_ids),
        )

    async def _without(self, gone: Sequence[_Baseless]) -> Withdrawn:
        by_id = {fact.id: fact for fact in gone}
        ends = [_end(fact, by_id) for fact in gone]
        reopened = await self._all(
            _SQL["reopen"],
            Changed,
            gone_ids=list(by_id),
            valid_to=[end.valid_to for end in ends],
            superseded_by=[end.superseded_by for end in ends],
            superseded_at=[end.superseded_at for end in ends],
        )
        keys = {fact.memory_key for fact in gone}
        return Withdrawn(
            [fact.memory_key for fact in gone],
            [fact for fact in reopened if fact.memory_key not in keys],
        )


@dataclass(frozen=True, slots=True)
class _Baseless:
    """A fact that nothing says any more, and what had closed it."""

    memory_key: int
    id: str
    valid_to: datetime | None
    superseded_by: str | None
    superseded_at: datetime | None


def _end(fact: _Baseless, gone: Mapping[str, _Baseless]) -> _Baseless:
    """The last of a chain of facts that closed each other and are all gone."""
    seen = {fact.id}
    while (successor := gone.get(fact.superseded_by or "")) and successor.id not in seen:
        fact = successor
        seen.add(fact.id)
    return fact


def _known(*, type: str, **columns: Any) -> KnownFact:  # noqa: A002 - the column's name
    return KnownFact(type=FactType(type), **columns)


def _message_id(message_id: str) -> str:
    return message_id
