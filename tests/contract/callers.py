"""A case's call over gRPC and over HTTP: two ways to the same answer.

Both are made from the descriptors alone, as a stranger's client would be, so that nothing of the
server judges itself. A document is a string in gRPC and stands inline in HTTP.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import grpc
from google.api import annotations_pb2
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from eunoe.v1 import admin_pb2, dialogue_pb2, memory_pb2, options_pb2, search_pb2
from tests.contract.case import Document, Step
from tests.contract.matching import read_json

_FILES = (admin_pb2, dialogue_pb2, memory_pb2, search_pb2)
METHODS: dict[str, MethodDescriptor] = {
    f"{service.name}.{method.name}": method
    for file in _FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: parsed, and as it was written."""

    body: Any
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong: the reason, the code or status, and the fields that were named."""

    reason: str
    status: str
    fields: tuple[str, ...]


class Caller(Protocol):
    """Makes one call with a key; None: without one."""

    def call(self, step: Step, key: str | None) -> Answer | Failure:
        """Fails the test when the answer is not even well-formed."""
        ...


class GrpcCaller:
    """Over a channel, as any gRPC client."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def call(self, step: Step, key: str | None) -> Answer | Failure:
        method = METHODS[step.rpc or ""]
        request = message_factory.GetMessageClass(method.input_type)()
        json_format.ParseDict(_as_proto_json(step.request, method.input_type), request)
        if step.once is not None:
            request.request_id = step.once  # type: ignore[attr-defined]
        invoke = self._channel.unary_unary(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        metadata = (("authorization", f"Bearer {key}"),) if key else ()
        try:
            answer = invoke(request, metadata=metadata, timeout=60)
        except grpc.RpcError as error:
            return _failure_of(error)
        if shown := _rule(method).response_body:
            answer = getattr(answer, shown)
            if isinstance(answer, str):
                return Answer(read_json(answer), answer)
        printed = json_format.MessageToJson(answer, always_print_fields_with_no_presence=True)
        documents: list[str] = []
        body = _with_documents(read_json(printed), answer.DESCRIPTOR, documents)
        return Answer(body, "\n".join(documents))


def _as_proto_json(request: Any, descriptor: Any) -> Any:
    """The request as protobuf's own JSON, where a document is a string."""
    fields = {field.json_name: field for field in descriptor.fields}
    shown = {}
    for name, value in request.items():
        field = fields.get(name)
        if field is not None and _is_document(field):
            value = _encoded(value)
        elif field is not None and field.message_type is not None and isinstance(value, list):
            value = [_as_proto_json(item, field.message_type) for item in value]
        elif field is not None and field.message_type is not None and isinstance(value, dict):
            value = _as_proto_json(value, field.message_type)
        shown[name] = value
    return shown


def _with_documents(found: Any, descriptor: Any, documents: list[str]) -> Any:
    """The answer with its documents inline; their texts are collected beside."""
    for field in descriptor.fields:
        value = found.get(field.json_name)
        if value is None:
            continue
        if _is_document(field):
            if not value:
                del found[field.json_name]
                continue
            documents.append(value)
            found[field.json_name] = read_json(value)
        elif field.message_type is not None and isinstance(value, dict | list):
            for item in value if isinstance(value, list) else [value]:
                _with_documents(item, field.message_type, documents)
            if _is_untagged(field):
                found[field.containing_oneof.name] = found.pop(field.json_name)
    return found


def _is_document(field: Any) -> bool:
    return bool(field.GetOptions().Extensions[options_pb2.json])


def _is_untagged(field: Any) -> bool:
    """Whether HTTP shows the field under the name of its oneof, whichever of them is set."""
    choice = field.containing_oneof
    return choice is not None and choice.GetOptions().Extensions[options_pb2.untagged]


def _failure_of(error: Any) -> Failure:
    status = rpc_status.from_call(error)
    assert status is not None, f"no reason came with {error}"
    info, refused = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        for wanted in (info, refused):
            if detail.Is(wanted.DESCRIPTOR):
                detail.Unpack(wanted)
    assert info.domain == "eunoe"
    assert info.metadata["request_id"]
    fields = tuple(violation.field for violation in refused.field_violations)
    return Failure(info.reason, error.code().name, fields)


class HttpCaller:
    """Over HTTP/1.1, by the rules that the contract writes beside each method."""

    def __init__(self, address: str) -> None:
        self._address = address

    def call(self, step: Step, key: str | None) -> Answer | Failure:
        verb, target, body = _as_http(step)
        headers = {"content-type": "application/json"} if body is not None else {}
        if key:
            headers["authorization"] = f"Bearer {key}"
        if step.once is not None:
            headers["idempotency-key"] = step.once
        connection = HTTPConnection(self._address.removeprefix("http://"), timeout=60)
        connection.request(verb, target, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8")
        connection.close()
        assert answer.headers["content-type"] == "application/json", text
        if answer.status == 200:
            return Answer(read_json(text), text)
        error = json.loads(text)["error"]
        assert error["message"]
        assert error["timestamp"].endswith("Z")
        assert error["requestId"] == answer.headers["x-request-id"]
        fields = tuple(detail["field"] for detail in error["details"])
        return Failure(error["code"], str(answer.status), fields)


_VARIABLE = re.compile(r"\{(\w+)\}")


def _as_http(step: Step) -> tuple[str, str, bytes | None]:
    """Verb, target and body."""
    if step.http is not None:
        verb, target = step.http.split(" ", 1)
        return verb, target, step.body.encode() if step.body is not None else None
    method = METHODS[step.rpc or ""]
    rule = _rule(method)
    verb = rule.WhichOneof("pattern")
    left = dict(step.request)

    def variable(match: re.Match[str]) -> str:
        name = method.input_type.fields_by_name[match[1]].json_name
        return quote(left.pop(name), safe="")

    target = _VARIABLE.sub(variable, getattr(rule, verb))
    if rule.body == "*":
        return verb.upper(), target, _encoded(left).encode()
    if rule.body:
        document = left.pop(method.input_type.fields_by_name[rule.body].json_name)
        body: bytes | None = _encoded(document).encode()
    else:
        body = None
    query = urlencode({name: _in_query(value) for name, value in left.items()}, doseq=True)
    return verb.upper(), f"{target}?{query}" if query else target, body


def _in_query(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, bool) else value


def _rule(method: MethodDescriptor) -> Any:
    options: Any = method.GetOptions()
    return options.Extensions[annotations_pb2.http]


def _encoded(value: Any) -> str:
    """JSON, with documents word for word."""
    if isinstance(value, Document):
        return value
    if isinstance(value, dict):
        members = (f"{json.dumps(key)}: {_encoded(item)}" for key, item in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_encoded, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
