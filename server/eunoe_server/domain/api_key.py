"""What the server remembers of an API key: all but the secret, of which it keeps a digest."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key to be stored. Its id is public and part of the key; the secret stays outside."""

    id: str
    secret_sha256: bytes = field(repr=False)
    name: str
    #: Words of `domain.caller.Scope`.
    scopes: tuple[str, ...]
    #: The one namespace it is bound to; None: not bound to one.
    namespace: str | None = None
    #: Only namespaces that begin with this; None: any. Never together with `namespace`.
    namespace_prefix: str | None = None
    expires_at: datetime | None = None
    #: Calls in a calendar month (UTC) at most; 0: any number; None: the server's default.
    monthly_calls: int | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key."""

    id: str
    project_id: int
    secret_sha256: bytes = field(repr=False)
    name: str
    scopes: tuple[str, ...]
    namespace: str | None
    namespace_prefix: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    #: Neither revoked nor expired, by the database's clock, when it was read.
    is_active: bool
    #: As in `NewApiKey`.
    monthly_calls: int | None
