"""Claims of idempotency keys, and the models' answers that a repeat gets.

Claims lie in a plain table and are found by their digests alone, in whatever namespace the request
was done; kept answers lie in the namespace they belong to and go with their messages. All times
are the database's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from eunoe_server.domain.idempotency import Claim, KeptAnswer, RequestKey, current_claim
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Read, Store, read

_SQL = load_queries("idempotency")


@dataclass(frozen=True, slots=True)
class FoundClaim:
    """A claim as the database has it."""

    seed: UUID
    request_digest: bytes
    outcome: str
    namespace_key: int | None
    #: Committed, together with what the request wrote.
    is_done: bool
    #: Somebody works on it; neither: who did is gone.
    is_running: bool
    #: So old that the key is free again.
    is_expired: bool


@dataclass(frozen=True, slots=True)
class ExpiredClaim:
    """A claim whose answer is to be erased."""

    project_id: int
    digest: bytes
    namespace_key: int


class Idempotency(Store):
    """Claims of all tenants; answers of one namespace."""

    __slots__ = ()

    async def take(self, claim: Claim) -> bool:
        """Claims the key for what this transaction does; False: another one has done it.

        Waits for one that is just doing it.
        """
        return await self._execute(_SQL["take"], seed=claim.seed, **_named(claim.key)) > 0

    async def note(self, outcome: str) -> None:
        """What a repeat of this call needs beside what is stored; nothing without a key.

        No content, and no word of a caller's: the table is nobody's.
        """
        if (claim := current_claim()) is not None:
            await self._execute(_SQL["note"], outcome=outcome, **_named(claim.key))

    async def lease(self, claim: Claim, seconds: float) -> bool:
        """Claims the key before there is something to commit; False: somebody else has it."""
        return await self._execute(
            _SQL["lease"], seed=claim.seed, lease_seconds=seconds, **_leased(claim)
        ) > 0  # fmt: skip

    async def renew(self, claim: Claim, seconds: float) -> bool:
        """Keeps a lease from ending; False: it is lost."""
        return await self._execute(_SQL["renew"], lease_seconds=seconds, **_leased(claim)) > 0

    async def release(self, claim: Claim) -> None:
        """Frees a key under which nothing was done. One that is done stays."""
        await self._execute(_SQL["release"], **_leased(claim))

    async def finish(
        self, claim: Claim, message_key: int, matched_by: str, pieces: Sequence[bytes]
    ) -> bool:
        """Keeps the answer to a leased request, which became that message; False: lease lost."""
        if not await self._execute(_SQL["finish"], **_leased(claim)):
            return False
        await self._execute(
            _SQL["keep_answer"],
            digest=claim.key.digest,
            message_key=message_key,
            matched_by=matched_by,
            pieces=list(pieces),
        )
        return True

    async def kept_answer(self, key: RequestKey) -> KeptAnswer | None:
        """None: its message was erased."""
        return await self._one(_SQL["kept_answer"], _kept_answer, digest=key.digest)

    async def forget_expired(self, kept_seconds: float, limit: int) -> int:
        """Forgets claims that hold no answer, of all tenants; how many."""
        return await self._execute(_SQL["forget_expired"], kept_seconds=kept_seconds, limit=limit)

    async def claim_expired(
        self, kept_seconds: float, retry_after_seconds: float
    ) -> ExpiredClaim | None:
        """The oldest expired claim that holds an answer and that nobody else works on.

        Until it is forgotten it is claimed again, each time after `retry_after_seconds`.
        """
        return await self._one(
            _SQL["claim_expired"],
            ExpiredClaim,
            kept_seconds=kept_seconds,
            retry_after_seconds=retry_after_seconds,
        )

    async def forget(self, project_id: int, digest: bytes) -> None:
        """Frees a key, and erases the answer that is kept in the transaction's namespace."""
        if self._tenant is not None:
            await self._execute(_SQL["erase_answer"], digest=digest)
        await self._execute(_SQL["forget"], claim_project_id=project_id, digest=digest)


def claim_of(key: RequestKey, kept_seconds: float) -> Read[FoundClaim]:
    """The claim of an idempotency key."""
    return read(
        _SQL["find"],
        FoundClaim,
        None,
        kept_seconds=kept_seconds,
        claim_project_id=key.project_id,
        digest=key.digest,
    )


def _named(key: RequestKey) -> dict[str, object]:
    return {
        "claim_project_id": key.project_id,
        "digest": key.digest,
        "request_digest": key.request_digest,
    }


def _leased(claim: Claim) -> dict[str, object]:
    return {**_named(claim.key), "lease_token": claim.lease_token}


def _kept_answer(*, pieces: list[bytes], chat_id: str, matched_by: str) -> KeptAnswer:
    return KeptAnswer(chat_id, matched_by, tuple(pieces))
