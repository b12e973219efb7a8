"""HTTP routes out of the contract: every `google.api.http` rule becomes one route.

A rule says which parts of a request the path holds, which field the body is, and which field of
the answer is shown; this module follows it and decides nothing. Beside a body, query parameters
may fill the plain fields that the body does not hold (DialogueDB's clients send `?namespace=` with
every method). Three things go beyond the annotations, each at the place that says so in the
contract: the idempotency key is a header, an `update_mask` is made of the keys that the body
holds, and one bare message may stand for a list of one.

The chat service's rules are listed here, but answered in `openai.py`: whether an answer is a
stream is said by its body, which no rule can express.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import grpc.aio
import msgspec
from google.api import annotations_pb2, http_pb2
from google.protobuf import message as protobuf
from google.protobuf.descriptor import (
    Descriptor,
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)
from starlette.requests import Request
from starlette.responses import Response

from eunoe.v1 import admin_pb2, chat_pb2, dialogue_pb2, memory_pb2, search_pb2
from eunoe_server.errors import ConflictingParameters, EunoeError, InvalidParameter
from eunoe_server.transport.http import codec
from eunoe_server.transport.http.calls import (
    answered,
    metadata_of,
    read_apart,
    read_body,
    until_client_leaves,
)
from eunoe_server.transport.http.codec import Unsupported
from eunoe_server.transport.http.errors import Failure, Refused, failure_of
from eunoe_server.transport.http.queries import path_values, query_of
from eunoe_server.transport.http.routing import Endpoint, Route, Wiring

_FILES: tuple[FileDescriptor, ...] = (
    memory_pb2.DESCRIPTOR,
    dialogue_pb2.DESCRIPTOR,
    search_pb2.DESCRIPTOR,
    chat_pb2.DESCRIPTOR,
    admin_pb2.DESCRIPTOR,
)

_JSON = {"content-type": "application/json"}
_VERBS = ("get", "put", "post", "delete", "patch")
#: As many as the server takes (a test compares them); refused here, by the header's name.
MAX_KEY_CHARACTERS = 255
_VARIABLE = re.compile(r"\{([a-z_]+)(=\*\*)?\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One `google.api.http` rule, checked."""

    rpc: MethodDescriptor
    verb: str
    path: str
    #: Empty: there is no body; `*`: the body is the request; else the field that it is.
    body: str
    #: Empty: the whole answer is shown; else the field that is.
    response_body: str

    @property
    def name(self) -> str:
        """`MemoryService.CreateMemory`."""
        return f"{self.rpc.containing_service.name}.{self.rpc.name}"


def services() -> Iterator[ServiceDescriptor]:
    """Every service of the contract."""
    for file in _FILES:
        yield from file.services_by_name.values()


def rules() -> Iterator[Rule]:
    """Every rule of every service. Raises Unsupported, at start-up rather than in a call."""
    for service in services():
        for method in service.methods:
            rule = codec.option(method, annotations_pb2.http)
            # Nested bindings inherit nothing, so each is complete.
            for binding in (rule, *rule.additional_bindings):
                if binding.WhichOneof("pattern"):
                    yield _checked(method, binding)


def _checked(method: MethodDescriptor, binding: http_pb2.HttpRule) -> Rule:
    verb = binding.WhichOneof("pattern")
    if verb not in _VERBS:
        raise Unsupported(f"{method.full_name}: custom verbs have no route")
    template: str = getattr(binding, verb)
    path = _VARIABLE.sub(lambda match: f"{{{match[1]}{':path' if match[2] else ''}}}", template)
    variables = tuple(match[1] for match in _VARIABLE.finditer(template))
    if path.count("{") != len(variables) or "*" in path:
        raise Unsupported(f"{method.full_name}: {template} is not a plain template")
    if method.client_streaming or method.server_streaming:
        raise Unsupported(f"{method.full_name}: a stream has no route of its own")
    fields = method.input_type.fields_by_name
    for variable in variables:
        if variable not in fields or fields[variable].type != FieldDescriptor.TYPE_STRING:
            raise Unsupported(f"{method.full_name}: {{{variable}}} must be a text of the request")
    _check_bodies(method, binding)
    return Rule(method, verb, path, binding.body, binding.response_body)


def _check_bodies(method: MethodDescriptor, binding: http_pb2.HttpRule) -> None:
    if binding.body == "*":
        codec.check_request(method.input_type)
    elif binding.body and not codec.is_document(method.input_type.fields_by_name[binding.body]):
        raise Unsupported(f"{method.full_name}: a body that is one field must be a document")
    if not binding.response_body:
        codec.check_answer(method.output_type)
        return
    shown = method.output_type.fields_by_name[binding.response_body]
    if shown.message_type is not None and not shown.is_repeated:
        codec.check_answer(shown.message_type)
    elif not codec.is_document(shown):
        raise Unsupported(f"{method.full_name}: {shown.name} cannot be an answer")


#: Where one bare message may stand for a list of one (contract, CreateMessages), and the field of
#: the answer that it then is answered with.
BARE = {"eunoe.v1.DialogueService.CreateMessages": ("messages", "messages")}


class Transcoder:
    """Answers the requests of one rule."""

    def __init__(self, rule: Rule, wiring: Wiring) -> None:
        self._rule = rule
        self._max_body_bytes = wiring.max_body_bytes
        self._request_class = codec.message_class(rule.rpc.input_type)
        self._bare = BARE.get(rule.rpc.full_name)
        self._fields = rule.rpc.input_type.fields_by_name
        self._mask = _mask_field(rule.rpc.input_type)
        self._call = wiring.channel.unary_unary(
            f"/{rule.rpc.containing_service.full_name}/{rule.rpc.name}",
            request_serializer=self._request_class.SerializeToString,
            response_deserializer=codec.message_class(rule.rpc.output_type).FromString,
        )

    async def __call__(self, request: Request) -> Response:
        """Read, call, answer. Raises EunoeError, grpc.aio.AioRpcError, ClientLeft."""
        metadata = metadata_of(request)
        body = await read_body(request, self._max_body_bytes) if self._rule.body else b""
        is_bare = False
        if self._bare:
            body, is_bare = self._wrapped(body, self._bare[0])
        try:
            message = await read_apart(len(body), partial(self._read, request, body))
            call = self._call(message, metadata=metadata)
            answer, told = await until_client_leaves(request.receive, call, answered(call))
        except (EunoeError, grpc.aio.AioRpcError) as error:
            if is_bare and self._bare:
                raise Refused(_unwrapped(failure_of(error), f"{self._bare[0]}[0].")) from error
            raise
        return Response(self._print(answer, is_bare=is_bare), headers=told | _JSON)

    def _read(self, request: Request, body: bytes) -> protobuf.Message:
        message = self._request_class()
        keys: frozenset[str] = frozenset()
        if self._rule.body == "*":
            keys = codec.read_object(body, message)
        elif self._rule.body:
            codec.read_document(body, message, self._fields[self._rule.body])
        named = self._read_path(request, message, keys)
        codec.read_query(query_of(request), message, taken=keys | named)
        self._read_key(request, message)
        if self._mask is not None:
            self._write_mask(message, keys - named)
        return message

    def _read_path(
        self, request: Request, message: protobuf.Message, keys: frozenset[str]
    ) -> frozenset[str]:
        """The path's variables; gives their JSON names."""
        named = set()
        for variable, value in path_values(request).items():
            name = self._fields[variable].json_name
            if name in keys and getattr(message, variable) != value:
                raise ConflictingParameters.of(name, "The path and the body differ.")
            setattr(message, variable, value)
            named.add(name)
        return frozenset(named)

    def _read_key(self, request: Request, message: protobuf.Message) -> None:
        key = idempotency_key(request)
        if key and "request_id" in self._fields:
            message.request_id = key  # type: ignore[attr-defined]

    def _write_mask(self, message: protobuf.Message, keys: frozenset[str]) -> None:
        """What the body holds beside what says where: an update's mask (contract)."""
        paths = [
            field.name
            for field in codec.fields_of(self._rule.rpc.input_type)
            if field.json_name in keys and field.name != "namespace"
        ]
        getattr(message, self._mask or "").paths.extend(paths)

    def _wrapped(self, body: bytes, list_name: str) -> tuple[bytes, bool]:
        """A body that is one bare item, put into the list that the contract has."""
        parts = codec.split_object(body)
        item_type = self._fields[list_name].message_type
        item_keys = {field.json_name for field in codec.fields_of(item_type)}
        if list_name in parts or not item_keys & parts.keys():
            return body, False
        rest = {
            key: value
            for key, value in parts.items()
            if key not in item_keys and key in {field.json_name for field in self._fields.values()}
        }
        item = {key: value for key, value in parts.items() if key not in rest}
        return msgspec.json.encode({**rest, list_name: [item]}), True

    def _print(self, answer: protobuf.Message, *, is_bare: bool) -> bytes:
        if is_bare and self._bare:
            return codec.print_message(getattr(answer, self._bare[1])[0])
        if not self._rule.response_body:
            return codec.print_message(answer)
        shown = getattr(answer, self._rule.response_body)
        if isinstance(shown, protobuf.Message):
            return codec.print_message(shown)
        return codec.print_document(shown)


def _unwrapped(failure: Failure, prefix: str) -> Failure:
    """The failure of a list of one, in the words of the bare item that was sent."""
    return replace(
        failure,
        message=failure.message.replace(prefix, ""),
        fields=tuple(
            replace(violation, field=violation.field.removeprefix(prefix))
            for violation in failure.fields
        ),
    )


def _mask_field(descriptor: Descriptor) -> str | None:
    for field in codec.fields_of(descriptor):
        kind = field.message_type
        if kind is not None and kind.full_name == "google.protobuf.FieldMask":
            return field.name
    return None


def idempotency_key(request: Request) -> str:
    """The header `Idempotency-Key`, or nothing. Raises InvalidParameter when it cannot be one."""
    key = request.headers.get("idempotency-key", "").strip()
    if len(key) > MAX_KEY_CHARACTERS or not (key.isascii() and key.isprintable()):
        raise InvalidParameter.of(
            "Idempotency-Key", f"At most {MAX_KEY_CHARACTERS} printable ASCII characters."
        )
    return key


def routes() -> list[Route]:
    """The routes of every rule but the chat service's. Raises Unsupported."""
    return [
        Route(rule.verb.upper(), rule.path, rule.name, partial(_transcoder, rule))
        for rule in rules()
        if rule.rpc.containing_service.name != "ChatService"
    ]


def _transcoder(rule: Rule, wiring: Wiring) -> Endpoint:
    return Transcoder(rule, wiring)
