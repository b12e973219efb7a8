"""Committing a conversation: what other conversations may recall of it from now on.

Read, think, write: what was said since the last commit is read; facts are found in it, and vectors
made that are still missing, with no connection held; and one transaction writes everything and
gives the lease back. Whoever lost the lease in between writes nothing, so a commit happens once in
effect however often it is tried.

Only messages that were not committed before are read for facts, and only those that still hold
when it is written teach any. Notes that were injected are no part of what is stored, and a client
that sends them back as its own words is not believed (`domain/fact_screening.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from eunoe_server.domain.commit import CommitJob
from eunoe_server.domain.dialogue import Message
from eunoe_server.domain.fact import ExtractionMessage
from eunoe_server.domain.fact_memory import SaidIn, texts_to_embed
from eunoe_server.domain.search_entry import Vector
from eunoe_server.domain.tenant import Tenant
from eunoe_server.providers import Embedder
from eunoe_server.services.facts import HEARD_ROLES, Facts, Learnt
from eunoe_server.services.usage import Meter
from eunoe_server.services.withdrawal import withdraw_superseded
from eunoe_server.stores.database import Database, Transaction


class LeaseLost(Exception):
    """Another worker holds the conversation now; nothing was written."""


class Committer:
    """Commits claimed conversations."""

    def __init__(self, database: Database, embedder: Embedder, facts: Facts, meter: Meter) -> None:
        self._database = database
        self._embedder = embedder
        self._facts = facts
        self._meter = meter

    async def commit(self, job: CommitJob) -> None:
        """Raises LeaseLost, or what made it fail."""
        tenant = Tenant(job.project_id, job.namespace_key)
        async with self._database.transaction(tenant) as tx:
            pending = await tx.messages.uncommitted(job.dialogue_key)
            without_vector = await tx.search.without_vector(job.dialogue_key, self._embedder.name)
        with self._meter.metered(job.project_id, key_id=""):
            found = await self._facts.find(_heard(pending), job.namespace_key)
        messages = [entry.text for entry in without_vector]
        facts = texts_to_embed(found.facts)
        made: Sequence[Vector] = []
        if messages or facts:
            made = list(await self._embedder.embed([*messages, *facts]))
        message_vectors = {
            entry.entry_key: vector
            for entry, vector in zip(without_vector, made[: len(messages)], strict=True)
        }
        fact_vectors = dict(zip(facts, made[len(messages) :], strict=True))

        async def work(tx: Transaction) -> Sequence[Learnt]:
            learnt: Sequence[Learnt] = []
            # Held until the end: nobody deletes, forks or continues the dialogue meanwhile.
            dialogue = await tx.dialogues.lock(job.dialogue_key)
            if dialogue is not None:
                positions = [message.position for message in pending]
                committed = await tx.messages.mark_committed(job.dialogue_key, positions)
                if positions:
                    await tx.search.commit_entries(job.dialogue_key, positions[-1])
                await tx.search.set_vectors(message_vectors, self._embedder.name)
                await withdraw_superseded(tx, dialogue)
                learnt = await self._facts.learn(
                    tx,
                    [each for each in found.facts if each.provenance.message_index in committed],
                    fact_vectors,
                    said_in=SaidIn(dialogue.id, {each.position: each.id for each in pending}),
                )
            if not await tx.commits.finish(job):
                raise LeaseLost
            return learnt

        self._facts.count(await self._database.run(tenant, work))


def _heard(messages: Sequence[Message]) -> Sequence[ExtractionMessage]:
    """What people and models said, by position."""
    return [
        ExtractionMessage(
            message.position, message.role, message.text, message.created_at, message.name or ""
        )
        for message in messages
        if message.role in HEARD_ROLES
    ]
