"""What a request must hold, as the contract marks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf import message

from eunoe.v1 import options_pb2
from eunoe_server.errors import FieldViolation, MissingParameter
from eunoe_server.transport.grpc.interceptors.chain import Call, Interceptor


class RequiredFields(Interceptor):
    """Refuses a request that lacks a field marked `REQUIRED` (AIP-203), naming its path."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Raises MissingParameter with the JSON names of all missing fields."""
        if missing := list(missing_fields(call.request)):
            raise MissingParameter(
                f"Missing required {missing[0]}",
                fields=[FieldViolation(path, "Required") for path in missing],
            )
        yield


def missing_fields(request: message.Message, prefix: str = "") -> list[str]:
    """JSON paths of the required fields that are not set, in declaration order."""
    missing = []
    for field in request.DESCRIPTOR.fields:
        path = prefix + field.json_name
        if _is_required(field) and not _is_set(request, field):
            missing.append(path)
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            value = getattr(request, field.name)
            if field.is_repeated:
                for index, item in enumerate(value):
                    missing += missing_fields(item, f"{path}[{index}].")
            elif request.HasField(field.name):
                missing += missing_fields(value, f"{path}.")
    return missing


def _is_required(field: Any) -> bool:
    options = field.GetOptions()
    return field_behavior_pb2.REQUIRED in options.Extensions[field_behavior_pb2.field_behavior]


def _is_set(request: message.Message, field: Any) -> bool:
    if field.has_presence:
        return request.HasField(field.name)
    if field.GetOptions().Extensions[options_pb2.may_be_empty]:
        return True  # a list has no presence in gRPC; the shim checks that its key was sent
    return bool(getattr(request, field.name))
