"""Requests that may come twice: which of them are one, and what a repeat of one gets.

A caller that lost the answer sends its request again under the same idempotency key, and must get
what the first one did, done once. Two things make that true also for a server that is killed at
any moment:

* **The key is claimed in the transaction that writes** (`Database.run`), so that both are there or
  neither is. Of two at once the second waits for the first at the claim, and then reads.
* **Answers are not kept, they are read again.** A claim holds a random seed, of which the ids of
  memories, dialogues and messages are made that a request leaves to us (`new_id`); so a repeat goes
  the same way through the same service, draws the same ids, and where the first one wrote it reads.
  It shows what is stored *now*, and says that it is gone where it was erased meanwhile: nothing
  private is left behind by a key.

What cannot be read again is noted with the claim, as long as it says nothing of anybody: counts,
outcomes, the ids of facts and of API keys. What a model answered is neither; it is kept beside the
message that it became (`stores/idempotency.py`) and goes with it.

A key counts for one API key and one method, not for a project: who holds another key must neither
be refused because of ours nor learn that we used it. The claim itself is two digests. The one of
the request is taken together with the key, so it cannot be found again by trying texts.

This module holds the claim of the current call, as `open_transaction` holds a mark. It refuses to
look anything up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from itertools import count
from uuid import UUID

import uuid_utils

from eunoe_server.errors import InvalidParameter

#: How long a repeat is known as one.
KEPT_SECONDS = 24 * 3600.0

MAX_KEY_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class RequestKey:
    """One request of one caller."""

    project_id: int
    #: Who calls what under which key.
    digest: bytes
    #: What is asked.
    request_digest: bytes

    @classmethod
    def of(
        cls, project_id: int, api_key_id: str, method: str, key: str, request: bytes
    ) -> RequestKey:
        """Raises InvalidParameter for what cannot be an idempotency key."""
        if len(key) > MAX_KEY_CHARACTERS or not (key.isascii() and key.isprintable()):
            raise InvalidParameter.of(
                "request_id", f"must be at most {MAX_KEY_CHARACTERS} printable ASCII characters"
            )
        digest = hashlib.sha256(f"{api_key_id}\0{method}\0{key}".encode()).digest()
        return cls(project_id, digest, hashlib.sha256(digest + key.encode() + request).digest())


@dataclass(frozen=True, slots=True)
class Claim:
    """The one execution of a request: what it is made of, or what it was."""

    key: RequestKey
    #: What new ids are made of.
    seed: UUID
    #: Whether it is committed; then this call is a repeat.
    is_done: bool = False
    #: What a repeat needs beside what is stored.
    outcome: str = ""
    #: The namespace of a kept answer.
    namespace_key: int | None = None
    #: By which it was claimed before there is something to commit.
    lease_token: UUID | None = None
    _drawn: Iterator[int] = field(default_factory=count)

    def new_id(self) -> str:
        """The next id: the same ones in the same order for each repeat. Ordered by time, as all."""
        number = next(self._drawn)
        digest = hashlib.sha256(self.seed.bytes + number.to_bytes(8)).digest()
        value = int.from_bytes(self.seed.bytes[:6] + digest[:10])
        value = value & ~(0xF << 76) | 0x7 << 76  # version 7
        value = value & ~(0x3 << 62) | 0x2 << 62  # variant of RFC 9562
        return str(UUID(int=value))

    def leased(self, token: UUID) -> Claim:
        """The same, claimed until a lease ends."""
        return replace(self, lease_token=token)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a model answered, event by event or whole, and to which conversation it belongs."""

    chat_id: str
    matched_by: str
    pieces: tuple[bytes, ...]


_claim: ContextVar[Claim | None] = ContextVar("eunoe_idempotency_claim", default=None)


def current_claim() -> Claim | None:
    """The claim of this call; None: it has no idempotency key."""
    return _claim.get()


def current_repeat() -> Claim | None:
    """The claim of this call if it only repeats one that was done."""
    claim = _claim.get()
    return claim if claim is not None and claim.is_done else None


def enter_claim(claim: Claim | None) -> None:
    """From here to its end the call works under this claim. Every call has a context of its own."""
    _claim.set(claim)


def new_seed() -> UUID:
    """What the ids of a request that is new are made of."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def new_id() -> str:
    """An id for something new; under a claim the one that each repeat draws as well."""
    claim = _claim.get()
    return str(uuid_utils.uuid7()) if claim is None else claim.new_id()
