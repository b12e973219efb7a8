"""What a request's body says to memory: `"memory": {"namespace": …}` beside OpenAI's own fields.

For clients that can add to a body and to nothing else (`extra_body`). It is the last of the places
where these things can be said, and it is taken out: a strict upstream refuses fields that it does
not know. A `memory` that is no object is not ours and stays.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from eunoe_server.errors import InvalidInput

_FIELD = "memory"


class BodyOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """None: not said here."""

    namespace: str | None = None
    chat_id: str | None = None
    session_id: str | None = None
    commit_after: int | None = None
    mode: str | None = None


_NOTHING = BodyOptions()
_decode = msgspec.json.Decoder(BodyOptions).decode


def take_options(
    fields: Mapping[str, msgspec.Raw],
) -> tuple[BodyOptions, Mapping[str, msgspec.Raw]]:
    """The options, and the fields without them. Raises InvalidInput that names the option."""
    raw = fields.get(_FIELD)
    if raw is None or not bytes(raw).lstrip().startswith(b"{"):
        return _NOTHING, fields
    try:
        options = _decode(raw)
    except msgspec.ValidationError as error:
        description, _, inner = str(error).partition(" - at `$")
        raise InvalidInput.of(_FIELD + inner.rstrip("`"), description) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput.of(_FIELD, "is not valid JSON") from error
    return options, {name: value for name, value in fields.items() if name != _FIELD}
