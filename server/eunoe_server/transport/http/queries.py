"""Query strings and path segments, decoded strictly.

Text that is not UTF-8 is refused rather than repaired: a namespace with a replacement character
in it would be another namespace.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.requests import Request

from eunoe_server.errors import ConflictingParameters, InvalidParameter

_MAX_PARAMETERS = 100

Query = dict[str, list[str]]


def query_of(request: Request) -> Query:
    """Every parameter with all its values, in order. Raises InvalidParameter."""
    query: Query = {}
    try:
        pairs = parse_qsl(
            request.scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except UnicodeDecodeError:
        raise InvalidParameter("The query is not valid UTF-8 in percent-encoding.") from None
    except ValueError:
        raise InvalidParameter(f"The query has more than {_MAX_PARAMETERS} parameters.") from None
    for name, value in pairs:
        query.setdefault(name, []).append(value)
    return query


def path_values(request: Request) -> dict[str, str]:
    """The variable parts of the path; `%2F` in one is a slash of its value. See `RawPath`."""
    values = {}
    for name, segment in request.path_params.items():
        try:
            values[name] = unquote_to_bytes(segment).decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidParameter.of(
                name, "The path is not valid UTF-8 in percent-encoding."
            ) from None
    return values


def agreed(name: str, values: list[str]) -> str | None:
    """The one value that all places agree on. Raises ConflictingParameters."""
    if len(set(values)) > 1:
        raise ConflictingParameters.of(name, "Given more than once with different values.")
    return values[0] if values else None
