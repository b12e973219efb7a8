"""Counts what a call uses, and refuses it over its key's monthly quota (`services/usage.py`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from eunoe_server.services.usage import Meter
from eunoe_server.transport.grpc.interceptors.authentication import caller
from eunoe_server.transport.grpc.interceptors.chain import Call, Interceptor

#: Not counted: who has used up a quota must be able to see that, and to change it.
_UNMETERED = "/eunoe.v1.AdminService/"


class Metering(Interceptor):
    """Every call but administration."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Raises QuotaExceeded."""
        if call.method.startswith(_UNMETERED):
            yield
            return
        who = caller()
        await self._meter.admit(who, _namespace(call) if who.namespace is None else who.namespace)
        with self._meter.metered(who.project_id, who.key_id):
            yield


def _namespace(call: Call) -> str | None:
    """The namespace that a request names beside its body; None: none."""
    field = call.request.DESCRIPTOR.fields_by_name.get("namespace")
    if field is None or not field.has_presence or not call.request.HasField("namespace"):
        return None
    name: str = getattr(call.request, "namespace")  # noqa: B009 - messages are typed by Message
    return name
