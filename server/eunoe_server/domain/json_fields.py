"""The top level of a JSON body, split into verbatim slices and read field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from eunoe_server.errors import InvalidInput

_T = TypeVar("_T")

_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL = msgspec.Raw(b"null")


def fields_of(raw: bytes) -> Mapping[str, msgspec.Raw]:
    """The members of a JSON object, each as it is written. Raises InvalidInput."""
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidInput("The request body must be a JSON object.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The request body is not valid JSON: {error}") from error
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
