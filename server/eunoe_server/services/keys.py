"""API keys: who is calling, and minting, listing, rotating and revoking what lets them in.

A key's secret exists twice for one moment (here and in the answer that shows it); what is kept is
its SHA-256. Accepted keys are remembered for a few seconds, so a revocation takes effect within
`FRESH_SECONDS`; when the database cannot be asked they are trusted longer, so that chats go on.

Chatting needs the scope `write` in every memory mode, also where nothing is stored: it spends the
operator's money at the upstream, and a key that was given out for reading must not.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from eunoe_server.admission import Gate
from eunoe_server.domain.api_key import ApiKey, NewApiKey
from eunoe_server.domain.audit import AuditKind
from eunoe_server.domain.caller import (
    Caller,
    Scope,
    check_namespace,
    format_key,
    hash_key,
    is_mistyped,
    key_id_of,
)
from eunoe_server.domain.idempotency import current_repeat
from eunoe_server.domain.page import Page, Place
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import (
    ApiKeyNotFound,
    DuplicateId,
    InvalidInput,
    NotAuthenticated,
    NotPermitted,
    Overloaded,
    StorageUnavailable,
)
from eunoe_server.services.audit import record
from eunoe_server.stores.database import Database, Transaction

#: How long an accepted key is not looked up again.
FRESH_SECONDS = 5.0
#: How long an accepted key still counts when the database cannot be asked.
STALE_SECONDS = 600.0
#: Keys looked up at a time: strangers with keys of their own making must not take all of the
#: database's connections, and a known key needs none.
LOOK_UPS = 2
#: Keys remembered at most; the least recently used goes first.
MAX_REMEMBERED = 10_000
#: No key of ours is longer, and hashing a longer one would be work for strangers.
MAX_TOKEN_CHARACTERS = 512

#: How long a rotated key works beside its successor, if nobody says so; and at most.
GRACE_SECONDS = 86_400
MAX_GRACE_SECONDS = 30 * 86_400

#: The project that the first key belongs to.
DEFAULT_PROJECT = "default"


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A new key: what is stored, and the one text that opens it."""

    key: ApiKey
    token: str = field(repr=False)


class Authenticator:
    """Turns the token of a request into a caller."""

    def __init__(
        self,
        database: Database,
        *,
        monotonic_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._monotonic_seconds = monotonic_seconds
        self._remembered: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()
        self._look_ups = Gate(LOOK_UPS, burst_seconds=1.0, standing_seconds=0.1)

    async def authenticate(self, token: str) -> Caller:
        """Who this token stands for. Raises NotAuthenticated, StorageUnavailable, Overloaded."""
        if (
            not token
            or len(token) > MAX_TOKEN_CHARACTERS
            or not token.isascii()
            or is_mistyped(token)
        ):
            raise NotAuthenticated
        digest = hash_key(token)
        remembered = self._remembered.get(digest)
        age = self._monotonic_seconds() - remembered[1] if remembered else float("inf")
        if remembered and age < FRESH_SECONDS:
            return remembered[0]
        try:
            async with self._look_ups.entered():
                caller = await self._look_up(token, digest)
        except NotAuthenticated:
            self._remembered.pop(digest, None)
            raise
        except (StorageUnavailable, Overloaded):
            if remembered and age < STALE_SECONDS:
                return remembered[0]
            raise
        self._remembered[digest] = (caller, self._monotonic_seconds())
        self._remembered.move_to_end(digest)
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return caller

    async def _look_up(self, token: str, digest: bytes) -> Caller:
        key = await self._database.find_key(key_id_of(token))
        # Compared in constant time, also when there is no such key.
        is_right = hmac.compare_digest(key.secret_sha256 if key else bytes(32), digest)
        if key is None or not is_right:
            raise NotAuthenticated
        if not key.is_active:
            raise NotAuthenticated("This API key was revoked or has expired.")
        return Caller(
            key_id=key.id,
            project_id=key.project_id,
            scopes=frozenset(Scope(scope) for scope in key.scopes),
            namespace=key.namespace,
            namespace_prefix=key.namespace_prefix,
            monthly_calls=key.monthly_calls,
        )


class Keys:
    """Minting, listing, rotating and revoking the keys of a project.

    `by` is the id of the key that asks for it; None: the server or its operator.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        project_id: int,
        *,
        name: str,
        scopes: Iterable[Scope] = tuple(Scope),
        namespace: str | None = None,
        namespace_prefix: str | None = None,
        expires_at: datetime | None = None,
        monthly_calls: int | None = None,
        by: str | None = None,
    ) -> MintedKey:
        """A new key. Its token is in the answer and nowhere else. Raises InvalidInput."""
        if len(name) > 128:
            raise InvalidInput.of("name", "must be at most 128 characters")
        if not (granted := tuple(sorted(set(scopes)))):
            raise InvalidInput.of("scopes", "must name at least one of read, write, admin")
        if namespace is not None and namespace_prefix is not None:
            raise InvalidInput("Bind a key to one namespace or to a prefix, not to both.")
        for bound in (namespace, namespace_prefix):
            if bound is not None:
                check_namespace(bound)
        if expires_at is not None and expires_at <= self._database.now():
            raise InvalidInput.of("expires", "must be in the future")
        if monthly_calls is not None and monthly_calls < 0:
            raise InvalidInput.of("monthlyCalls", "must not be negative")
        key_id, token = _new_token()
        new = NewApiKey(
            id=key_id,
            secret_sha256=hash_key(token),
            name=name,
            scopes=granted,
            namespace=namespace,
            namespace_prefix=namespace_prefix,
            expires_at=expires_at,
            monthly_calls=monthly_calls,
        )
        return MintedKey(await self._insert(project_id, new, by), _shown_once(token))

    async def bootstrap(self, token: str | None) -> str | None:
        """Makes the first key of project `default`.

        With a token: that very key, if it is absent. Without: a new one, if the project has no
        key yet. Returns the token of a key that was minted, which the caller shows once.
        """
        project_id = await self.project(DEFAULT_PROJECT)
        if token is None:
            if (await self.list_page(project_id, limit=1)).items:
                return None
            return (await self.create(project_id, name="first key")).token
        if is_mistyped(token):
            raise InvalidInput(
                "EUNOE_BOOTSTRAP_API_KEY looks like a key of ours with a typing error."
            )
        if await self._database.find_key(key_id_of(token)) is None:
            new = NewApiKey(
                id=key_id_of(token),
                secret_sha256=hash_key(token),
                name="bootstrap",
                scopes=tuple(Scope),
            )
            with suppress(DuplicateId):  # another server begins at the same moment
                await self._insert(project_id, new, by=None)
        return None

    async def project(self, name: str) -> int:
        """The id of a project, made if absent."""
        project_id = await self._database.open_project(name, create=True)
        if project_id is None:  # create=True always gives one
            raise StorageUnavailable
        return project_id

    async def list_page(
        self, project_id: int, *, limit: int, after: Place | None = None
    ) -> Page[ApiKey]:
        """Keys of the project, revoked ones included, newest first."""
        async with self._database.transaction(Tenant(project_id)) as tx:
            return await tx.keys.list_page(limit, after)

    async def rotate(
        self,
        project_id: int,
        key_id: str,
        *,
        grace_seconds: int | None = None,
        most: frozenset[Scope] = frozenset(Scope),
        by: str | None = None,
    ) -> MintedKey:
        """A successor with the same rights; the old key works for `grace_seconds` yet.

        The successor works as long as the old key was made for. Raises InvalidInput,
        ApiKeyNotFound, also for a key that works no more, and NotPermitted for one that may do
        more than `most`.
        """
        grace = GRACE_SECONDS if grace_seconds is None else grace_seconds
        if not 0 <= grace <= MAX_GRACE_SECONDS:
            raise InvalidInput.of("graceSeconds", f"must be 0 to {MAX_GRACE_SECONDS:,}")
        new_id, token = _new_token()

        async def work(tx: Transaction) -> ApiKey:
            old = await tx.keys.get(key_id)
            if old is None or old.project_id != project_id or not old.is_active:
                raise ApiKeyNotFound
            if not most.issuperset(old.scopes):
                raise NotPermitted("A key cannot give scopes that it does not have.")
            lifetime = old.expires_at - old.created_at if old.expires_at else None
            new = NewApiKey(
                id=new_id,
                secret_sha256=hash_key(token),
                name=old.name,
                scopes=old.scopes,
                namespace=old.namespace,
                namespace_prefix=old.namespace_prefix,
                expires_at=self._database.now() + lifetime if lifetime else None,
                monthly_calls=old.monthly_calls,
            )
            await tx.keys.retire(key_id, grace)
            await record(tx, AuditKind.KEY_ROTATED, by, subject=key_id)
            return await _minted(tx, new, by)

        key = await self._database.run(Tenant(project_id), work, _minted_before)
        return MintedKey(key, _shown_once(token))

    async def revoke(self, project_id: int, key_id: str, *, by: str | None = None) -> ApiKey:
        """Takes effect within FRESH_SECONDS on every server. Raises ApiKeyNotFound."""

        async def work(tx: Transaction) -> ApiKey:
            key = await tx.keys.revoke(key_id)
            if key is None:
                raise ApiKeyNotFound
            await record(tx, AuditKind.KEY_REVOKED, by, subject=key_id)
            return key

        async def again(tx: Transaction) -> ApiKey:
            return await _existing(tx, key_id)

        return await self._database.run(Tenant(project_id), work, again)

    async def _insert(self, project_id: int, new: NewApiKey, by: str | None) -> ApiKey:
        async def work(tx: Transaction) -> ApiKey:
            return await _minted(tx, new, by)

        return await self._database.run(Tenant(project_id), work, _minted_before)


def _new_token() -> tuple[str, str]:
    """The id of a new key, and the text that opens it."""
    key_id = secrets.token_hex(8)
    return key_id, format_key(key_id, secrets.token_hex(24))


async def _minted(tx: Transaction, new: NewApiKey, by: str | None) -> ApiKey:
    key = await tx.keys.insert(new)
    await record(tx, AuditKind.KEY_CREATED, by, subject=key.id)
    await tx.idempotency.note(key.id)
    return key


def _shown_once(token: str) -> str:
    """Nothing for a repeat: the token that belongs to its key was in the first answer."""
    return "" if current_repeat() else token


async def _minted_before(tx: Transaction) -> ApiKey:
    """The key that the request made which this call repeats."""
    repeated = current_repeat()
    return await _existing(tx, repeated.outcome if repeated else "")


async def _existing(tx: Transaction, key_id: str) -> ApiKey:
    if (key := await tx.keys.get(key_id)) is None:
        raise ApiKeyNotFound
    return key
