"""The assistant message that an answer adds to a conversation, whole or in pieces.

`read_answer` takes it out of a completion; `AnswerAssembler` puts it together from the chunks of a
stream, so that what is stored equals what a client would resend. Only choice 0 is remembered: of
several answers a client continues with one, and the first is all that most of them show.

Neither ever raises: an upstream may send anything, and remembering must not break an answer that
the client can use. What cannot be read is not remembered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from eunoe_server.domain.turn import Turn, read_turn
from eunoe_server.errors import InvalidInput

# Fields that name or number something: a later piece replaces or repeats them. All other texts of
# a stream, also in fields that we do not know, arrive in pieces that belong one after the other.
_LABELS = frozenset({"role", "type", "id", "index", "format"})


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the upstream counted them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, ready to be stored."""

    turn: Turn
    #: Why the model stopped; empty when it did not say.
    finish_reason: str
    #: True when the answer broke off: no finish reason came, or an error came instead.
    is_interrupted: bool
    model: str
    completion_id: str
    usage: Usage | None
    #: By which a later request may name this answer; empty: it must resend it.
    response_id: str = ""


class _Choice(msgspec.Struct, gc=False):
    message: msgspec.Raw
    index: int = 0
    finish_reason: Any = None


class _Completion(msgspec.Struct, gc=False):
    choices: list[_Choice]
    id: Any = None
    model: Any = None
    usage: Any = None


def read_answer(completion: bytes) -> Answer | None:
    """Choice 0's message of a whole completion, its JSON kept verbatim; None if there is none."""
    try:
        parsed = _decode_completion(completion)
        choice = min(parsed.choices, key=lambda choice: choice.index, default=None)
        turn = read_turn(choice.message) if choice else None
    except (InvalidInput, ValueError, KeyError, TypeError, RecursionError):
        return None
    if choice is None or turn is None or turn.role != "assistant":
        return None
    return Answer(
        turn=turn,
        finish_reason=_text(choice.finish_reason),
        is_interrupted=False,
        model=_text(parsed.model),
        completion_id=_text(parsed.id),
        usage=_usage(parsed.usage),
    )


def _decode_completion(completion: bytes) -> _Completion:
    try:
        return msgspec.json.decode(completion, type=_Completion)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # msgspec refuses escaped lone surrogates, which models do produce.
        parsed = json.loads(completion)
        for choice in parsed["choices"]:
            choice["message"] = msgspec.Raw(json.dumps(choice["message"]).encode())
        return msgspec.convert(parsed, _Completion)


class AnswerAssembler:
    """Puts choice 0 of a streamed answer together, chunk by chunk."""

    #: Chunks have no name, and usage may follow the one that says why the model stopped.
    event_name = ""
    has_ended = False

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._calls: list[dict[str, Any]] = []
        self._finish_reason = ""
        self._is_damaged = False
        self._failed = False
        self._model = ""
        self._completion_id = ""
        self._usage: Usage | None = None

    @property
    def failed(self) -> bool:
        """True once an error came in the place of a chunk."""
        return self._failed

    @property
    def is_complete(self) -> bool:
        """True once the model said why it stopped, unless an error or an unreadable chunk came."""
        return bool(self._finish_reason) and not self._is_damaged

    def feed(self, chunk: bytes) -> None:
        """Take the next chunk: the JSON of one server-sent event."""
        try:
            self._take(_decode(chunk))
        except (ValueError, TypeError, AttributeError, RecursionError):
            self._is_damaged = True

    def answer(self) -> Answer | None:
        """What arrived so far; None when that is nothing."""
        message = _joined(self._message)
        calls = [_joined(call) for call in self._calls]
        for call in calls:
            call.pop("index", None)
        content = message.pop("content", None)
        said = {key: value for key, value in message.items() if value and key != "role"}
        if not (content or said or calls or self.is_complete):
            return None
        body: dict[str, Any] = {"role": "assistant", "content": content or (None if calls else "")}
        if (said.get("refusal") or said.get("function_call")) and not content:
            body["content"] = None
        body |= said
        if calls:
            body["tool_calls"] = calls
        try:
            turn = read_turn(_encode(body))
        except InvalidInput:
            return None
        return Answer(
            turn=turn,
            finish_reason=self._finish_reason,
            is_interrupted=not self.is_complete,
            model=self._model,
            completion_id=self._completion_id,
            usage=self._usage,
        )

    def _take(self, chunk: Mapping[str, Any]) -> None:
        if chunk.get("error"):
            self._failed = self._is_damaged = True
            return
        self._model = self._model or _text(chunk.get("model"))
        self._completion_id = self._completion_id or _text(chunk.get("id"))
        self._usage = _usage(chunk.get("usage")) or self._usage
        for choice in chunk.get("choices") or ():
            if choice.get("index"):
                continue
            self._finish_reason = _text(choice.get("finish_reason")) or self._finish_reason
            delta = choice.get("delta") or {}
            for call in delta.pop("tool_calls", None) or ():
                _merge(self._call_of(call), call)
            _merge(self._message, delta)

    def _call_of(self, piece: Mapping[str, Any]) -> dict[str, Any]:
        """The call that a piece belongs to: the one with its index, unless the ids differ.

        Some endpoints send several calls under one index, each with an id of its own; some send
        no index.
        """
        index, call_id = piece.get("index"), piece.get("id")
        for call in self._calls[::-1]:
            if index is not None and call.get("index") != index:
                continue
            if call_id and call.get("id") and call["id"] != call_id:
                break
            return call
        new: dict[str, Any] = {"id": "", "type": "function"}
        self._calls.append(new)
        return new


class _Pieces(list[str]):
    """A text that is still arriving."""


def _merge(target: dict[str, Any], piece: Mapping[str, Any]) -> None:
    for key, value in piece.items():
        known = target.get(key)
        if value is None:
            target.setdefault(key, None)
        elif isinstance(value, dict):
            if not isinstance(known, dict):
                known = target[key] = {}
            _merge(known, value)
        elif isinstance(value, list):
            if not isinstance(known, list):
                known = target[key] = []
            _merge_list(known, value)
        elif not isinstance(value, str) or key in _LABELS:
            target[key] = known if value == "" else value
        elif not isinstance(known, _Pieces):
            target[key] = _Pieces([value])
        elif key != "name" or "".join(known) != value:  # some endpoints repeat a call's name
            known.append(value)


def _merge_list(target: list[Any], pieces: list[Any]) -> None:
    """Entries with an index are continued by entries with the same one; others are new."""
    for piece in pieces:
        if not isinstance(piece, dict):
            target.append(piece)
            continue
        index = piece.get("index")
        entry = next(
            (
                known
                for known in target
                if index is not None and isinstance(known, dict) and known.get("index") == index
            ),
            None,
        )
        if entry is None:
            entry = {}
            target.append(entry)
        _merge(entry, piece)


def _joined(value: Any) -> Any:
    if isinstance(value, _Pieces):
        return "".join(value)
    if isinstance(value, dict):
        return {key: _joined(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_joined(item) for item in value]
    return value


def _decode(chunk: bytes) -> Any:
    try:
        return msgspec.json.decode(chunk)
    except msgspec.DecodeError:
        return json.loads(chunk)


def _encode(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        # A character beyond the basic plane may arrive as two surrogates in two chunks; as
        # escapes in one text they are that character again, and a lone one stays an escape.
        return json.dumps(value).encode()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def token_count(value: object) -> int:
    """A number of tokens as an upstream says it; 0 for what cannot be one."""
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt, completion, total = (
        token_count(count)
        for count in (
            value.get("prompt_tokens"),
            value.get("completion_tokens"),
            value.get("total_tokens"),
        )
    )
    return Usage(prompt, completion, total or prompt + completion)
