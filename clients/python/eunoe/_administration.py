"""Keys, namespaces, usage and the audit log as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from eunoe._moment import from_timestamp, optional_moment
from eunoe.v1 import admin_pb2

Scope = Literal["read", "write", "admin"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as the server keeps it: without its secret."""

    id: str
    name: str
    scopes: tuple[str, ...]
    #: The only namespace it may use. None: see the next.
    namespace: str | None
    #: Every namespace it may use begins so. Both None: all of the project.
    namespace_prefix: str | None
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    #: Calls it may make in a calendar month (UTC); 0: any number. None: the server's default.
    monthly_calls: int | None


@dataclass(frozen=True, slots=True)
class CreatedApiKey:
    """A new key. `key` is shown this once."""

    api_key: ApiKey
    key: str

    def __repr__(self) -> str:
        """Without the secret: representations end up in logs."""
        return f"CreatedApiKey(api_key={self.api_key!r})"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace and what it holds."""

    name: str
    memory_count: int
    dialogue_count: int
    message_count: int
    created: datetime
    #: Days after which what nobody uses is erased; 0: never. None: as the server is set.
    retention_days: int | None


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that was done and matters afterwards."""

    id: str
    #: Such as `key_created` or `namespace_erased`; there may be more some day.
    kind: str
    created: datetime
    #: With which key. None: by the server itself or at its command line.
    api_key_id: str | None
    request_id: str
    #: None: in no namespace, or in one that was erased since.
    namespace: str | None
    #: Stands for that namespace, also once it is erased.
    namespace_key: str | None
    #: To what: a key's id, or a digest of the id of what was deleted.
    subject: str | None
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What an erasure took away: how many rows of each kind."""

    namespace: str
    is_dry_run: bool
    counts: dict[str, int]
    erased: datetime | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used."""

    chat_count: int
    search_count: int
    write_count: int
    prompt_tokens: int
    completion_tokens: int
    injected_tokens: int
    extraction_prompt_tokens: int
    extraction_completion_tokens: int
    #: Calls of any kind but administration.
    call_count: int


@dataclass(frozen=True, slots=True)
class UsagePeriod:
    """What was used: on each day on which anything was, and in all."""

    days: dict[date, Usage]
    total: Usage


def api_key(sent: admin_pb2.ApiKey) -> ApiKey:
    """As it was received."""
    binding = sent.WhichOneof("binding")
    return ApiKey(
        id=sent.id,
        name=sent.name,
        scopes=tuple(sent.scopes),
        namespace=sent.namespace if binding == "namespace" else None,
        namespace_prefix=sent.namespace_prefix if binding == "namespace_prefix" else None,
        created=from_timestamp(sent.create_time),
        expires=optional_moment(sent, "expire_time"),
        revoked=optional_moment(sent, "revoke_time"),
        monthly_calls=sent.monthly_calls if sent.HasField("monthly_calls") else None,
    )


def namespace(sent: admin_pb2.Namespace) -> Namespace:
    """As it was received."""
    return Namespace(
        name=sent.name,
        memory_count=sent.memory_count,
        dialogue_count=sent.dialogue_count,
        message_count=sent.message_count,
        created=from_timestamp(sent.create_time),
        retention_days=sent.retention_days if sent.HasField("retention_days") else None,
    )


def audit_event(sent: admin_pb2.AuditEvent) -> AuditEvent:
    """As it was received."""
    return AuditEvent(
        id=sent.id,
        kind=sent.kind,
        created=from_timestamp(sent.create_time),
        api_key_id=sent.api_key_id if sent.HasField("api_key_id") else None,
        request_id=sent.request_id,
        namespace=sent.namespace if sent.HasField("namespace") else None,
        namespace_key=sent.namespace_key if sent.HasField("namespace_key") else None,
        subject=sent.subject if sent.HasField("subject") else None,
        counts=_counts(sent.counts),
    )


def receipt(sent: admin_pb2.ErasureReceipt) -> ErasureReceipt:
    """As it was received."""
    return ErasureReceipt(
        namespace=sent.namespace,
        is_dry_run=sent.is_dry_run,
        counts=_counts(sent.counts),
        erased=optional_moment(sent, "erase_time"),
    )


def usage_period(sent: admin_pb2.GetUsageResponse) -> UsagePeriod:
    """As it was received."""
    return UsagePeriod(
        days={date.fromisoformat(each.date): _usage(each.usage) for each in sent.days},
        total=_usage(sent.total),
    )


def _counts(sent: Iterable[admin_pb2.ErasureCount]) -> dict[str, int]:
    return {each.kind: each.count for each in sent}


def _usage(sent: admin_pb2.Usage) -> Usage:
    return Usage(
        chat_count=sent.chat_count,
        search_count=sent.search_count,
        write_count=sent.write_count,
        prompt_tokens=sent.prompt_tokens,
        completion_tokens=sent.completion_tokens,
        injected_tokens=sent.injected_tokens,
        extraction_prompt_tokens=sent.extraction_prompt_tokens,
        extraction_completion_tokens=sent.extraction_completion_tokens,
        call_count=sent.call_count,
    )
