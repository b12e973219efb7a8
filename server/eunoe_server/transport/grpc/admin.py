"""AdminServicer: keys, namespaces and the audit trail of the calling key's project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from eunoe.v1 import admin_pb2, admin_pb2_grpc
from eunoe_server.domain.api_key import ApiKey
from eunoe_server.domain.audit import AuditEvent
from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.listing import Listing, page_limit
from eunoe_server.domain.page_token import read_token, write_token
from eunoe_server.domain.usage import Usage
from eunoe_server.errors import (
    ConflictingParameters,
    InvalidInput,
    InvalidParameter,
    NotPermitted,
)
from eunoe_server.services.audit import AuditTrail
from eunoe_server.services.keys import Keys
from eunoe_server.services.namespaces import HeldNamespace, Namespaces
from eunoe_server.services.usage import Meter
from eunoe_server.transport.grpc.convert import moment_of, namespace_of, optional, to_timestamp
from eunoe_server.transport.grpc.interceptors import caller


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    """Administration over gRPC."""

    def __init__(
        self,
        keys: Keys,
        namespaces: Namespaces,
        meter: Meter,
        audit: AuditTrail,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._keys = keys
        self._namespaces = namespaces
        self._meter = meter
        self._audit = audit
        self._now = now

    async def CreateApiKey(
        self, request: admin_pb2.CreateApiKeyRequest, context: Any
    ) -> admin_pb2.CreateApiKeyResponse:
        """A new key, shown once."""
        del context
        namespace, prefix = _binding(request, caller())
        minted = await self._keys.create(
            caller().project_id,
            name=request.name,
            scopes=_scopes(request, caller()),
            namespace=namespace,
            namespace_prefix=prefix,
            expires_at=moment_of(request, "expire_time", "expires", InvalidInput),
            monthly_calls=optional(request, "monthly_calls"),
            by=caller().key_id,
        )
        return admin_pb2.CreateApiKeyResponse(api_key=key_to_proto(minted.key), key=minted.token)

    async def ListApiKeys(
        self, request: admin_pb2.ListApiKeysRequest, context: Any
    ) -> admin_pb2.ListApiKeysResponse:
        """The keys of the project, newest first."""
        del context
        _unbound(caller())
        listing = Listing("api_keys", caller().project_id, None, True)
        page = await self._keys.list_page(
            caller().project_id,
            limit=page_limit(request.page_size),
            after=read_token(request.page_token, listing) if request.page_token else None,
        )
        response = admin_pb2.ListApiKeysResponse(api_keys=map(key_to_proto, page.items))
        if page.next is not None:
            response.next_page_token = write_token(page.next, listing)
        return response

    async def RotateApiKey(
        self, request: admin_pb2.RotateApiKeyRequest, context: Any
    ) -> admin_pb2.RotateApiKeyResponse:
        """A successor to a key, shown once."""
        del context
        _unbound(caller())
        minted = await self._keys.rotate(
            caller().project_id,
            request.id,
            grace_seconds=optional(request, "grace_seconds"),
            most=caller().scopes,
            by=caller().key_id,
        )
        return admin_pb2.RotateApiKeyResponse(api_key=key_to_proto(minted.key), key=minted.token)

    async def RevokeApiKey(
        self, request: admin_pb2.RevokeApiKeyRequest, context: Any
    ) -> admin_pb2.RevokeApiKeyResponse:
        """Ends a key for good."""
        del context
        _unbound(caller())
        key = await self._keys.revoke(caller().project_id, request.id, by=caller().key_id)
        return admin_pb2.RevokeApiKeyResponse(api_key=key_to_proto(key))

    async def ListNamespaces(
        self, request: admin_pb2.ListNamespacesRequest, context: Any
    ) -> admin_pb2.ListNamespacesResponse:
        """The namespaces of the project, newest first."""
        del context
        page = await self._namespaces.list_page(
            caller(),
            prefix=request.prefix,
            limit=page_limit(request.page_size),
            token=request.page_token,
        )
        return admin_pb2.ListNamespacesResponse(
            namespaces=map(namespace_to_proto, page.items), next_page_token=page.next_token
        )

    async def UpdateNamespace(
        self, request: admin_pb2.UpdateNamespaceRequest, context: Any
    ) -> admin_pb2.UpdateNamespaceResponse:
        """Says how long a namespace keeps what nobody uses."""
        del context
        days = optional(request, "retention_days")
        held = await self._namespaces.retain(caller(), request.namespace, days)
        return admin_pb2.UpdateNamespaceResponse(namespace=namespace_to_proto(held))

    async def DeleteNamespace(
        self, request: admin_pb2.DeleteNamespaceRequest, context: Any
    ) -> admin_pb2.DeleteNamespaceResponse:
        """Erases a namespace, or says what that would take."""
        del context
        counts = await self._namespaces.erase(caller(), request.namespace, dry_run=request.dry_run)
        return admin_pb2.DeleteNamespaceResponse(
            receipt=admin_pb2.ErasureReceipt(
                namespace=request.namespace,
                is_dry_run=request.dry_run,
                counts=_counts(counts),
                erase_time=to_timestamp(self._now()),
            )
        )

    async def ListAuditEvents(
        self, request: admin_pb2.ListAuditEventsRequest, context: Any
    ) -> admin_pb2.ListAuditEventsResponse:
        """What was done in the project, newest first."""
        del context
        _unbound(caller())
        page = await self._audit.list_page(
            caller().project_id,
            subject_id=request.subject_id,
            limit=page_limit(request.page_size),
            token=request.page_token,
        )
        return admin_pb2.ListAuditEventsResponse(
            audit_events=map(audit_event_to_proto, page.items), next_page_token=page.next_token
        )

    async def GetUsage(
        self, request: admin_pb2.GetUsageRequest, context: Any
    ) -> admin_pb2.GetUsageResponse:
        """What was used, day by day."""
        del context
        used = await self._meter.period(
            caller(),
            namespace_of(request),
            start=moment_of(request, "start_time", "startDate", InvalidParameter),
            end=moment_of(request, "end_time", "endDate", InvalidParameter),
            key_id=request.api_key_id,
        )
        return admin_pb2.GetUsageResponse(
            days=[
                admin_pb2.UsageDay(date=day.isoformat(), usage=usage_to_proto(each))
                for day, each in used.days.items()
            ],
            total=usage_to_proto(used.total),
        )


def _scopes(request: admin_pb2.CreateApiKeyRequest, who: Caller) -> list[Scope]:
    """No key gives more than the one that makes it has."""
    try:
        wanted = [Scope(scope) for scope in request.scopes]
    except ValueError:
        raise InvalidInput.of("scopes", "must be of read, write, admin") from None
    if not who.scopes.issuperset(wanted):
        raise NotPermitted("A key cannot give scopes that it does not have.")
    return wanted


def _binding(request: admin_pb2.CreateApiKeyRequest, who: Caller) -> tuple[str | None, str | None]:
    """The new key's binding, which lies within that of the key that makes it."""
    kind = request.WhichOneof("binding")
    if kind is None:
        return who.namespace, who.namespace_prefix
    namespace = request.namespace if kind == "namespace" else None
    prefix = request.namespace_prefix if kind == "namespace_prefix" else None
    widest = namespace if namespace is not None else prefix or ""
    if who.namespace is not None and (prefix is not None or namespace != who.namespace):
        raise ConflictingParameters.of("namespace", "this API key is bound to another namespace")
    if not who.sees(widest):
        raise NotPermitted("This API key is bound to namespaces with another prefix.")
    return namespace, prefix


def _unbound(who: Caller) -> None:
    """The keys and the audit trail of a project concern all of its namespaces."""
    if who.is_bound:
        raise NotPermitted(
            "This API key is bound to namespaces and administers neither keys nor the audit trail."
        )


def key_to_proto(key: ApiKey) -> admin_pb2.ApiKey:
    """A key's record, never its secret."""
    proto = admin_pb2.ApiKey(
        id=key.id, name=key.name, scopes=key.scopes, create_time=to_timestamp(key.created_at)
    )
    if key.namespace is not None:
        proto.namespace = key.namespace
    elif key.namespace_prefix is not None:
        proto.namespace_prefix = key.namespace_prefix
    if key.expires_at is not None:
        proto.expire_time.CopyFrom(to_timestamp(key.expires_at))
    if key.revoked_at is not None:
        proto.revoke_time.CopyFrom(to_timestamp(key.revoked_at))
    if key.monthly_calls is not None:
        proto.monthly_calls = key.monthly_calls
    return proto


def usage_to_proto(used: Usage) -> admin_pb2.Usage:
    """Sums."""
    return admin_pb2.Usage(
        call_count=used.calls,
        chat_count=used.chats,
        search_count=used.searches,
        write_count=used.writes,
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        injected_tokens=used.injected_tokens,
        extraction_prompt_tokens=used.extraction_prompt_tokens,
        extraction_completion_tokens=used.extraction_completion_tokens,
    )


def namespace_to_proto(held: HeldNamespace) -> admin_pb2.Namespace:
    """A namespace and what it holds."""
    return admin_pb2.Namespace(
        name=held.namespace.name,
        memory_count=held.holdings.memories,
        dialogue_count=held.holdings.dialogues,
        message_count=held.holdings.messages,
        create_time=to_timestamp(held.namespace.created_at),
        retention_days=held.namespace.retention_days,
    )


def audit_event_to_proto(event: AuditEvent) -> admin_pb2.AuditEvent:
    """An event; what it has no word for stays absent."""
    return admin_pb2.AuditEvent(
        id=str(event.event_key),
        kind=event.kind,
        create_time=to_timestamp(event.occurred_at),
        api_key_id=event.key_id,
        request_id=event.request_id,
        namespace=event.namespace,
        namespace_key=None if event.namespace_key is None else str(event.namespace_key),
        subject=event.subject,
        counts=_counts(event.counts),
    )


def _counts(counts: Mapping[str, int]) -> list[admin_pb2.ErasureCount]:
    return [admin_pb2.ErasureCount(kind=kind, count=count) for kind, count in counts.items()]
