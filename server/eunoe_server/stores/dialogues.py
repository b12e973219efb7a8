"""Dialogues: found by id, by session, or by what a request resends of them.

Every look-up is bound to the transaction's namespace; a conversation of another one does not exist
here. Which of several matches is meant is decided in `domain.identity`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from eunoe_server.domain.dialogue import (
    Dialogue,
    DialogueFilter,
    DialogueStatus,
    FingerprintMatch,
    NewDialogue,
)
from eunoe_server.domain.page import Page, Place
from eunoe_server.errors import DuplicateId
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Fitting, Store

_SQL = load_queries("dialogues")


class Dialogues(Store):
    """Of one namespace, except `find` and `list_page`, which also work for a whole project."""

    __slots__ = ()

    async def insert(self, new: NewDialogue) -> Dialogue:
        """Stores a dialogue. Raises DuplicateId, also when its session has an open dialogue."""
        dialogue = await self.insert_if_absent(new)
        if dialogue is None:
            raise DuplicateId("A dialogue with this id already exists in this namespace.")
        return dialogue

    async def insert_if_absent(self, new: NewDialogue) -> Dialogue | None:
        """Stores a dialogue; None when its id is taken or its session has an open dialogue.

        Of two that try at once one waits for the other, and then reads what that one stored.
        """
        dialogue_key = await self._one(
            _SQL["insert"],
            _dialogue_key,
            id=new.id,
            session_id=new.session_id,
            label=new.label,
            thread_of=new.thread_of,
            tags=list(new.tags),
            metadata=new.metadata,
            filterable=new.filterable,
            state=new.state,
            created_at=new.created_at,
        )
        return None if dialogue_key is None else await self.get_by_key(dialogue_key)

    async def get(self, dialogue_id: str) -> Dialogue | None:
        """The dialogue of this id."""
        return await self._one(_SQL["get"], _dialogue, id=dialogue_id)

    async def find(self, dialogue_id: str) -> Sequence[Dialogue]:
        """The dialogues of this id in the whole project: at most two, each in its namespace."""
        return await self._all(_SQL["find"], _dialogue, id=dialogue_id)

    async def get_by_key(self, dialogue_key: int) -> Dialogue | None:
        """The dialogue of this key."""
        return await self._one(_SQL["get_by_key"], _dialogue, dialogue_key=dialogue_key)

    async def get_many(self, dialogue_keys: Sequence[int]) -> Sequence[Dialogue]:
        """The dialogues of these keys, in no order."""
        return await self._all(_SQL["get_many"], _dialogue, dialogue_keys=list(dialogue_keys))

    async def found(self, dialogue_keys: Sequence[int]) -> Fitting[Dialogue]:
        """The first dialogues of these keys that one answer may hold, without their states."""
        return await self._fitting(_SQL["found"], _dialogue, dialogue_keys=list(dialogue_keys))

    async def lock(self, dialogue_key: int) -> Dialogue | None:
        """The dialogue as it is now; others that ask for it wait until this transaction ends."""
        return await self._one(_SQL["lock"], _dialogue, dialogue_key=dialogue_key)

    async def get_by_session(self, session_id: str, max_idle_seconds: float) -> Dialogue | None:
        """The open dialogue of this session, unless it was unused for too long.

        It is closed then, so that the session may open another (seed 003).
        """
        values: dict[str, Any] = {"session_id": session_id, "max_idle_seconds": max_idle_seconds}
        dialogue = await self._one(_SQL["get_by_session"], _dialogue, **values)
        if dialogue is None:
            await self._execute(_SQL["close_idle_session"], **values)
        return dialogue

    async def find_by_chains(
        self, chains: Sequence[bytes], limit: int = 64
    ) -> Sequence[FingerprintMatch]:
        """Turns that hold and have one of these chains; `chains` in order of preference."""
        return await self._find(_SQL["find_by_chains"], chains, limit)

    async def find_by_digests(
        self, digests: Sequence[bytes], limit: int = 256
    ) -> Sequence[FingerprintMatch]:
        """Turns that hold and have one of these digests."""
        return await self._find(_SQL["find_by_digests"], digests, limit)

    async def list_page(
        self,
        wanted: DialogueFilter,
        limit: int,
        after: Place | None = None,
        *,
        newest_first: bool = True,
    ) -> Page[Dialogue]:
        """Dialogues in order of creation."""
        return await self._sized_page(
            _SQL["list_page"],
            _dialogue,
            lambda dialogue: Place(dialogue.created_at, dialogue.dialogue_key),
            limit=limit,
            after=after,
            newest_first=newest_first,
            thread_of=wanted.thread_of,
            created_from=wanted.created_from,
            created_before=wanted.created_before,
        )

    async def count_threads(self, dialogue_ids: Sequence[str]) -> Mapping[str, int]:
        """How many threads each of these dialogues has; those without are left out."""
        return dict(await self._all(_SQL["count_threads"], _thread_count, ids=list(dialogue_ids)))

    async def retag(self, dialogue_key: int, tags: Sequence[str]) -> Dialogue | None:
        """Replaces all tags."""
        return await self._change(_SQL["retag"], dialogue_key, tags=list(tags))

    async def rename(self, dialogue_key: int, label: str | None) -> Dialogue | None:
        """Replaces the label."""
        return await self._change(_SQL["rename"], dialogue_key, label=label)

    async def put_state(
        self, dialogue_key: int, state: str, if_version: int | None = None
    ) -> Dialogue | None:
        """Replaces the state; None when it has another version than `if_version`, or is gone."""
        return await self._change(
            _SQL["put_state"], dialogue_key, state=state, if_version=if_version
        )

    async def end(self, dialogue_key: int) -> Dialogue | None:
        """Ends the dialogue, and with it its session."""
        return await self._change(_SQL["end"], dialogue_key)

    async def delete(self, dialogue_key: int) -> bool:
        """Deletes the dialogue and its messages; False when it was gone."""
        return await self._execute(_SQL["delete"], dialogue_key=dialogue_key) > 0

    async def _change(
        self, query: LiteralString, dialogue_key: int, **values: object
    ) -> Dialogue | None:
        changed = await self._execute(query, dialogue_key=dialogue_key, **values)
        return await self.get_by_key(dialogue_key) if changed else None

    async def _find(
        self, query: LiteralString, fingerprints: Sequence[bytes], limit: int
    ) -> Sequence[FingerprintMatch]:
        if not fingerprints:
            return []
        return await self._all(
            query, FingerprintMatch, fingerprints=list(fingerprints), limit=limit
        )


def _dialogue(*, tags: list[str], status: str, **columns: Any) -> Dialogue:
    return Dialogue(tags=tuple(tags), status=DialogueStatus(status), **columns)


def _dialogue_key(dialogue_key: int) -> int:
    return dialogue_key


def _thread_count(thread_of: str, threads: int) -> tuple[str, int]:
    return thread_of, threads
