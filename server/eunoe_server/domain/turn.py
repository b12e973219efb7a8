"""One message of a chat as memory sees it: a `Turn`.

A turn keeps its message verbatim (`body`) and says beside it what the rest of the server works
with: plain text, tool call ids, a token estimate and a `digest`, by which a turn that a client
resends is recognised.

A digest is taken over what a message *says*, not over its bytes, because clients resend messages
rebuilt from their own records. It holds the role, the text, the parts that are no text, the tool
calls and the id of the call a tool message answers. These differ between an answer and its
resent copy, so they take no part in it:

* white space runs, and the Unicode form (NFC is compared): editors and databases change them;
* string content or the same text in parts; null, "" or no content;
* the content of an assistant message that calls tools: many clients empty it, and its call ids
  say more;
* reasoning, as a field or as a leading <think> element, annotations, logprobs: stripped by most;
* `name` of anything but users and functions: agent frameworks add the agent's name on resending;
* `cache_control`: a caching mark that moves to another message every turn;
* the generated audio, but for its id when there is nothing else: the bytes are never sent back;
* `1.0` or `1`, key order and white space in tool arguments.

This module judges no conversation (`identity.py`, `alignment.py`) and no order of messages: what
the model endpoint accepts is the endpoint's to say. It refuses only what it cannot read.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from eunoe_server.domain.json_fields import loaded
from eunoe_server.errors import InvalidInput

ROLES = frozenset({"developer", "system", "user", "assistant", "tool", "function"})
INSTRUCTION_ROLES = frozenset({"developer", "system"})
RESULT_ROLES = frozenset({"tool", "function"})

# A legacy function call has no id; call and result carry the function's name under this prefix.
FUNCTION_CALL_ID_PREFIX = "function_call:"

_TEXT_PART_TYPES = frozenset({"text", "input_text", "output_text"})
_TOKENS_PER_MESSAGE = 4
_BYTES_PER_TOKEN = 4
# What OpenAI documents for a 1024 x 1024 image in high detail: 85 + 4 * 170.
_TOKENS_PER_MEDIA_PART = 765
_LEADING_REASONING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
#: Beyond these Python reads no number, and whoever reads the message again would stumble over it.
_LONG_DIGITS = re.compile("[0-9]{4301}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a chat request, or the answer to one."""

    role: str
    #: The message's JSON text, verbatim.
    body: str
    #: Plain text: string content, or text parts joined by newlines, or the refusal. Without NUL
    #: and lone surrogates, which Postgres cannot store.
    text: str
    #: `name` of the message, empty when it has none.
    name: str
    #: Ids of the calls that an assistant turn makes, or the one id that a tool turn answers.
    tool_call_ids: tuple[str, ...]
    #: 16 bytes; equal for messages that say the same (see the module's docstring).
    digest: bytes
    #: What this message costs in a prompt, roughly.
    token_estimate: int

    @property
    def is_instruction(self) -> bool:
        """True for system and developer messages."""
        return self.role in INSTRUCTION_ROLES

    @property
    def tool_call_id(self) -> str:
        """The call that this tool turn answers; empty for every other turn."""
        return self.tool_call_ids[0] if self.role in RESULT_ROLES and self.tool_call_ids else ""


def read_turns(raws: Sequence[bytes | msgspec.Raw]) -> tuple[Turn, ...]:
    """The `messages` of an OpenAI chat request, one JSON text each, in order.

    Raises InvalidInput that names the field in OpenAI's terms, such as `messages[2].role`.
    """
    return tuple(_read(raw, f"messages[{index}]") for index, raw in enumerate(raws))


def read_turn(raw: bytes | msgspec.Raw, path: str = "message") -> Turn:
    """One message; `path` is what InvalidInput calls it."""
    return _read(raw, path)


def comparable_text(text: str) -> str:
    """Text as digests compare it: NFC, white space runs collapsed, trimmed."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def storable_text(text: str) -> str:
    """Text without what Postgres cannot store: NUL and lone surrogates become U+FFFD.

    A pair of surrogates that arrived in two pieces becomes the character that it stands for.
    """
    if text.isascii():
        return text.replace("\x00", "\ufffd")
    if not _UNSTORABLE.search(text):
        return text
    return (
        text.encode("utf-16-le", "surrogatepass")
        .decode("utf-16-le", "replace")
        .replace("\x00", "\ufffd")
    )


class _Message(msgspec.Struct, gc=False):
    """What we read of a message. Fields we do not know are neither refused nor read."""

    role: str = ""
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    function_call: dict[str, Any] | None = None
    audio: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(_Message)


def _read(raw: bytes | msgspec.Raw, path: str) -> Turn:
    try:
        body = str(raw, "utf-8")
        return _turn(_decode(body, path), body, path)
    except msgspec.ValidationError as error:
        description, _, inner = str(error).partition(" - at `$")
        raise InvalidInput.of(path + inner.rstrip("`"), description) from error
    except RecursionError as error:
        raise InvalidInput.of(path, "is nested too deeply") from error
    except ValueError as error:
        raise InvalidInput.of(path, "is not valid JSON in UTF-8") from error


def _decode(body: str, path: str) -> _Message:
    try:
        if not _LONG_DIGITS.search(body):
            return _decoder.decode(body)
    except msgspec.ValidationError as error:
        if "out of range" not in str(error):
            raise
    except msgspec.DecodeError:
        pass
    # msgspec refuses escaped lone surrogates and numbers like 1e400, which are valid JSON.
    return msgspec.convert(loaded(body, path), _Message)


def _turn(message: _Message, body: str, path: str) -> Turn:
    if message.role not in ROLES:
        raise InvalidInput.of(f"{path}.role", f"must be one of {', '.join(sorted(ROLES))}")
    pieces = _pieces(message)
    calls = _calls(message)
    text = storable_text("\n".join(piece for piece in pieces if isinstance(piece, str)))
    media_count = sum(1 for piece in pieces if not isinstance(piece, str))
    size_bytes = len(text.encode()) + sum(len(call.name) + len(call.arguments) for call in calls)
    ids = _tool_call_ids(message, calls)
    return Turn(
        role=message.role,
        body=body,
        text=text,
        name=storable_text(message.name or ""),
        tool_call_ids=ids,
        digest=_digest(message, pieces, calls, ids),
        token_estimate=_TOKENS_PER_MESSAGE
        + -(-size_bytes // _BYTES_PER_TOKEN)
        + _TOKENS_PER_MEDIA_PART * media_count,
    )


class _Call(NamedTuple):
    id: str
    name: str
    arguments: str  # canonical JSON, or comparable text when it is none


def _pieces(message: _Message) -> list[str | dict[str, Any]]:
    """The content in order: texts, and parts that are no text."""
    if isinstance(message.content, str):
        pieces: list[str | dict[str, Any]] = [message.content] if message.content else []
    else:
        pieces = [_piece(part) for part in message.content or ()]
    if not pieces and message.refusal:
        pieces.append(message.refusal)
    return pieces


def _piece(part: dict[str, Any]) -> str | dict[str, Any]:
    kind = part.get("type")
    text = part.get("text") if isinstance(kind, str) and kind in _TEXT_PART_TYPES else None
    if kind == "refusal":
        text = part.get("refusal")
    return text if isinstance(text, str) else part


def _calls(message: _Message) -> list[_Call]:
    calls = []
    for call in message.tool_calls or ():
        function = call.get("function") or call.get("custom")
        function = function if isinstance(function, dict) else {}
        arguments = function.get("arguments", function.get("input", ""))
        calls.append(
            _Call(
                storable_text(str(call.get("id") or "")),
                storable_text(str(function.get("name") or "")),
                _canonical_arguments(arguments),
            )
        )
    if message.function_call and message.role == "assistant":
        name = storable_text(str(message.function_call.get("name") or ""))
        arguments = message.function_call.get("arguments", "")
        calls.append(_Call(FUNCTION_CALL_ID_PREFIX + name, name, _canonical_arguments(arguments)))
    return calls


def _tool_call_ids(message: _Message, calls: Iterable[_Call]) -> tuple[str, ...]:
    if message.role == "tool":
        return (storable_text(message.tool_call_id or ""),)
    if message.role == "function":
        return (FUNCTION_CALL_ID_PREFIX + storable_text(message.name or ""),)
    return tuple(call.id for call in calls)


def _digest(
    message: _Message,
    pieces: Iterable[str | dict[str, Any]],
    calls: Sequence[_Call],
    ids: tuple[str, ...],
) -> bytes:
    said = [] if calls else _comparable_content(message, pieces)
    role = "system" if message.role in INSTRUCTION_ROLES else message.role
    name = comparable_text(storable_text(message.name or "")) if role == "user" else ""
    normalised = msgspec.json.encode((role, name, said, calls, ids))
    return hashlib.blake2b(normalised, digest_size=16, person=b"eunoe turn 1").digest()


def _comparable_content(
    message: _Message, pieces: Iterable[str | dict[str, Any]]
) -> list[str | tuple[str]]:
    """Texts as strings, joined where they follow each other; other parts as JSON in a tuple."""
    said: list[str | tuple[str]] = []
    for piece in pieces:
        if not isinstance(piece, str):
            marked = {key: value for key, value in piece.items() if key != "cache_control"}
            said.append((_canonical_json(marked),))
        elif said and isinstance(said[-1], str):
            said[-1] += "\n" + piece
        else:
            said.append(piece)
    if message.role == "assistant":
        if said and isinstance(said[0], str):
            said[0] = _LEADING_REASONING.sub("", said[0])
        if not said and message.audio:
            said.append((_canonical_json(message.audio.get("id")),))
    comparable = (
        comparable_text(storable_text(item)) if isinstance(item, str) else item for item in said
    )
    return [item for item in comparable if item]


def _canonical_arguments(arguments: object) -> str:
    if not isinstance(arguments, str):
        return _canonical_json(arguments)
    try:
        return _canonical_json(json.loads(arguments))
    except (ValueError, RecursionError):  # what a model wrote need not be JSON
        return comparable_text(storable_text(arguments))


def _canonical_json(value: object) -> str:
    return json.dumps(_with_whole_floats_as_ints(value), sort_keys=True, separators=(",", ":"))


def _with_whole_floats_as_ints(value: object) -> object:
    """JavaScript clients write 1.0 as 1."""
    if isinstance(value, dict):
        return {key: _with_whole_floats_as_ints(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_whole_floats_as_ints(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
