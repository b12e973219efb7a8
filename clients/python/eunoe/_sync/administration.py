# Generated from ../_async by generate_sync.py. Do not edit.
"""`client.admin`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from eunoe._administration import (
    ApiKey,
    AuditEvent,
    CreatedApiKey,
    ErasureReceipt,
    Namespace,
    Scope,
    UsagePeriod,
    api_key,
    audit_event,
    namespace,
    receipt,
    usage_period,
)
from eunoe._moment import to_timestamp
from eunoe._page import Page
from eunoe._sync.paging import Paged
from eunoe.exceptions import InvalidRequest
from eunoe.v1 import admin_pb2

if TYPE_CHECKING:
    from eunoe._sync.wire import Wire


class Administration:
    """The keys, the namespaces and the usage of one project. Needs a key with the scope `admin`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create_key(
        self,
        name: str,
        scopes: Sequence[Scope],
        *,
        namespace: str | None = None,
        namespace_prefix: str | None = None,
        expires: datetime | None = None,
        monthly_calls: int | None = None,
    ) -> CreatedApiKey:
        """Makes an API key, for one namespace, for a prefix, or for the whole project.

        `monthly_calls` bounds its calls in a calendar month; 0: any number. Never repeated: a
        secret whose answer was lost cannot be shown again. Raises InvalidRequest.
        """
        if namespace is not None and namespace_prefix is not None:
            raise InvalidRequest("Say `namespace` or `namespace_prefix`, not both.")
        request = admin_pb2.CreateApiKeyRequest(
            name=name,
            scopes=scopes,
            namespace=namespace,
            namespace_prefix=namespace_prefix,
            expire_time=to_timestamp(expires, "expires"),
            monthly_calls=monthly_calls,
        )
        wire = self._wire
        made = wire.once(wire.stubs.admin.CreateApiKey, request)
        return CreatedApiKey(api_key(made.api_key), made.key)

    def list_keys(
        self,
        *,
        limit: int = 0,
        next: str | None = None,  # noqa: A002 - the API's name
    ) -> Paged[ApiKey]:
        """Every key, the newest first, revoked and expired ones included."""
        request = admin_pb2.ListApiKeysRequest(page_size=limit)

        def fetch(token: str) -> Page[ApiKey]:
            request.page_token = token
            answer = self._wire.read(self._wire.stubs.admin.ListApiKeys, request)
            return Page(tuple(map(api_key, answer.api_keys)), answer.next_page_token or None)

        return Paged(fetch, next)

    def rotate_key(
        self,
        id: str,  # noqa: A002 - the API's name
        *,
        grace_seconds: int | None = None,
    ) -> CreatedApiKey:
        """Makes a key like that one, which works for the grace (a day) yet. Raises NotFound.

        Never repeated: a secret whose answer was lost cannot be shown again.
        """
        request = admin_pb2.RotateApiKeyRequest(id=id, grace_seconds=grace_seconds)
        wire = self._wire
        made = wire.once(wire.stubs.admin.RotateApiKey, request)
        return CreatedApiKey(api_key(made.api_key), made.key)

    def revoke_key(self, id: str) -> ApiKey:  # noqa: A002 - the API's name
        """Revokes a key for good. Raises NotFound."""
        answer = self._wire.write(
            self._wire.stubs.admin.RevokeApiKey, admin_pb2.RevokeApiKeyRequest(id=id)
        )
        return api_key(answer.api_key)

    def list_namespaces(
        self,
        *,
        prefix: str = "",
        limit: int = 0,
        next: str | None = None,  # noqa: A002
    ) -> Paged[Namespace]:
        """Namespaces by name, with what they hold."""
        request = admin_pb2.ListNamespacesRequest(prefix=prefix, page_size=limit)

        def fetch(token: str) -> Page[Namespace]:
            request.page_token = token
            answer = self._wire.read(self._wire.stubs.admin.ListNamespaces, request)
            return Page(tuple(map(namespace, answer.namespaces)), answer.next_page_token or None)

        return Paged(fetch, next)

    def update_namespace(self, name: str, *, retention_days: int | None) -> Namespace:
        """Says how many days a namespace keeps what nobody uses. Raises NotFound.

        0: for ever. None: as the server is set. The empty name is the global one's.
        """
        request = admin_pb2.UpdateNamespaceRequest(namespace=name, retention_days=retention_days)
        answer = self._wire.write(self._wire.stubs.admin.UpdateNamespace, request)
        return namespace(answer.namespace)

    def delete_namespace(self, name: str, *, dry_run: bool = False) -> ErasureReceipt:
        """Erases a namespace and says what it took away; the empty name is the global one's.

        It cannot be undone. Raises NotFound.
        """
        request = admin_pb2.DeleteNamespaceRequest(namespace=name, dry_run=dry_run)
        answer = self._wire.write(self._wire.stubs.admin.DeleteNamespace, request)
        return receipt(answer.receipt)

    def list_audit_events(
        self,
        *,
        subject_id: str = "",
        limit: int = 0,
        next: str | None = None,  # noqa: A002
    ) -> Paged[AuditEvent]:
        """Who did what to keys, namespaces and what was deleted, the newest first.

        `subject_id` is the id of a key, memory, dialogue or message.
        """
        request = admin_pb2.ListAuditEventsRequest(subject_id=subject_id, page_size=limit)

        def fetch(token: str) -> Page[AuditEvent]:
            request.page_token = token
            answer = self._wire.read(self._wire.stubs.admin.ListAuditEvents, request)
            return Page(
                tuple(map(audit_event, answer.audit_events)), answer.next_page_token or None
            )

        return Paged(fetch, next)

    def usage(
        self,
        *,
        namespace: str | None = None,
        api_key_id: str = "",
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> UsagePeriod:
        """What was used, day by day; the last 30 days if not said otherwise."""
        request = admin_pb2.GetUsageRequest(
            namespace=namespace,
            api_key_id=api_key_id,
            start_time=to_timestamp(start, "start"),
            end_time=to_timestamp(end, "end"),
        )
        return usage_period(self._wire.read(self._wire.stubs.admin.GetUsage, request))
