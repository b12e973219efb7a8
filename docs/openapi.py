"""The OpenAPI document of the HTTP surface, and the same as a page that needs no script.

Most of it is read off the contract, by the same rules as the shim reads it: one operation for each
`google.api.http` rule, names and comments of the protos, shapes as `transport/http/codec.py` takes
and gives them. OpenAI's own bodies pass through us unread, so of those only what we look at is
described. Written by hand is what the contract does not say: seed 004's envelope, the errors of
the three dialects, and headers.

`docs/generate.py` writes both; a test holds them against the contract and against a server.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from docs.comments import Place, leading_comments
from eunoe.v1 import options_pb2
from eunoe_server.domain.caller import Scope
from eunoe_server.domain.chat import MemoryMode
from eunoe_server.domain.commit import MAX_COMMIT_AFTER_SECONDS
from eunoe_server.domain.fact import FactType
from eunoe_server.domain.idempotency import MAX_KEY_CHARACTERS
from eunoe_server.domain.limit_table import (
    MAX_ID_CHARACTERS,
    MAX_LABEL_CHARACTERS,
    MAX_NAMESPACE_BYTES,
    MAX_TAG_CHARACTERS,
)
from eunoe_server.domain.search_request import Found, Mode, OrderBy
from eunoe_server.transport.http import codec, memories_v1
from eunoe_server.transport.http.dialects import Dialect, dialect_of
from eunoe_server.transport.http.openai import routes as openai_routes
from eunoe_server.transport.http.transcode import BARE, Rule, rules

Json = dict[str, Any]
Comments = Mapping[str, str]

_VERSION = "1"
_TIME = {"type": "string", "format": "date-time"}
_SCALARS: dict[int, Json] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    FieldDescriptor.TYPE_INT64: {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number"},
}
_NO_CONTROL = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"
_ID: Json = {"minLength": 1, "maxLength": MAX_ID_CHARACTERS, "pattern": _NO_CONTROL}
_COMMIT_AFTER: Json = {"minimum": 0, "maximum": MAX_COMMIT_AFTER_SECONDS}
#: What the server asks of a field beside its type, wherever a request has one of this name.
_NARROWED: dict[str, Json] = {
    # In bytes it may be longer where they are few a character; that is no JSON schema.
    "namespace": {"maxLength": MAX_NAMESPACE_BYTES // 4, "pattern": _NO_CONTROL},
    "id": _ID,
    "dialogueId": _ID,
    "threadOf": _ID,
    "label": {"maxLength": MAX_LABEL_CHARACTERS, "pattern": "^[^\\x00]*$"},
    "tags": {"minLength": 1, "maxLength": MAX_TAG_CHARACTERS, "pattern": "^[^\\x00]*$"},
    "metadata": {"type": "object"},
    "state": {"type": "object"},
    "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
    "scopes": {"enum": list(Scope)},
    "order": {"enum": ["asc", "desc"]},
    "orderBy": {"enum": list(OrderBy)},
    "mode": {"enum": list(Mode)},
    "object": {"enum": list(Found)},
    "memoryType": {"enum": list(FactType)},
    "minConfidence": {"minimum": 0, "maximum": 1},
    "minRelevance": {"minimum": 0, "maximum": 1},
    "limit": {"minimum": 0},
    "messageLimit": {"minimum": 0},
    "commitAfter": _COMMIT_AFTER,
}
_JSON_TYPE = "application/json"
_STREAM_TYPE = "text/event-stream"

_KEY_HEADER: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes it safe to send the request again, for 24 hours.",
    "schema": {"type": "string", "maxLength": MAX_KEY_CHARACTERS, "pattern": "^[!-~]*$"},
}
_CHAT_PARAMETERS: tuple[tuple[str, str, Json], ...] = (
    ("namespace", "Whose memory this is.", {"type": "string"}),
    ("chat_id", "Which conversation this is, whatever its history looks like.", {"type": "string"}),
    (
        "commit_after",
        "Seconds of silence after which the conversation is remembered elsewhere.",
        {"type": "integer"} | _COMMIT_AFTER,
    ),
    (
        "memory",
        "What memory does: all of it, only recalling, only storing, nothing.",
        {"type": "string", "enum": list(MemoryMode)},
    ),
)
_ERRORS: dict[Dialect, Json] = {
    Dialect.OPENAI: {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "param", "code"],
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "param": {"type": ["string", "null"]},
                    "code": {"type": ["string", "null"]},
                },
            }
        },
    },
    Dialect.NATIVE: {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "type", "requestId", "timestamp"],
                "properties": {
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "details": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["field", "message"],
                            "properties": {
                                "field": {"type": "string"},
                                "message": {"type": "string"},
                            },
                        },
                    },
                    "requestId": {"type": "string"},
                    "timestamp": _TIME,
                },
            }
        },
    },
    Dialect.MEMORIES: {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string"}, "details": {"type": "object"}},
    },
}
_ERROR_NAMES = {
    Dialect.OPENAI: "OpenAIError",
    Dialect.NATIVE: "Error",
    Dialect.MEMORIES: "MemoriesError",
}


def document(files: list[descriptor_pb2.FileDescriptorProto]) -> str:
    """The document, as it is served at `/openapi.json`."""
    return json.dumps(_document(_comments_by_name(files)), indent=1, ensure_ascii=False) + "\n"


def page(text: str) -> str:
    """The document as one HTML page, as it is served at `/docs`."""
    written = json.loads(text)
    parts = [_HEAD, f"<p>{_prose(written['info']['description'])}</p>"]
    for path, operations in written["paths"].items():
        for verb, operation in operations.items():
            parts.append(_operation_html(verb, path, operation))
    parts.append("<h2>Shapes</h2>")
    for name, schema in written["components"]["schemas"].items():
        parts.append(f'<h3 id="{name}">{name}</h3>{_schema_html(schema)}')
    return "\n".join([*parts, "</main></body></html>"]) + "\n"


def _document(comments: Comments) -> Json:
    schemas: dict[str, Json] = {}
    writer = _Shapes(comments, schemas)
    paths: dict[str, Json] = {}
    for verb, path, operation in [
        *_contract_operations(writer, comments),
        *_chat_operations(comments),
        *_memories_operations(),
        ("get", "/healthz", _HEALTH),
    ]:
        paths.setdefault(path, {})[verb] = operation
    schemas |= {name: _ERRORS[dialect] for dialect, name in _ERROR_NAMES.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Eunoe",
            "version": _VERSION,
            "description": (
                "A memory server for applications built on language models. Three dialects, told "
                "apart by the path: OpenAI's below /v1 and /api/publicLLM, facts below /api/v1, "
                "and memories, dialogues and search. Every answer carries `x-request-id`."
            ),
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }


# What the contract says


def _contract_operations(writer: _Shapes, comments: Comments) -> Iterator[tuple[str, str, Json]]:
    seen: set[str] = set()
    for rule in rules():
        if rule.rpc.containing_service.name == "ChatService":
            continue
        path = rule.path.replace(":path}", "}")
        # One RPC may have two routes, and an operation's id is its own.
        name = rule.name if rule.name not in seen else f"{rule.name}.{len(seen)}"
        seen.add(rule.name)
        in_path = set(re.findall(r"\{(\w+)\}", path))
        operation = _described(name, comments.get(rule.rpc.full_name, ""), rule.name.split(".")[0])
        operation["parameters"] = [
            {"name": each, "in": "path", "required": True, "schema": {"type": "string"} | _ID}
            for each in sorted(in_path)
        ] + list(_query_parameters(rule, in_path, writer))
        if "request_id" in rule.rpc.input_type.fields_by_name:
            operation["parameters"].append(_KEY_HEADER)
        if rule.body:
            operation["requestBody"] = {
                "required": True,
                "content": {_JSON_TYPE: {"schema": _body(rule, in_path, writer)}},
            }
        operation["responses"] = _responses(_answer(rule, writer), path)
        yield rule.verb, path, operation


def _query_parameters(rule: Rule, in_path: set[str], writer: _Shapes) -> Iterator[Json]:
    for field in codec.fields_of(rule.rpc.input_type):
        is_plain = field.type in _SCALARS or writer.is_time(field)
        if field.name in in_path or field.name == "request_id" or not is_plain:
            continue
        if codec.is_document(field) or (rule.body == "*" and field.name != "namespace"):
            continue
        yield {
            "name": field.json_name,
            "in": "query",
            "required": writer.is_required(field) and rule.body != "*",
            "description": writer.said(field),
            "schema": writer.value(field, is_request=True),
        }


def _body(rule: Rule, in_path: set[str], writer: _Shapes) -> Json:
    if rule.body != "*":
        return writer.value(rule.rpc.input_type.fields_by_name[rule.body], is_request=True)
    whole = writer.request(rule.rpc.input_type, leave_out=in_path)
    if rule.rpc.full_name not in BARE:
        return whole
    items = rule.rpc.input_type.fields_by_name[BARE[rule.rpc.full_name][0]]
    return {"anyOf": [whole, writer.request(items.message_type)]}


def _answer(rule: Rule, writer: _Shapes) -> Json:
    shown = rule.rpc.output_type
    if rule.response_body:
        field = shown.fields_by_name[rule.response_body]
        if field.message_type is None:
            return {}
        shown = field.message_type
    answer = writer.answer(shown)
    if rule.rpc.full_name in BARE:
        item = shown.fields_by_name[BARE[rule.rpc.full_name][1]].message_type
        return {"anyOf": [answer, writer.answer(item)]}
    return answer


class _Shapes:
    """Message types as JSON schemas, as the codec reads and prints them."""

    def __init__(self, comments: Comments, schemas: dict[str, Json]) -> None:
        self._comments = comments
        self._schemas = schemas

    def request(self, descriptor: Descriptor | None, leave_out: set[str] | None = None) -> Json:
        """What is taken: nothing unknown, `null` for what is not given."""
        assert descriptor is not None  # noqa: S101 - the field holds a message
        name = descriptor.name
        if not name.endswith("Request"):
            name += "Input"  # other than the same type in an answer
        if name not in self._schemas:
            self._schemas[name] = {}  # a type may hold itself
            properties = {}
            required = []
            for field in codec.fields_of(descriptor):
                if field.name == "request_id" or self._is_mask(field):
                    continue
                shape = self.value(field, is_request=True)
                is_needed = self.is_required(field) and field.name not in (leave_out or ())
                if is_needed:
                    required.append(field.json_name)
                elif "type" in shape:
                    shape["type"] = [shape["type"], "null"]
                properties[field.json_name] = {**shape, "description": self.said(field)}
            self._schemas[name] = self._object(descriptor, properties, required) | {
                "additionalProperties": False
            }
        return _reference(name)

    def answer(self, descriptor: Descriptor | None) -> Json:
        """What is given: what has no presence is always there."""
        assert descriptor is not None  # noqa: S101 - the field holds a message
        name = descriptor.name
        if name not in self._schemas:
            self._schemas[name] = {}
            properties: dict[str, Json] = {}
            required = []
            for field in codec.fields_of(descriptor):
                choice = field.containing_oneof
                shape = self.value(field, is_request=False)
                if choice is not None and codec.option(choice, options_pb2.untagged):
                    one_of = properties.setdefault(choice.name, {"anyOf": []})
                    one_of["anyOf"].append(shape)
                    continue
                is_inner_list = field.is_repeated and field.message_type is not None
                is_document = codec.is_document(field)
                if not field.has_presence and not is_inner_list and not is_document:
                    required.append(field.json_name)
                properties[field.json_name] = {**shape, "description": self.said(field)}
            self._schemas[name] = self._object(descriptor, properties, required)
        return _reference(name)

    def value(self, field: FieldDescriptor, *, is_request: bool) -> Json:
        """One field's value."""
        one = self._one(field, is_request=is_request)
        if is_request and field.message_type is None:
            one |= _NARROWED.get(field.json_name, {})
        return {"type": "array", "items": one} if field.is_repeated else one

    def _one(self, field: FieldDescriptor, *, is_request: bool) -> Json:
        if codec.is_document(field):
            return {}
        if self.is_time(field):
            return dict(_TIME)
        if field.message_type is not None:
            return (self.request if is_request else self.answer)(field.message_type)
        if field.type == FieldDescriptor.TYPE_INT64 and not is_request:
            return {"type": "string", "pattern": "^-?[0-9]+$"}
        return dict(_SCALARS[field.type])

    def said(self, field: FieldDescriptor) -> str:
        """The field's comment."""
        return self._comments.get(field.full_name, "")

    def _object(self, descriptor: Descriptor, properties: Json, required: list[str]) -> Json:
        shape: Json = {
            "type": "object",
            "description": self._comments.get(descriptor.full_name, ""),
            "properties": properties,
        }
        return shape | ({"required": required} if required else {})

    @staticmethod
    def is_required(field: FieldDescriptor) -> bool:
        """Whether a request must hold it."""
        return field_behavior_pb2.REQUIRED in codec.option(field, field_behavior_pb2.field_behavior)

    @staticmethod
    def is_time(field: FieldDescriptor) -> bool:
        """Whether it is a time."""
        kind = field.message_type
        return kind is not None and kind.full_name == "google.protobuf.Timestamp"

    @staticmethod
    def _is_mask(field: FieldDescriptor) -> bool:
        kind = field.message_type
        return kind is not None and kind.full_name == "google.protobuf.FieldMask"


# What it does not say


def _chat_operations(comments: Comments) -> Iterator[tuple[str, str, Json]]:
    """OpenAI's surface: its bodies are the upstream's affair, so only a little is said of them."""
    for number, route in enumerate(openai_routes()):
        if not route.rpc:
            continue
        path = route.path.replace(":path}", "}")
        service, rpc = route.rpc.split(".")
        operation = _described(
            f"{route.rpc}.{number}", comments.get(f"eunoe.v1.{service}.{rpc}", ""), service
        )
        parameters: list[Json] = [
            {"name": each, "in": "path", "required": True, "schema": {"type": "string"}}
            for each in re.findall(r"\{(\w+)\}", path)
        ]
        is_told = rpc in _CHAT_BODIES and rpc != "CreateEmbeddings"
        for name, said, schema in _CHAT_PARAMETERS if is_told else _CHAT_PARAMETERS[:1]:
            if f"{{{name}}}" not in path:
                parameters.append(
                    {"name": name, "in": "query", "description": said, "schema": schema}
                )
        operation["parameters"] = parameters + ([_KEY_HEADER] if is_told else [])
        if rpc in _CHAT_BODIES:
            operation["requestBody"] = {
                "required": True,
                "content": {_JSON_TYPE: {"schema": _CHAT_BODIES[rpc]}},
            }
        operation["responses"] = _responses({"type": "object"}, path)
        if is_told:
            operation["responses"]["200"]["content"][_STREAM_TYPE] = {}
        yield route.method.lower(), path, operation


_CHAT_BODIES: dict[str, Json] = {
    "CompleteChat": {
        "type": "object",
        "required": ["model", "messages"],
        "properties": {
            "model": {"type": "string", "minLength": 1},
            "messages": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["role", "content"],
                    "properties": {
                        "role": {"enum": ["system", "developer", "user", "assistant"]},
                        "content": {"type": "string"},
                        "name": {"type": "string"},
                    },
                },
            },
            "stream": {"type": "boolean"},
        },
    },
    "CreateResponse": {
        "type": "object",
        "required": ["model", "input"],
        "properties": {
            "model": {"type": "string", "minLength": 1},
            "input": {"type": "string"},
            "stream": {"type": "boolean"},
        },
    },
    "CreateEmbeddings": {
        "type": "object",
        "required": ["model", "input"],
        "properties": {
            "model": {"type": "string", "minLength": 1},
            "input": {"type": "string", "minLength": 1},
        },
    },
}


def _memories_operations() -> Iterator[tuple[str, str, Json]]:
    """Seed 004's envelope."""
    user: Json = {
        "name": "user_id",
        "in": "query",
        "description": "Whose facts: a namespace, `self` for the owner's, `all` for everybody's.",
        "schema": {"type": "string"},
    }
    filters: list[tuple[str, Json]] = [
        ("limit", {"type": "integer", "minimum": 1, "maximum": memories_v1.MAX_LIMIT}),
        ("cursor", {"type": "string"}),
        ("order", {"type": "string", "enum": ["asc", "desc"]}),
        ("memory_type", {"type": "string", "enum": list(FactType)}),
        ("min_confidence", {"type": "number", "minimum": 0, "maximum": 1}),
    ]
    listing = _described("Memories.list", "Lists facts, page by page.", "MemoryService")
    listing["parameters"] = [user] + [
        {"name": name, "in": "query", "schema": schema} for name, schema in filters
    ]
    listing["responses"] = _responses(_MEMORIES_PAGE, memories_v1.PATH)
    extraction = _described("Memories.extract", "Learns facts from messages.", "MemoryService")
    extraction["parameters"] = [_KEY_HEADER]
    extraction["requestBody"] = {
        "required": True,
        "content": {_JSON_TYPE: {"schema": _MEMORIES_BODY}},
    }
    extraction["responses"] = _responses(_MEMORIES_MADE, memories_v1.PATH)
    yield "get", memories_v1.PATH, listing
    yield "post", memories_v1.PATH, extraction


_MEMORIES_BODY: Json = {
    "type": "object",
    "required": ["messages"],
    "properties": {
        "messages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["role", "content"],
                "properties": {
                    "role": {"enum": ["system", "user", "assistant"]},
                    "content": {"type": "string", "minLength": 1},
                },
            },
        },
        "user_id": {"type": "string"},
        "metadata": {"type": "object"},
    },
    "additionalProperties": False,
}
_MEMORIES_MADE: Json = {
    "type": "object",
    "required": ["success", "memories_created", "memory_ids", "owner_id", "user_id"],
    "properties": {
        "success": {"const": True},
        "memories_created": {"type": "integer"},
        "memory_ids": {"type": "array", "items": {"type": "string"}},
        "owner_id": {"type": "string"},
        "user_id": {"type": ["string", "null"]},
    },
}
_MEMORIES_PAGE: Json = {
    "type": "object",
    "required": ["success", "count", "next_cursor", "results"],
    "properties": {
        "success": {"const": True},
        "count": {"type": "integer"},
        "next_cursor": {"type": ["string", "null"]},
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "content", "memory_type", "confidence", "created_at"],
                "properties": {
                    "id": {"type": "string"},
                    "owner_clerk_id": {"type": "string"},
                    "end_user_id": {"type": ["string", "null"]},
                    "content": {},
                    "memory_type": {"enum": list(FactType)},
                    "confidence": {"type": "number", "minimum": 0, "maximum": 1},
                    "metadata": {"type": "object"},
                    "source_type": {"type": "string"},
                    "created_at": _TIME,
                    "updated_at": _TIME,
                },
            },
        },
    },
}
_HEALTH: Json = {
    "operationId": "Health.Check",
    "summary": "Whether the server can do its work.",
    "tags": ["Health"],
    "security": [],
    "responses": {
        status: {
            "description": said,
            "content": {
                _JSON_TYPE: {
                    "schema": {
                        "type": "object",
                        "required": ["status"],
                        "properties": {"status": {"type": "string"}},
                    }
                }
            },
        }
        for status, said in (("200", "It serves."), ("503", "It does not, yet or any more."))
    },
}


def _described(name: str, comment: str, tag: str) -> Json:
    summary = re.split(r"(?<=\.)\s", comment.strip(), maxsplit=1)[0]
    described: Json = {"operationId": name, "tags": [tag]}
    return described | ({"summary": summary, "description": comment} if comment else {})


def _responses(schema: Json, path: str) -> Json:
    error = _reference(_ERROR_NAMES[dialect_of(path)])
    return {
        "200": {"description": "Done.", "content": {_JSON_TYPE: {"schema": schema}}},
        "default": {
            "description": "Refused or failed: docs/reference/errors.md lists the reasons.",
            "content": {_JSON_TYPE: {"schema": error}},
        },
    }


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _comments_by_name(files: list[descriptor_pb2.FileDescriptorProto]) -> dict[str, str]:
    """Leading comments, each in one line, by the full name of what they stand above."""
    found = {}
    for file in files:
        names: dict[Place, str] = {}
        for at, message in enumerate(file.message_type):
            names[4, at] = f"{file.package}.{message.name}"
            for index, field in enumerate(message.field):
                names[4, at, 2, index] = f"{file.package}.{message.name}.{field.name}"
        for at, service in enumerate(file.service):
            for index, method in enumerate(service.method):
                names[6, at, 2, index] = f"{file.package}.{service.name}.{method.name}"
        for place, comment in leading_comments(file).items():
            if name := names.get(place):
                found[name] = re.sub(r"\s+", " ", comment)
    return found


# The page

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Eunoe: the HTTP API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; color: #1c1e21; background: #fff }
main { max-width: 60rem; margin: 0 auto; padding: 1rem }
code, .path { font-family: ui-monospace, monospace; font-size: .9em }
table { border-collapse: collapse; width: 100% } td { border-top: 1px solid #ddd; padding: .3rem }
td { vertical-align: top } td:first-child { white-space: nowrap }
details { border-top: 1px solid #ddd; padding: .4rem 0 } summary { cursor: pointer }
.verb { display: inline-block; width: 4.5rem; font-weight: 600 }
@media (prefers-color-scheme: dark) { body { color: #e4e6eb; background: #18191a }
 td, details { border-color: #444 } a { color: #8ab4f8 } }
</style></head><body><main><h1>Eunoe: the HTTP API</h1>
<p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>"""


def _operation_html(verb: str, path: str, operation: Json) -> str:
    rows = [
        _row(each["name"], f"{each['in']}, {_kind(each['schema'])}", each.get("description", ""))
        for each in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {}).get(_JSON_TYPE, {}).get("schema")
    answers = [
        f"{status}: {', '.join(map(_answer_kind, answer['content'].items()))}"
        for status, answer in operation["responses"].items()
    ]
    return (
        f'<details><summary><span class="verb">{verb.upper()}</span>'
        f'<span class="path">{html.escape(path)}</span> {_prose(operation.get("summary", ""))}'
        f"</summary><p>{_prose(operation.get('description', ''))}</p>"
        + (f"<table>{''.join(rows)}</table>" if rows else "")
        + (f"<p>Body: {_kind(body)}</p>{_schema_html(body)}" if body else "")
        + f"<p>Answers: {'; '.join(answers)}</p></details>"
    )


def _schema_html(schema: Json) -> str:
    required = schema.get("required", [])
    rows = [
        _row(name, _kind(shape), shape.get("description", ""), is_required=name in required)
        for name, shape in schema.get("properties", {}).items()
    ]
    said = _prose(schema.get("description", ""))
    return (f"<p>{said}</p>" if said else "") + (f"<table>{''.join(rows)}</table>" if rows else "")


def _row(name: str, kind: str, said: str, *, is_required: bool = False) -> str:
    mark = " *" if is_required else ""
    return (
        f"<tr><td><code>{html.escape(name)}</code>{mark}</td><td>{kind}</td>"
        f"<td>{_prose(said)}</td></tr>"
    )


def _kind(schema: Json) -> str:
    """A schema in a few words, with a link where it has a name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if "enum" in schema:
        return " or ".join(f"<code>{html.escape(str(each))}</code>" for each in schema["enum"])
    kind = schema.get("type", "any JSON")
    words = kind if isinstance(kind, str) else kind[0]
    return "time" if schema.get("format") == "date-time" else html.escape(str(words))


def _answer_kind(content: tuple[str, Json]) -> str:
    media_type, said = content
    return _kind(said["schema"]) if "schema" in said else media_type


def _prose(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))
