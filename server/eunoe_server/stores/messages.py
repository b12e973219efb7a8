"""The messages of a dialogue: appended, superseded, never edited.

Positions grow by one and are never used twice. An append says where it begins, so that the same
append again finds what it stored, and a stale one is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eunoe_server.domain.dialogue import (
    Dialogue,
    FoundMessage,
    Message,
    MessageFilter,
    MessageOutline,
    NewMessage,
)
from eunoe_server.domain.page import Page, Place
from eunoe_server.stores.driver_errors import LostRace
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Fitting, Store

_SQL = load_queries("messages")


class Messages(Store):
    """Of one namespace."""

    __slots__ = ()

    async def append(self, dialogue: Dialogue, messages: Sequence[NewMessage]) -> Sequence[Message]:
        """Stores messages at the end of `dialogue` as it was read; those stored now.

        With the same `dialogue` and messages again, nothing is stored and the rows there are
        returned. Where others are there, the dialogue has moved on: raises LostRace, and
        `Database.run` begins again. Raises DuplicateId.
        """
        if not messages:
            return []
        start = dialogue.next_position
        added = await self._all(
            _SQL["append"],
            _Added,
            dialogue_key=dialogue.dialogue_key,
            from_position=start,
            ids=[message.id for message in messages],
            roles=[message.role for message in messages],
            names=[message.name for message in messages],
            bodies=[message.body for message in messages],
            texts=[message.text for message in messages],
            digests=[message.digest for message in messages],
            chains=[message.chain for message in messages],
            token_estimates=[message.token_estimate for message in messages],
            # An array of arrays must be rectangular in SQL; JSON need not.
            tool_call_ids=[json.dumps(message.tool_call_ids) for message in messages],
            finish_reasons=[message.finish_reason for message in messages],
            are_interrupted=[message.is_interrupted for message in messages],
            tags=[json.dumps(message.tags) for message in messages],
            metadata=[message.metadata for message in messages],
            created_at=[message.created_at for message in messages],
        )
        if len(added) < len(messages):
            return await self._already_there(dialogue, messages)
        # Put together here, so that long bodies do not travel back.
        return [
            _stored(dialogue.dialogue_key, message, row)
            for message, row in zip(messages, added, strict=True)
        ]

    async def _already_there(
        self, dialogue: Dialogue, messages: Sequence[NewMessage]
    ) -> Sequence[Message]:
        found = await self._all(
            _SQL["between"],
            _message,
            dialogue_key=dialogue.dialogue_key,
            from_position=dialogue.next_position,
            to_position=dialogue.next_position + len(messages) - 1,
        )
        if [message.digest for message in found] != [message.digest for message in messages]:
            raise LostRace("The dialogue has moved on since it was read.")
        return found

    async def transcript(self, dialogue_key: int) -> Sequence[Message]:
        """The messages that hold, in order."""
        return await self._all(_SQL["transcript"], _message, dialogue_key=dialogue_key)

    async def outline(self, dialogue_key: int) -> Sequence[MessageOutline]:
        """The messages that hold, in order, without their bodies."""
        return await self._all(_SQL["outline"], _outline, dialogue_key=dialogue_key)

    async def at_positions(self, dialogue_key: int, positions: Sequence[int]) -> Sequence[Message]:
        """The messages at these positions, in order, superseded or not."""
        return await self._all(
            _SQL["at_positions"], _message, dialogue_key=dialogue_key, positions=list(positions)
        )

    async def found(self, message_keys: Sequence[int]) -> Fitting[FoundMessage]:
        """The first messages of these keys that one answer may hold."""
        return await self._fitting(_SQL["found"], _found, message_keys=list(message_keys))

    async def supersede(self, dialogue_key: int, positions: Sequence[int]) -> None:
        """The messages at these positions no longer hold: another branch took their place."""
        if positions:
            await self._execute(
                _SQL["supersede"], dialogue_key=dialogue_key, positions=list(positions)
            )

    async def get(self, dialogue_key: int, message_id: str) -> Message | None:
        """The message of this id, superseded or not."""
        return await self._one(_SQL["get"], _message, dialogue_key=dialogue_key, id=message_id)

    async def get_named(self, dialogue_key: int, message_ids: Sequence[str]) -> Sequence[Message]:
        """Those of these messages that are there, superseded or not, in the order of `message_ids`.

        No id must be in it twice.
        """
        return await self._all(
            _SQL["get_named"], _message, dialogue_key=dialogue_key, ids=list(message_ids)
        )

    async def list_page(
        self,
        dialogue_key: int,
        wanted: MessageFilter,
        limit: int,
        after: Place | None = None,
        *,
        newest_first: bool = True,
    ) -> Page[Message]:
        """Messages in the order of the conversation, or from its end."""
        return await self._sized_page(
            _SQL["list_page"],
            _message,
            lambda message: Place(message.created_at, message.position),
            limit=limit,
            after=after,
            newest_first=newest_first,
            dialogue_key=dialogue_key,
            created_from=wanted.created_from,
            created_before=wanted.created_before,
            include_superseded=wanted.include_superseded,
        )

    async def retag(
        self, dialogue_key: int, message_id: str, tags: Sequence[str]
    ) -> Message | None:
        """Replaces all tags; None when there is no such message."""
        return await self._one(
            _SQL["retag"], _message, dialogue_key=dialogue_key, id=message_id, tags=list(tags)
        )

    async def delete(self, dialogue_key: int, message_id: str) -> int | None:
        """Deletes a message; its key, None when it was gone. Its position stays empty."""
        return await self._one(
            _SQL["delete"], _message_key, dialogue_key=dialogue_key, id=message_id
        )

    async def taken_ids(self, dialogue_key: int, message_ids: Sequence[str]) -> frozenset[str]:
        """Those of these ids that messages of the dialogue have."""
        return frozenset(
            await self._all(
                _SQL["taken_ids"], _id, dialogue_key=dialogue_key, ids=list(message_ids)
            )
        )

    async def last_chain(self, dialogue_key: int) -> bytes | None:
        """The chain of the last turn that holds and is no instruction; None without one."""
        return await self._one(_SQL["last_chain"], _chain, dialogue_key=dialogue_key)

    async def uncommitted(self, dialogue_key: int) -> Sequence[Message]:
        """The messages that hold and are not committed yet, in order."""
        return await self._all(_SQL["uncommitted"], _message, dialogue_key=dialogue_key)

    async def mark_committed(self, dialogue_key: int, positions: Sequence[int]) -> frozenset[int]:
        """Notes that these were committed; those that hold and were not before."""
        return frozenset(
            await self._all(
                _SQL["mark_committed"],
                _position,
                dialogue_key=dialogue_key,
                positions=list(positions),
            )
        )


@dataclass(frozen=True, slots=True)
class _Added:
    """What the database adds to a message that it stores."""

    message_key: int
    position: int
    created_at: datetime
    modified_at: datetime


def _stored(dialogue_key: int, new: NewMessage, added: _Added) -> Message:
    return Message(
        message_key=added.message_key,
        dialogue_key=dialogue_key,
        position=added.position,
        id=new.id,
        role=new.role,
        name=new.name,
        body=new.body,
        text=new.text,
        digest=new.digest,
        chain=new.chain,
        token_estimate=new.token_estimate,
        tool_call_ids=new.tool_call_ids,
        finish_reason=new.finish_reason,
        is_interrupted=new.is_interrupted,
        tags=new.tags,
        metadata=new.metadata,
        created_at=added.created_at,
        modified_at=added.modified_at,
        superseded_at=None,
        committed_at=None,
    )


def _found(*, dialogue_id: str, **columns: Any) -> FoundMessage:
    return FoundMessage(_message(**columns), dialogue_id)


def _message(*, tags: list[str], tool_call_ids: list[str], **columns: Any) -> Message:
    return Message(tags=tuple(tags), tool_call_ids=tuple(tool_call_ids), **columns)


def _outline(*, tool_call_ids: list[str], **columns: Any) -> MessageOutline:
    return MessageOutline(tool_call_ids=tuple(tool_call_ids), **columns)


def _message_key(message_key: int) -> int:
    return message_key


def _position(position: int) -> int:
    return position


def _id(id: str) -> str:  # noqa: A002 (the column's name)
    return id


def _chain(chain: bytes) -> bytes:
    return chain
