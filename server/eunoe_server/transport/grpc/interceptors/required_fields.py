"""What a request must hold, as the contract marks it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf import message
from google.protobuf.descriptor import Descriptor

from eunoe.v1 import options_pb2
from eunoe_server.errors import FieldViolation, MissingParameter
from eunoe_server.transport.grpc.interceptors.chain import Call, Check


class RequiredFields(Check):
    """Refuses a request that lacks a field marked `REQUIRED` (AIP-203), naming its path."""

    async def before(self, call: Call) -> None:
        """Raises MissingParameter with the JSON names of all missing fields."""
        if missing := list(missing_fields(call.request)):
            raise MissingParameter(
                f"Missing required {missing[0]}",
                fields=[FieldViolation(path, "Required") for path in missing],
            )


def missing_fields(request: message.Message, prefix: str = "") -> list[str]:
    """JSON paths of the required fields that are not set, in declaration order."""
    missing = []
    for rule in _rules(request.DESCRIPTOR):
        if rule.is_required and not _is_set(request, rule):
            missing.append(prefix + rule.json_name)
        elif rule.is_message:
            value = getattr(request, rule.name)
            if rule.is_repeated:
                for index, item in enumerate(value):
                    missing += missing_fields(item, f"{prefix}{rule.json_name}[{index}].")
            elif request.HasField(rule.name):
                missing += missing_fields(value, f"{prefix}{rule.json_name}.")
    return missing


@dataclass(frozen=True, slots=True)
class _Rule:
    """What there is to look at in a field. Reading it off a descriptor takes longer than that."""

    name: str
    json_name: str
    is_required: bool
    may_be_empty: bool
    has_presence: bool
    is_message: bool
    is_repeated: bool


@functools.cache
def _rules(descriptor: Descriptor) -> tuple[_Rule, ...]:
    """Of the fields that are required, or may hold such."""
    rules = (_rule(field) for field in descriptor.fields)
    return tuple(rule for rule in rules if rule.is_required or rule.is_message)


def _rule(field: Any) -> _Rule:
    options = field.GetOptions()
    kind = field.message_type
    return _Rule(
        name=field.name,
        json_name=field.json_name,
        is_required=field_behavior_pb2.REQUIRED
        in options.Extensions[field_behavior_pb2.field_behavior],
        may_be_empty=options.Extensions[options_pb2.may_be_empty],
        has_presence=field.has_presence,
        is_message=kind is not None and not kind.GetOptions().map_entry,
        is_repeated=field.is_repeated,
    )


def _is_set(request: message.Message, rule: _Rule) -> bool:
    if rule.has_presence:
        return request.HasField(rule.name)
    if rule.may_be_empty:
        return True  # a list has no presence in gRPC; the shim checks that its key was sent
    return bool(getattr(request, rule.name))
