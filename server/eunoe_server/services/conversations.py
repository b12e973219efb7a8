"""Whose conversation a request continues, and keeping exactly one copy of it.

`find` looks, before the model is asked; `store` writes, after it has answered. Between the two
another request may have moved the conversation on, so `store` locks it, aligns again, and looks
anew rather than forking one that it only matched by history. The rules themselves are pure and
live in `domain/identity.py`, `alignment.py` and `replay.py`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import uuid_utils

from eunoe_server.domain.alignment import CHAIN_START, Alignment, StoredTurn, align, extend_chain
from eunoe_server.domain.answer import Answer
from eunoe_server.domain.chat import ChatRequest
from eunoe_server.domain.dialogue import (
    Dialogue,
    DialogueStatus,
    FingerprintMatch,
    MessageOutline,
    NewDialogue,
    NewMessage,
)
from eunoe_server.domain.idempotency import current_claim
from eunoe_server.domain.identity import (
    Candidate,
    Sighting,
    choose,
    is_settled,
    lookup_keys,
    shortlist,
)
from eunoe_server.domain.limits import can_be_id
from eunoe_server.domain.recalled import Recalled
from eunoe_server.domain.replay import Replay, plan_replay, request_message
from eunoe_server.domain.screening import NO_SCREEN, Screen
from eunoe_server.domain.search_entry import Vector
from eunoe_server.domain.tenant import Tenant
from eunoe_server.domain.turn import Turn, read_turn
from eunoe_server.errors import DialogueEnded, DialogueNotFound, IdempotencyInProgress
from eunoe_server.providers import Embedder
from eunoe_server.services.indexing import entries_for
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.threads import read_apart
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.stores.driver_errors import LostRace

#: How often a conversation is looked for that others keep moving on; then it is a new one.
MAX_LOOKS = 16


class MatchedBy(enum.StrEnum):
    """How a conversation was found; the words of `x-memory-matched-by`."""

    CHAT_ID = "chat_id"
    SESSION = "session"
    HISTORY = "history"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation as it stood when the request came."""

    #: None: nothing was ever stored in this namespace.
    tenant: Tenant | None
    #: None: a new conversation, made when the exchange is stored.
    dialogue: Dialogue | None
    chat_id: str
    matched_by: MatchedBy
    alignment: Alignment
    #: Stored messages to put before the request's own, as request messages.
    replay: tuple[bytes, ...] = ()
    #: Index in the request's messages before which they go.
    replay_before: int = 0
    #: Positions of stored turns that the model will see neither from the client nor from us.
    not_shown: tuple[int, ...] = ()
    #: What was recalled for the last user turn when it was first sent; None: it is new.
    recalled: tuple[Recalled, ...] | None = None
    #: False when the look-up failed: it is made up for when the exchange is stored.
    was_looked_for: bool = True


@dataclass(frozen=True, slots=True)
class Stored:
    """Where an exchange was stored; another conversation than found if that one went on."""

    chat_id: str
    matched_by: MatchedBy


class Conversations:
    """The conversations of all namespaces."""

    def __init__(
        self,
        database: Database,
        namespaces: Namespaces,
        embedder: Embedder,
        *,
        session_idle_seconds: int,
        replay_tokens: int,
        screen: Screen = NO_SCREEN,
        new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7()),
    ) -> None:
        self._database = database
        self._namespaces = namespaces
        self._embedder = embedder
        self._session_idle_seconds = session_idle_seconds
        self._replay_tokens = replay_tokens
        self._screen = screen
        self._new_id = new_id

    async def until(self, project_id: int, namespace: str, response_id: str) -> tuple[Turn, ...]:
        """The conversation up to the answer that a model gave this id; empty: nobody knows it.

        Raises StorageUnavailable, Overloaded.
        """
        if not can_be_id(response_id):
            return ()

        async def look(tenant: Tenant) -> Sequence[str]:
            async with self._database.transaction(tenant) as tx:
                return await tx.responses.conversation_until(response_id)

        bodies = await self._namespaces.read(project_id, namespace, look)
        return tuple(read_turn(body.encode()) for body in bodies or ())

    async def find(self, project_id: int, request: ChatRequest, turns: Sequence[Turn]) -> Found:
        """The conversation that `turns` continue.

        Raises DialogueEnded for a chat id whose dialogue takes no more messages,
        StorageUnavailable, Overloaded.
        """

        async def look(tenant: Tenant) -> Found:
            async with self._database.transaction(tenant) as tx:
                return await self._find(tx, tenant.confirmed(), request, turns)

        found = await self._namespaces.read(project_id, request.namespace, look)
        return found or self.unknown(request, turns)

    def unknown(
        self,
        request: ChatRequest,
        turns: Sequence[Turn],
        tenant: Tenant | None = None,
        *,
        was_looked_for: bool = True,
    ) -> Found:
        """A conversation nobody has seen, under the caller's id if there is one."""
        return Found(
            tenant,
            None,
            request.chat_id or self._new_id(),
            MatchedBy.NEW,
            align((), turns, is_retry=request.retry_count > 0),
            was_looked_for=was_looked_for,
        )

    async def _find(
        self, tx: Transaction, tenant: Tenant | None, request: ChatRequest, turns: Sequence[Turn]
    ) -> Found:
        is_retry = request.retry_count > 0
        alignment: Alignment | None = None
        if request.chat_id is not None:
            matched_by, dialogue = MatchedBy.CHAT_ID, await tx.dialogues.get(request.chat_id)
        elif request.session_id is not None:
            matched_by = MatchedBy.SESSION
            dialogue = await tx.dialogues.get_by_session(
                request.session_id, self._session_idle_seconds
            )
        else:
            matched_by = MatchedBy.HISTORY
            match = await self._find_by_history(tx, turns, is_retry=is_retry)
            dialogue, alignment = match or (None, None)
        if dialogue is not None and dialogue.status is not DialogueStatus.ACTIVE:
            if matched_by is MatchedBy.CHAT_ID:
                raise DialogueEnded
            dialogue = None
        if dialogue is None:
            return self.unknown(request, turns, tenant)
        replay = Replay((), before=0)
        if alignment is None:
            stored, alignment = await self._align(tx, dialogue, turns, is_retry=is_retry)
            if matched_by is MatchedBy.SESSION:
                replay = plan_replay(stored, turns, alignment, self._replay_tokens)
        return Found(
            tenant,
            dialogue,
            dialogue.id,
            matched_by,
            alignment,
            replay=await self._bodies(tx, dialogue, replay.positions),
            replay_before=replay.before,
            not_shown=tuple(sorted(set(alignment.absent) - set(replay.positions))),
            recalled=await self._recalled(tx, dialogue, turns, alignment),
        )

    async def _find_by_history(
        self, tx: Transaction, turns: Sequence[Turn], *, is_retry: bool
    ) -> tuple[Dialogue, Alignment] | None:
        keys = lookup_keys(turns, is_retry=is_retry)
        if not keys.chains and not keys.digests:
            return None
        sightings = [_sighting(row) for row in await tx.dialogues.find_by_chains(keys.chains)]
        if not is_settled(keys, sightings):
            sightings += [
                _sighting(row) for row in await tx.dialogues.find_by_digests(keys.digests)
            ]
        idle = {each.dialogue_key: each.idle for each in sightings}
        likely = shortlist(keys, sightings)
        # Read before their turns: what is added between the two is then seen as added since.
        dialogues = {each.dialogue_key: each for each in await tx.dialogues.get_many(likely)}
        candidates = [
            Candidate(key, as_stored_turns(await tx.messages.outline(key)), idle[key])
            for key in likely
            if key in dialogues
        ]
        match = choose(turns, candidates, is_retry=is_retry)
        return (dialogues[match.dialogue_key], match.alignment) if match else None

    async def _bodies(
        self, tx: Transaction, dialogue: Dialogue, positions: Sequence[int]
    ) -> tuple[bytes, ...]:
        if not positions:
            return ()
        bodies = {
            message.position: message.body
            for message in await tx.messages.at_positions(dialogue.dialogue_key, positions)
        }
        return tuple(request_message(bodies[position]) for position in positions)

    async def _recalled(
        self, tx: Transaction, dialogue: Dialogue, turns: Sequence[Turn], alignment: Alignment
    ) -> tuple[Recalled, ...] | None:
        """Notes are kept through a tool loop, that is while the last user turn is a stored one."""
        last_user = last_user_index(turns)
        for index, position in alignment.pairs:
            if index == last_user:
                return tuple(await tx.recalls.at_position(dialogue.dialogue_key, position))
        return None

    async def store(
        self,
        project_id: int,
        request: ChatRequest,
        found: Found,
        turns: Sequence[Turn],
        answer: Answer,
        recalled: Sequence[Recalled],
        pieces: Sequence[bytes] | None = None,
    ) -> Stored:
        """Keeps the exchange and arms its commit; says which conversation it is in now.

        `pieces` is the answer as it was sent, for a repeat under the call's idempotency key. It is
        not kept where it holds what is screened from the message: a repeat asks the model again.
        One transaction; a repeat of it adds nothing. Raises DialogueEnded and DialogueNotFound
        when that became so meanwhile, StorageUnavailable, Overloaded.
        """
        known = {index for index, _ in found.alignment.pairs}
        new = {index: turn for index, turn in enumerate(turns) if index not in known}
        kept = new
        if not self._screen.is_off:
            kept = await read_apart(
                len(request.body.raw),
                lambda: {index: self._screen.turn(turn) for index, turn in new.items()},
            )
        said, answer = answer.turn, replace(answer, turn=self._screen.turn(answer.turn))
        vectors = await self._vectors([*kept.values(), answer.turn])

        async def work(tx: Transaction) -> Stored:
            dialogue, alignment, matched_by = await self._lock(tx, request, found, turns)
            answer_key = await self._append(
                tx, dialogue, alignment, turns, kept, answer, recalled, vectors
            )
            if pieces is not None and answer.turn == said:
                await _finish(tx, answer_key, matched_by, pieces)
            if dialogue.is_session_open:
                # However it was found: a session is idle when nothing is added to its dialogue.
                tx.at_end(tx.sessions.touching(dialogue.dialogue_key))
            tx.at_end(tx.commits.arming(dialogue.dialogue_key, request.commit_after_seconds))
            return Stored(dialogue.id, matched_by)

        return await self._namespaces.write(project_id, request.namespace, work)

    async def _lock(
        self, tx: Transaction, request: ChatRequest, found: Found, turns: Sequence[Turn]
    ) -> tuple[Dialogue, Alignment, MatchedBy]:
        is_retry = request.retry_count > 0
        if not found.was_looked_for:
            found = await self._find(tx, found.tenant, request, turns)
        if found.matched_by is MatchedBy.HISTORY or (has_no_id(request) and is_retry):
            settled = await self._settle(tx, found, turns, is_retry=is_retry)
            if settled is not None:
                return *settled, MatchedBy.HISTORY
        elif found.dialogue is not None:
            dialogue = await tx.dialogues.lock(found.dialogue.dialogue_key)
            if found.matched_by is MatchedBy.CHAT_ID:
                # What was ended or erased while the model answered stays so.
                if dialogue is None:
                    raise DialogueNotFound
                if dialogue.status is not DialogueStatus.ACTIVE:
                    raise DialogueEnded
            # With a session that was closed since, this begins its next dialogue.
            if dialogue is not None and (
                dialogue.is_session_open or found.matched_by is not MatchedBy.SESSION
            ):
                if is_unchanged(found.dialogue, dialogue):
                    return dialogue, found.alignment, found.matched_by
                _, alignment = await self._align(tx, dialogue, turns, is_retry=is_retry)
                return dialogue, alignment, found.matched_by
        chat_id = found.chat_id if found.dialogue is None else self._new_id()
        session_id = request.session_id if request.chat_id is None else None
        dialogue = await tx.dialogues.insert_if_absent(
            NewDialogue(id=chat_id, session_id=session_id)
        )
        if dialogue is not None:
            return dialogue, align((), turns, is_retry=is_retry), MatchedBy.NEW
        dialogue = await self._taken(tx, chat_id, session_id)
        _, alignment = await self._align(tx, dialogue, turns, is_retry=is_retry)
        return dialogue, alignment, MatchedBy.NEW

    async def _settle(
        self, tx: Transaction, found: Found, turns: Sequence[Turn], *, is_retry: bool
    ) -> tuple[Dialogue, Alignment] | None:
        """The conversation that has this history, now that nobody else can move it on.

        Somebody else may have gone on from the same history, or the first try of this very request
        may have been stored meanwhile; then it is looked for again, as things stand. No turn is
        superseded that was not seen to be when the request came: whoever said it is still there,
        and this is a conversation of its own.
        """
        dialogue, refused = found.dialogue, set[int]()
        for _ in range(MAX_LOOKS):
            if dialogue is None:
                match = await self._find_by_history(tx, turns, is_retry=is_retry)
                if match is None or match[0].dialogue_key in refused:
                    return None
                dialogue = match[0]
            locked = await tx.dialogues.lock(dialogue.dialogue_key)
            if locked is not None and locked.status is DialogueStatus.ACTIVE:
                is_first = found.dialogue is not None and (
                    found.dialogue.dialogue_key == locked.dialogue_key
                )
                if is_first and is_unchanged(dialogue, locked):
                    return locked, found.alignment
                stored, alignment = await self._align(tx, locked, turns, is_retry=is_retry)
                seen = set(found.alignment.superseded) if is_first else set()
                branch = {turn.position for turn in stored if not turn.is_instruction}
                unseen = branch & set(alignment.superseded) - seen
                if not unseen or (is_retry and alignment.is_repeat):
                    return locked, alignment
            refused.add(dialogue.dialogue_key)
            dialogue = None
        return None

    async def _align(
        self, tx: Transaction, dialogue: Dialogue, turns: Sequence[Turn], *, is_retry: bool
    ) -> tuple[Sequence[StoredTurn], Alignment]:
        stored = as_stored_turns(await tx.messages.outline(dialogue.dialogue_key))
        return stored, align(stored, turns, is_retry=is_retry)

    async def _taken(self, tx: Transaction, chat_id: str, session_id: str | None) -> Dialogue:
        """The conversation that another request opened under our id or session just before."""
        dialogue = await tx.dialogues.get(chat_id)
        if dialogue is None and session_id is not None:
            dialogue = await tx.dialogues.get_by_session(session_id, self._session_idle_seconds)
        locked = await tx.dialogues.lock(dialogue.dialogue_key) if dialogue else None
        if locked is None:
            raise LostRace("The conversation that took this id is gone again.")
        return locked

    async def _append(
        self,
        tx: Transaction,
        dialogue: Dialogue,
        alignment: Alignment,
        turns: Sequence[Turn],
        kept: Mapping[int, Turn],
        answer: Answer,
        recalled: Sequence[Recalled],
        vectors: Mapping[bytes, Vector],
    ) -> int:
        """Stores what is new; the key of the message that the answer is."""
        superseded = list(alignment.superseded)
        answer_key = None
        if alignment.former_answer is not None:
            former = await tx.messages.at_positions(
                dialogue.dialogue_key, [alignment.former_answer]
            )
            if former and former[0].digest == answer.turn.digest:
                superseded.remove(alignment.former_answer)
                answer_key = former[0].message_key
                await self._name(tx, answer, answer_key)
        await tx.messages.supersede(dialogue.dialogue_key, superseded)
        await tx.search.delete_positions(dialogue.dialogue_key, superseded)
        new: list[NewMessage] = []
        chain = alignment.chain
        for index in alignment.appended:
            # One that was known is new where the conversation has become another meanwhile.
            turn = kept.get(index) or self._screen.turn(turns[index])
            if not turn.is_instruction:
                chain = extend_chain(chain, turn.digest)
            new.append(self._new_message(turn, chain))
        if answer_key is None:
            chain = extend_chain(chain, answer.turn.digest)
            new.append(self._new_message(answer.turn, chain, answer))
        elif not new:
            return answer_key
        messages = await tx.messages.append(dialogue, new)
        if answer_key is None:
            answer_key = messages[-1].message_key
            await self._name(tx, answer, answer_key)
        last_user = last_user_index(turns)
        if last_user in alignment.appended:
            asked = messages[alignment.appended.index(last_user)]
            await tx.recalls.record(asked.message_key, recalled)
        await tx.search.insert_entries(
            entries_for(dialogue, messages, vectors, self._embedder.name)
        )
        return answer_key

    async def _name(self, tx: Transaction, answer: Answer, message_key: int) -> None:
        """Keeps the id by which a later request may name this answer, if it has one."""
        if answer.response_id and can_be_id(answer.response_id):
            await tx.responses.record(answer.response_id, message_key)

    def _new_message(
        self,
        turn: Turn,
        chain: bytes,
        answer: Answer | None = None,
    ) -> NewMessage:
        return NewMessage(
            id=self._new_id(),
            role=turn.role,
            body=turn.body,
            text=turn.text,
            digest=turn.digest,
            chain=CHAIN_START if turn.is_instruction else chain,
            token_estimate=turn.token_estimate,
            name=turn.name or None,
            tool_call_ids=turn.tool_call_ids,
            finish_reason=(answer.finish_reason or None) if answer else None,
            is_interrupted=answer.is_interrupted if answer else False,
        )

    async def _vectors(self, turns: Sequence[Turn]) -> dict[bytes, Vector]:
        """Made before the transaction, and only where making them costs no network."""
        if not self._embedder.is_local:
            return {}
        worth = [turn for turn in turns if turn.text and turn.role in ("user", "assistant")]
        if not worth:
            return {}
        vectors = await self._embedder.embed([turn.text for turn in worth])
        return {turn.digest: vector for turn, vector in zip(worth, vectors, strict=True)}


async def _finish(
    tx: Transaction, answer_key: int, matched_by: MatchedBy, pieces: Sequence[bytes]
) -> None:
    """Keeps the answer with the call's claim, if it has one.

    Raises IdempotencyInProgress when this server stood still for so long that another has taken
    the request over: what is stored once must not be stored twice.
    """
    claim = current_claim()
    if claim is None or claim.lease_token is None:
        return
    if not await tx.idempotency.finish(claim, answer_key, matched_by, pieces):
        raise IdempotencyInProgress


def is_unchanged(before: Dialogue, now: Dialogue) -> bool:
    """Whether a dialogue has the same messages as when it was read before."""
    return (before.next_position, before.total_messages, before.modified_at) == (
        now.next_position,
        now.total_messages,
        now.modified_at,
    )


def has_no_id(request: ChatRequest) -> bool:
    """Whether the conversation can only be found by its history."""
    return request.chat_id is None and request.session_id is None


def last_user_index(turns: Sequence[Turn]) -> int | None:
    """Where the last user turn stands in a request."""
    return next((i for i in range(len(turns) - 1, -1, -1) if turns[i].role == "user"), None)


def as_stored_turns(outline: Sequence[MessageOutline]) -> tuple[StoredTurn, ...]:
    """Rows of a transcript as alignment reads them."""
    return tuple(
        StoredTurn(
            position=row.position,
            role=row.role,
            digest=row.digest,
            chain=row.chain,
            tool_call_ids=row.tool_call_ids,
            token_estimate=row.token_estimate,
            is_interrupted=row.is_interrupted,
            is_answer=row.finish_reason is not None or row.is_interrupted,
            text=row.text,
        )
        for row in outline
    )


def _sighting(row: FingerprintMatch) -> Sighting:
    return Sighting(
        dialogue_key=row.dialogue_key,
        position=row.position,
        key=row.fingerprint,
        last_position=row.last_position,
        idle=row.idle,
    )
