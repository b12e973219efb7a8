"""A store in a dictionary, with the smallest service around `identity` and `align`.

It shows what the real store and service must do, in as few lines as possible, and stands in for
them in the simulation of unit tests. It never forgets and never fails.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from eunoe_server.domain.alignment import Alignment, align
from eunoe_server.domain.identity import (
    Candidate,
    Match,
    Sighting,
    choose,
    is_settled,
    is_undisturbed,
    lookup_keys,
    shortlist,
)
from eunoe_server.domain.transcript import CHAIN_START, StoredTurn, extend_chain
from eunoe_server.domain.turn import Turn, read_turn, read_turns
from tests.unit.chat_clients import Message
from tests.unit.conversation_simulation import Exchange, Filed


@dataclass(slots=True)
class _Dialogue:
    key: int
    last_used_at: datetime
    active: list[StoredTurn] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)  # by position, superseded ones too

    def append(self, turn: Turn, chain: bytes, *, is_answer: bool, is_interrupted: bool) -> bytes:
        """Store a turn at the end; returns the new chain."""
        own_chain = CHAIN_START
        if not turn.is_instruction:
            chain = own_chain = extend_chain(chain, turn.digest)
        self.active.append(
            StoredTurn(
                position=len(self.bodies),
                role=turn.role,
                digest=turn.digest,
                chain=own_chain,
                tool_call_ids=turn.tool_call_ids,
                token_estimate=turn.token_estimate,
                is_interrupted=is_interrupted,
                is_answer=is_answer,
                text=turn.text if is_interrupted else "",
            )
        )
        self.bodies.append(turn.body)
        return chain

    def supersede(self, positions: Sequence[int]) -> None:
        self.active = [turn for turn in self.active if turn.position not in positions]


class ReferenceMemory:
    """Files exchanges under dialogues; a `ConversationMemory`."""

    def __init__(self) -> None:
        self._dialogues: dict[str, list[_Dialogue]] = defaultdict(list)
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    async def chat(self, exchange: Exchange) -> Filed:
        """Match, let others go on while the model answers, match again if disturbed, store."""
        self._now += timedelta(seconds=0.05)
        request = read_turns([json.dumps(message).encode() for message in exchange.messages])
        is_retry = exchange.retry_count > 0
        match = self._match(exchange, request)
        await asyncio.sleep(0)
        if match is not None:
            active = self._dialogues[exchange.namespace][match.dialogue_key].active
            again = align(active, request, is_retry=is_retry)
            if is_undisturbed(match.alignment, again, is_retry=is_retry):
                match = Match(match.dialogue_key, again)
            else:
                match = self._match(exchange, request)
        if match is None:
            dialogue = self._start(exchange.namespace)
            self._store(dialogue, exchange, request, align((), request))
            return Filed(str(dialogue.key), is_new=True)
        dialogue = self._dialogues[exchange.namespace][match.dialogue_key]
        self._store(dialogue, exchange, request, match.alignment)
        return Filed(str(dialogue.key), is_new=False)

    def _start(self, namespace: str) -> _Dialogue:
        dialogue = _Dialogue(len(self._dialogues[namespace]), self._now)
        self._dialogues[namespace].append(dialogue)
        return dialogue

    async def transcript(self, namespace: str, dialogue: str) -> Sequence[Message]:
        found = self._dialogues[namespace][int(dialogue)]
        return [
            json.loads(found.bodies[turn.position])
            for turn in found.active
            if not turn.is_instruction
        ]

    async def dialogues(self, namespace: str) -> Sequence[str]:
        return [str(dialogue.key) for dialogue in self._dialogues[namespace]]

    def _match(self, exchange: Exchange, request: Sequence[Turn]) -> Match | None:
        is_retry = exchange.retry_count > 0
        keys = lookup_keys(request, is_retry=is_retry)
        sightings = self._find_by_chains(exchange.namespace, keys.chains)
        if not is_settled(keys, sightings):
            sightings += self._find_by_digests(exchange.namespace, keys.digests)
        candidates = [
            Candidate(key, tuple(dialogue.active), self._now - dialogue.last_used_at)
            for key in shortlist(keys, sightings)
            for dialogue in [self._dialogues[exchange.namespace][key]]
        ]
        return choose(request, candidates, is_retry=is_retry)

    def _find_by_chains(self, namespace: str, chains: Sequence[bytes]) -> list[Sighting]:
        found = self._find(namespace, {chain: rank for rank, chain in enumerate(chains)}, "chain")
        rank = {chain: rank for rank, chain in enumerate(chains)}
        found.sort(key=lambda sighting: sighting.idle)
        found.sort(key=lambda s: (rank[s.key], s.position != s.last_position))
        return found[:64]

    def _find_by_digests(self, namespace: str, digests: Sequence[bytes]) -> list[Sighting]:
        found = self._find(namespace, dict.fromkeys(digests), "digest")
        found.sort(key=lambda sighting: sighting.idle)
        found.sort(key=lambda sighting: sighting.last_position - sighting.position)
        return found[:256]

    def _find(self, namespace: str, wanted: dict[bytes, Any], attribute: str) -> list[Sighting]:
        return [
            Sighting(
                dialogue_key=dialogue.key,
                position=turn.position,
                key=getattr(turn, attribute),
                last_position=dialogue.active[-1].position,
                idle=self._now - dialogue.last_used_at,
            )
            for dialogue in self._dialogues[namespace]
            for turn in dialogue.active
            if getattr(turn, attribute) in wanted
        ]

    def _store(
        self,
        dialogue: _Dialogue,
        exchange: Exchange,
        request: Sequence[Turn],
        alignment: Alignment,
    ) -> None:
        message = dict(exchange.answer)
        stops_after = exchange.stops_after_characters
        if stops_after is not None:
            # The server had read a little more than the client has shown, or a little less.
            message["content"] = message["content"][: stops_after + 7 - 10 * (stops_after % 2)]
        answer = read_turn(json.dumps(message).encode())
        former = [turn for turn in dialogue.active if turn.position == alignment.former_answer]
        is_told = bool(former) and former[0].digest == answer.digest
        dialogue.supersede(
            [p for p in alignment.superseded if not is_told or former[0].position != p]
        )
        dialogue.last_used_at = self._now
        chain = alignment.chain
        for index in alignment.appended:
            chain = dialogue.append(request[index], chain, is_answer=False, is_interrupted=False)
        if not is_told:
            dialogue.append(answer, chain, is_answer=True, is_interrupted=stops_after is not None)
