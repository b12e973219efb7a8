"""The top level of a JSON body, split into verbatim slices and read field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import msgspec

from eunoe_server.errors import InvalidInput

_T = TypeVar("_T")

_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL = msgspec.Raw(b"null")


def fields_of(raw: bytes) -> Mapping[str, msgspec.Raw]:
    """The members of a JSON object, each as it is written. Raises InvalidInput."""
    if not raw.strip():
        raise InvalidInput("The request body is empty.")
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidInput("The request body must be a JSON object.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"The request body is not valid JSON: {_complaint(raw, error)}"
        ) from error
    except RecursionError as error:
        raise InvalidInput("The request body is nested too deeply.") from error


def required_field(
    fields: Mapping[str, msgspec.Raw], name: str, decoder: msgspec.json.Decoder[_T], otherwise: str
) -> _T:
    """One member. Raises InvalidInput that names it; `otherwise` says what it must be."""
    if name not in fields:
        raise InvalidInput.of(name, "is required")
    return field_of(fields, name, decoder, otherwise)


def field_of(
    fields: Mapping[str, msgspec.Raw], name: str, decoder: msgspec.json.Decoder[_T], otherwise: str
) -> _T:
    """One member; null where it is absent, which the decoder must know."""
    try:
        return decoder.decode(fields.get(name, _NULL))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput.of(name, otherwise) from error
    except RecursionError as error:
        raise InvalidInput.of(name, "is nested too deeply") from error


def loaded(raw: bytes | str, path: str) -> Any:
    """A JSON text in Python's own objects. Raises InvalidInput that names `path`."""
    try:
        return json.loads(raw, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise InvalidInput.of(path, "is nested too deeply") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput.of(path, "is not valid JSON in UTF-8") from error
    except ValueError as error:  # what Python reads no more, so that it takes no time
        raise InvalidInput.of(path, "holds a number of too many digits") from error


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError("is no JSON", name, 0)


_PAIRS = re.compile(rb"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _complaint(raw: bytes, error: Exception) -> str:
    """What is wrong with a body that msgspec refuses; of a lone surrogate it says odd things."""
    if _SURROGATE.search(_PAIRS.sub(b" ", raw)):
        return "a text escapes half of a surrogate pair"
    return str(error)
