"""A chat request as it travels: OpenAI's body, of which we read little and change one thing.

The body stays bytes. Its top level and its list of messages are split into verbatim slices
(`msgspec.Raw`), messages of our own are put between them, and everything else reaches the upstream
as the client wrote it: big integers, key order, unknown fields, nulls.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from eunoe_server.domain.answer import Answer, AnswerAssembler, read_answer
from eunoe_server.domain.body_options import BodyOptions, take_options
from eunoe_server.domain.json_fields import field_of, fields_of, required_field
from eunoe_server.domain.turn import Turn, read_turns
from eunoe_server.domain.wire_form import RequestBody, WireForm
from eunoe_server.errors import InvalidInput, InvalidParameter


class MemoryMode(enum.StrEnum):
    """What memory may do in one chat."""

    AUTO = "auto"  # recall and store, and go on without if memory fails
    READ = "read"  # recall, store nothing
    WRITE = "write"  # store, recall nothing; failing to store fails the chat
    OFF = "off"  # neither

    @property
    def recalls(self) -> bool:
        """Whether notes and history may be put into the request."""
        return self in (MemoryMode.AUTO, MemoryMode.READ)

    @property
    def stores(self) -> bool:
        """Whether the exchange is kept."""
        return self in (MemoryMode.AUTO, MemoryMode.WRITE)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One answer asked of us."""

    body: RequestBody
    namespace: str
    mode: MemoryMode
    commit_after_seconds: int
    chat_id: str | None = None
    session_id: str | None = None
    #: How often the client's SDK has already sent this very request (`x-stainless-retry-count`).
    retry_count: int = 0
    #: Headers the caller may have forwarded to the upstream, names in lower case.
    forward_headers: Mapping[str, str] | None = None


_FLAG = msgspec.json.Decoder(bool | None)
_MODEL = msgspec.json.Decoder(str)
_MESSAGES = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class ChatBody:
    """An OpenAI chat completion request, split but not decoded."""

    raw: bytes
    fields: Mapping[str, msgspec.Raw]
    messages: tuple[bytes, ...]
    model: str
    is_stream: bool
    #: What it said to memory; no longer part of it.
    options: BodyOptions

    form = WireForm.CHAT
    previous_response_id = None

    @classmethod
    def parse(cls, raw: bytes) -> ChatBody:
        """Reads what memory needs to know. Raises InvalidInput with the field that is wrong."""
        fields = fields_of(raw)
        options, kept = take_options(fields)
        if kept is not fields:
            fields, raw = kept, msgspec.json.encode(kept)
        messages = required_field(fields, "messages", _MESSAGES, "must be an array of messages")
        if not messages:
            raise InvalidInput.of("messages", "must not be empty")
        model = required_field(fields, "model", _MODEL, "must be a string")
        is_stream = bool(field_of(fields, "stream", _FLAG, "must be true or false"))
        return cls(
            raw, fields, tuple(bytes(message) for message in messages), model, is_stream, options
        )

    @property
    def turns(self) -> tuple[Turn, ...]:
        """One for each message. Raises InvalidInput."""
        return read_turns(self.messages)

    def following(self, earlier: Sequence[Turn], *, is_known: bool) -> ChatBody:
        """Never asked for: a chat resends what it continues."""
        raise NotImplementedError

    def holds(self, index: int) -> bool:
        """Each turn is a message of the body."""
        del index
        return True

    def with_inserted(self, inserted: Sequence[tuple[int, Sequence[bytes]]]) -> bytes:
        """The body with messages put before the message at each index; else as the client sent it.

        Without anything to insert these are the client's own bytes.
        """
        before: dict[int, list[bytes]] = {}
        for index, messages in inserted:
            before.setdefault(index, []).extend(messages)
        if not any(before.values()):
            return self.raw
        merged: list[msgspec.Raw] = []
        for index, message in enumerate((*self.messages, None)):
            merged.extend(msgspec.Raw(extra) for extra in before.get(index, ()))
            if message is not None:
                merged.append(msgspec.Raw(message))
        return msgspec.json.encode({**self.fields, "messages": merged})

    def read_answer(self, answer: bytes) -> Answer | None:
        """The turn that a whole answer adds; None if there is none."""
        return read_answer(answer)

    def answer_in_pieces(self) -> AnswerAssembler:
        """What puts a streamed answer together."""
        return AnswerAssembler()


def parse_mode(value: str | None) -> MemoryMode:
    """`auto`, `read`, `write` or `off`; None or empty means auto. Raises InvalidParameter."""
    if not value:
        return MemoryMode.AUTO
    try:
        return MemoryMode(value)
    except ValueError:
        raise InvalidParameter.of("memory", "must be one of auto, read, write, off") from None
