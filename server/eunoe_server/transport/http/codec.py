"""Messages of the contract as JSON, and JSON as messages, driven by their descriptors.

Protobuf's own JSON mapping cannot do it: it has no way to show a JSON document inline that travels
as a string, and Struct would turn integers into floats and lose key order. So there is one plan a
message type, made once: msgspec does the parsing and the type checks, and a document marked with
the `json` option passes as the slice of bytes it is, in both directions.

In answers, what has presence and is not set is left out; what has none is always there, so that
`tags` is `[]`. Of repeated messages only those of the answer itself are always there, not those
of things inside a list. An empty document is left out.

What no plan can say (enums, maps, bytes that are no JSON) is refused when the plan is made, which
is at start-up, never during a request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
from google.api import field_behavior_pb2
from google.protobuf import message as protobuf
from google.protobuf import message_factory, timestamp_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from eunoe.v1 import options_pb2
from eunoe_server.errors import (
    ConflictingParameters,
    FieldViolation,
    InvalidInput,
    InvalidParameter,
    InvalidRequest,
    MissingParameter,
)
from eunoe_server.transport.http.queries import Query

_TIMESTAMP = "google.protobuf.Timestamp"
_FIELD_MASK = "google.protobuf.FieldMask"
#: The idempotency key is a header over HTTP, so it is no key of a body.
_REQUEST_ID = "request_id"

_INT32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
_INT64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

_SCALARS: dict[int, Any] = {
    FieldDescriptor.TYPE_STRING: str,
    FieldDescriptor.TYPE_BOOL: bool,
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_DOUBLE: float,
}

#: So much of a name that a client made up is repeated to it.
_MAX_REPEATED_CHARACTERS = 200

T = TypeVar("T")

_ABSENT = msgspec.Raw(b"")


class Unsupported(Exception):
    """The contract holds something that the shim cannot show as JSON."""


def option(descriptor: Any, extension: Any) -> Any:
    """An option of ours or of google.api on a field, a oneof or a method."""
    return descriptor.GetOptions().Extensions[extension]


def fields_of(descriptor: Any) -> list[FieldDescriptor]:
    """The fields of a message type, in the contract's order."""
    return list(descriptor.fields)


def is_document(field: FieldDescriptor) -> bool:
    """Whether the field holds one JSON document (the `json` option of the contract)."""
    return bool(option(field, options_pb2.json))


def _message_name(field: FieldDescriptor) -> str:
    return field.message_type.full_name if field.message_type is not None else ""


def _is_required(field: FieldDescriptor) -> bool:
    return field_behavior_pb2.REQUIRED in option(field, field_behavior_pb2.field_behavior)


def message_class(descriptor: Descriptor) -> type[protobuf.Message]:
    """The class of a message type."""
    return message_factory.GetMessageClass(descriptor)


# From JSON


@cache
def _shape(descriptor: Descriptor) -> type[msgspec.Struct]:
    """The struct that msgspec parses a message's JSON into. Raises Unsupported."""
    fields: list[tuple[str, Any, Any]] = []
    names = {}
    for field in fields_of(descriptor):
        if field.name == _REQUEST_ID or _message_name(field) == _FIELD_MASK:
            continue
        names[field.name] = field.json_name
        kind = _kind(field)
        if kind is msgspec.Raw:
            fields.append((field.name, kind, _ABSENT))
        elif field.is_repeated and _is_required(field):
            # A list has no presence on the wire; that its key is there, only JSON can tell.
            fields.append((field.name, list[kind], msgspec.NODEFAULT))  # type: ignore[valid-type]
        elif field.is_repeated:
            fields.append((field.name, list[kind] | None, None))  # type: ignore[valid-type]
        else:
            fields.append((field.name, kind | None, None))
    return msgspec.defstruct(
        descriptor.name, fields, rename=names, kw_only=True, forbid_unknown_fields=True
    )


def _kind(field: FieldDescriptor) -> Any:
    if is_document(field) and not field.is_repeated:
        return msgspec.Raw
    if _message_name(field) == _TIMESTAMP:
        return str
    if field.message_type is not None and not field.message_type.GetOptions().map_entry:
        return _shape(field.message_type)
    if field.type in _SCALARS:
        return _SCALARS[field.type]
    raise Unsupported(f"{field.full_name}: this type of field has no JSON form here")


def check_json(body: bytes) -> None:
    """Raises InvalidInput unless the body is one JSON document that all readers read alike.

    Refused are what JSON does not have (NaN, a byte order mark, text after the end) and a key that
    one object has twice, of which parsers keep different ones.
    """
    try:
        json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_refuse_constant,
            parse_int=len,  # the value is not needed, and a long one takes long
            parse_float=len,
        )
    except UnicodeDecodeError:
        raise InvalidInput("The body is not valid UTF-8.") from None
    except RecursionError:
        raise InvalidInput("The body is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise InvalidInput(f"The body is not valid JSON: {error}.") from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidInput.of(_printable(twice), "The same key is there twice.")


def _printable(key: str) -> str:
    """A client's own key as an answer can repeat it: short, and without lone surrogates."""
    return key[:_MAX_REPEATED_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidInput(f"The body is not valid JSON: it has no {name}.")


def read_object(body: bytes, message: protobuf.Message) -> frozenset[str]:
    """Fills a message from a JSON object; an empty body is an empty object.

    Gives the JSON names of the keys that were there and not `null`, which means not given.
    Raises InvalidInput naming the field that is unknown or of a wrong type, and MissingParameter
    for a list that must be there.
    """
    values = split_object(body)
    _fill(message, _parse(body or b"{}", _shape(message.DESCRIPTOR)), "")
    return frozenset(key for key, value in values.items() if bytes(value) != b"null")


def split_object(body: bytes) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, each as it was written. Raises InvalidInput."""
    body = body or b"{}"
    check_json(body)
    return _parse(body, dict[str, msgspec.Raw])


def read_document(body: bytes, message: protobuf.Message, field: FieldDescriptor) -> None:
    """Fills one document field with the whole body; an empty body leaves it empty."""
    if body:
        check_json(body)
        _set_document(message, field, body)


def _parse(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None
    except RecursionError:
        raise InvalidInput("The body is nested too deeply.") from None
    except ValueError:  # what check_json let pass, and msgspec says odd things of
        raise InvalidInput("A text in the body escapes half of a surrogate pair.") from None


#: msgspec says what is wrong, then where: "Expected `str`, got `int` - at `$.tags[0]`".
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`", re.DOTALL)


def _refusal(complaint: str) -> InvalidRequest:
    what, _, place = complaint.partition(" - at `$")
    where = place.removesuffix("`").removeprefix(".")
    prefix = f"{where}." if where else ""
    if unknown := _UNKNOWN.fullmatch(what):
        return InvalidInput.of(_printable(prefix + unknown["name"]), "Unknown field.")
    if missing := _MISSING.fullmatch(what):
        return MissingParameter(
            f"Missing required {prefix}{missing['name']}",
            fields=[FieldViolation(prefix + missing["name"], "Required")],
        )
    what = what.replace("Number out of range", "The number has too many digits")
    if not where:
        return InvalidInput(f"The body must be a JSON object. {what}.")
    return InvalidInput.of(where, f"{what}.")


def _fill(message: protobuf.Message, parsed: msgspec.Struct, prefix: str) -> None:
    for field in fields_of(message.DESCRIPTOR):
        value = getattr(parsed, field.name, None)
        if value is None:
            continue
        path = prefix + field.json_name
        if isinstance(value, msgspec.Raw):
            _set_document(message, field, bytes(value))
            continue
        _refuse_second_choice(message, field, path)
        if _message_name(field) == _TIMESTAMP:
            getattr(message, field.name).CopyFrom(_instant(value, path, InvalidInput))
        elif field.message_type is None and field.is_repeated:
            getattr(message, field.name).extend(value)
        elif field.message_type is None:
            setattr(message, field.name, value)
        elif field.is_repeated:
            for index, item in enumerate(value):
                _fill(getattr(message, field.name).add(), item, f"{path}[{index}].")
        else:
            inner = getattr(message, field.name)
            inner.SetInParent()
            _fill(inner, value, f"{path}.")


def _refuse_second_choice(message: protobuf.Message, field: FieldDescriptor, path: str) -> None:
    """Of a oneof the last member would silently win."""
    choice = field.containing_oneof
    if choice is not None:
        chosen = message.WhichOneof(choice.name)
        if chosen not in {None, field.name}:
            other = message.DESCRIPTOR.fields_by_name[chosen].json_name
            raise ConflictingParameters.of(path, f"Not together with {other}.")


def _set_document(message: protobuf.Message, field: FieldDescriptor, document: bytes) -> None:
    is_bytes = field.type == FieldDescriptor.TYPE_BYTES
    setattr(message, field.name, document if is_bytes else document.decode("utf-8"))


#: RFC 3339, and a bare date, which seed 002 uses. A blank is what `+` in a query turns into.
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+\- ][01]\d:[0-5]\d)", re.ASCII
)


def _instant(text: str, path: str, refusal: type[InvalidRequest]) -> timestamp_pb2.Timestamp:
    stamp = timestamp_pb2.Timestamp()
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            stamp.FromDatetime(datetime(day.year, day.month, day.day, tzinfo=UTC))
            return stamp
        if _INSTANT.fullmatch(text):
            offset = text[-6:].replace(" ", "+")
            stamp.FromJsonString((text[:-6] + offset).upper().replace(" ", "T"))
            return stamp
    except ValueError:
        pass
    raise refusal.of(
        path, "Must be a time such as 2025-01-15T10:30:00Z, with its offset, or a date."
    )


# From a query


def read_query(
    query: Query, message: protobuf.Message, *, taken: frozenset[str] = frozenset()
) -> None:
    """Fills the plain fields of a message from query parameters.

    `taken` names the JSON keys that the path or the body gave already. Raises InvalidParameter for
    a name that is no field or a value of a wrong type, ConflictingParameters for a field that was
    given before with another value.
    """
    plain = _plain_fields(message.DESCRIPTOR)
    for name, values in query.items():
        field = plain.get(name)
        if field is None:
            raise InvalidParameter.of(_printable(name), "Unknown parameter.")
        read = [_scalar(field, value, name) for value in values]
        if field.is_repeated:
            if name in taken and list(getattr(message, field.name)) != read:
                raise ConflictingParameters.of(name, "Given twice with different values.")
            if name not in taken:
                getattr(message, field.name).extend(read)
            continue
        before = [getattr(message, field.name)] if name in taken else []
        if any(each != read[0] for each in (*read, *before)):
            raise ConflictingParameters.of(name, "Given twice with different values.")
        if field.message_type is not None:
            getattr(message, field.name).CopyFrom(read[0])
        else:
            setattr(message, field.name, read[0])


@cache
def _plain_fields(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    return {
        field.json_name: field
        for field in fields_of(descriptor)
        if field.name != _REQUEST_ID
        and not is_document(field)
        and (field.type in _SCALARS or _message_name(field) == _TIMESTAMP)
    }


_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def _scalar(field: FieldDescriptor, text: str, name: str) -> Any:
    if field.message_type is not None:
        return _instant(text, name, InvalidParameter)
    if field.type == FieldDescriptor.TYPE_STRING:
        return text
    try:
        if text != text.strip():
            raise ValueError(text)
        if field.type == FieldDescriptor.TYPE_BOOL:
            return _BOOLEANS[text.lower()]
        if field.type == FieldDescriptor.TYPE_DOUBLE:
            return msgspec.json.decode(text, type=float)
        kind = _INT32 if field.type == FieldDescriptor.TYPE_INT32 else _INT64
        return msgspec.json.decode(text, type=kind)
    except (KeyError, ValueError):
        wanted = {
            FieldDescriptor.TYPE_BOOL: "true or false",
            FieldDescriptor.TYPE_DOUBLE: "a number",
        }
        raise InvalidParameter.of(
            name, f"Must be {wanted.get(field.type, 'an integer')}."
        ) from None


# To JSON


@dataclass(frozen=True, slots=True)
class _Printer:
    """How one field of an answer is printed."""

    name: str
    key: str
    has_presence: bool
    is_repeated: bool
    is_message_list: bool
    show: Callable[[Any], Any]


def print_message(message: protobuf.Message) -> bytes:
    """A message as one JSON object."""
    return msgspec.json.encode(_shown(message, is_nested=False))


def print_document(value: str | bytes) -> bytes:
    """A document field as it is."""
    return value.encode() if isinstance(value, str) else value


def _shown(message: protobuf.Message, *, is_nested: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for printer in _printers(message.DESCRIPTOR):
        if printer.has_presence and not message.HasField(printer.name):
            continue
        value = getattr(message, printer.name)
        if printer.is_repeated:
            if value or not (printer.is_message_list and is_nested):
                shown[printer.key] = [printer.show(item) for item in value]
        else:
            printed = printer.show(value)
            if printed is not _ABSENT:
                shown[printer.key] = printed
    return shown


@cache
def _printers(descriptor: Descriptor) -> tuple[_Printer, ...]:
    return tuple(_all_printers(descriptor))


def _all_printers(descriptor: Descriptor) -> Iterator[_Printer]:
    for field in fields_of(descriptor):
        choice = field.containing_oneof
        is_untagged = choice is not None and option(choice, options_pb2.untagged)
        yield _Printer(
            name=field.name,
            key=choice.name if choice is not None and is_untagged else field.json_name,
            has_presence=field.has_presence,
            is_repeated=field.is_repeated,
            is_message_list=field.is_repeated and field.message_type is not None,
            show=_shower(field),
        )


def _shower(field: FieldDescriptor) -> Callable[[Any], Any]:
    if is_document(field):
        return _raw
    if _message_name(field) == _TIMESTAMP:
        return timestamp_pb2.Timestamp.ToJsonString
    if field.message_type is not None and not field.message_type.GetOptions().map_entry:
        return _nested
    if field.type == FieldDescriptor.TYPE_INT64:
        return str  # as in protobuf's own JSON: a JavaScript number holds 2^53 at most
    if field.type in _SCALARS:
        return _same
    raise Unsupported(f"{field.full_name}: this type of field has no JSON form here")


def _raw(value: str | bytes) -> msgspec.Raw:
    return msgspec.Raw(print_document(value)) if value else _ABSENT


def _nested(message: protobuf.Message) -> dict[str, Any]:
    return _shown(message, is_nested=True)


def _same(value: Any) -> Any:
    return value


# At start-up


def check_request(descriptor: Descriptor) -> None:
    """Raises Unsupported when a request of this type cannot be read from JSON."""
    _shape(descriptor)


def check_answer(descriptor: Descriptor, _seen: frozenset[str] = frozenset()) -> None:
    """Raises Unsupported when an answer of this type cannot be printed as JSON."""
    if descriptor.full_name in _seen:
        return
    _printers(descriptor)
    for field in fields_of(descriptor):
        if field.message_type is not None and _message_name(field) != _TIMESTAMP:
            check_answer(field.message_type, _seen | {descriptor.full_name})
