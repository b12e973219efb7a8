"""A request of OpenAI's Responses API as it travels, as `chat.py` is a chat's.

The body stays bytes; its `input` is split into verbatim items, items of our own are put between
them, and everything else reaches the upstream as the client wrote it. `instructions` are a turn
like any other instruction, and no place where anything is put.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import msgspec

from eunoe_server.domain.answer import Answer
from eunoe_server.domain.body_options import BodyOptions, take_options
from eunoe_server.domain.json_fields import field_of, fields_of, loaded
from eunoe_server.domain.response_answer import ResponseAssembler, read_response
from eunoe_server.domain.response_items import as_items, as_messages
from eunoe_server.domain.turn import Turn, read_turn
from eunoe_server.domain.wire_form import WireForm
from eunoe_server.errors import InvalidInput

_INPUT = msgspec.json.Decoder(str | list[msgspec.Raw] | None)
_TEXT = msgspec.json.Decoder(str | None)
_FLAG = msgspec.json.Decoder(bool | None)

#: Where a turn stands that is not in the body: the upstream knows it, or it is no item.
_ELSEWHERE = -1


@dataclass(frozen=True)
class ResponsesBody:
    """A Responses request, split. Its turns are read when they are asked for."""

    raw: bytes
    fields: Mapping[str, msgspec.Raw]
    #: The input, item by item, verbatim.
    items: tuple[bytes, ...]
    instructions: str | None
    is_stream: bool
    options: BodyOptions
    previous_response_id: str | None
    #: Turns before the client's own, and the first item of each.
    earlier: tuple[Turn, ...] = ()
    earlier_starts: tuple[int, ...] = ()
    #: The first item that is the client's own.
    own_from: int = 0

    form = WireForm.RESPONSES

    @classmethod
    def parse(cls, raw: bytes) -> ResponsesBody:
        """Reads what memory needs to know. Raises InvalidInput with the field that is wrong."""
        fields = fields_of(raw)
        options, kept = take_options(fields)
        if kept is not fields:
            fields, raw = kept, msgspec.json.encode(kept)
        said = field_of(fields, "input", _INPUT, "must be a string or an array of items")
        items = [bytes(item) for item in said or ()] if not isinstance(said, str) else []
        if isinstance(said, str):
            items = [msgspec.json.encode({"role": "user", "content": fields["input"]})]
        return cls(
            raw,
            fields,
            tuple(items),
            field_of(fields, "instructions", _TEXT, "must be a string"),
            bool(field_of(fields, "stream", _FLAG, "must be true or false")),
            options,
            field_of(fields, "previous_response_id", _TEXT, "must be a string"),
        )

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Instructions first, then what came earlier, then the input. Raises InvalidInput."""
        return tuple(turn for turn, _ in self._placed)

    @cached_property
    def _placed(self) -> tuple[tuple[Turn, int], ...]:
        """Each turn and the first of its items."""
        placed: list[tuple[Turn, int]] = []
        if self.instructions:
            spoken = {"role": "system", "content": self.instructions}
            placed.append((read_turn(json.dumps(spoken).encode(), "instructions"), _ELSEWHERE))
        placed += zip(self.earlier, self.earlier_starts, strict=True)
        for each in as_messages(_decoded(self.items[self.own_from :])):
            turn = read_turn(json.dumps(each.message).encode(), f"input[{each.index}]")
            placed.append((turn, self.own_from + each.index))
        return tuple(placed)

    def following(self, earlier: Sequence[Turn], *, is_known: bool) -> ResponsesBody:
        """The same request after these turns; put into the body unless the upstream knows them."""
        if is_known:
            starts = (_ELSEWHERE,) * len(earlier)
            return replace(self, earlier=tuple(earlier), earlier_starts=starts)
        put: list[bytes] = []
        first_items = []
        for turn in earlier:
            first_items.append(len(put))
            put += _items_of(turn.body)
        fields = {k: v for k, v in self.fields.items() if k != "previous_response_id"}
        return replace(
            self,
            raw=_encode(fields, (*put, *self.items)),
            fields=fields,
            items=(*put, *self.items),
            previous_response_id=None,
            earlier=tuple(earlier),
            earlier_starts=tuple(first_items),
            own_from=len(put),
        )

    def holds(self, index: int) -> bool:
        """Whether that turn is in the body itself."""
        return self._placed[index][1] != _ELSEWHERE

    def with_inserted(self, inserted: Sequence[tuple[int, Sequence[bytes]]]) -> bytes:
        """The body with chat messages, as items, before the turn at each index.

        Without anything to insert these are the client's own bytes.
        """
        before: dict[int, list[bytes]] = {}
        for index, messages in inserted:
            put = before.setdefault(self._placed[index][1], [])
            for message in messages:
                put += _items_of(message)
        if not any(before.values()):
            return self.raw
        merged: list[bytes] = []
        for start, item in enumerate(self.items):
            merged += before.get(start, ())
            merged.append(item)
        return _encode(self.fields, merged)

    def read_answer(self, answer: bytes) -> Answer | None:
        """The turn that a whole answer adds; None if there is none."""
        return read_response(answer)

    def answer_in_pieces(self) -> ResponseAssembler:
        """What puts a streamed answer together."""
        return ResponseAssembler()


def _decoded(items: Sequence[bytes]) -> list[dict[str, Any]]:
    found = []
    for index, raw in enumerate(items):
        item = loaded(raw, f"input[{index}]")
        if not isinstance(item, dict):
            raise InvalidInput.of(f"input[{index}]", "must be an object")
        found.append(item)
    return found


def _items_of(message: str | bytes) -> list[bytes]:
    items = as_items(json.loads(message))
    return [json.dumps(item, separators=(",", ":")).encode() for item in items]


def _encode(fields: Mapping[str, msgspec.Raw], items: Sequence[bytes]) -> bytes:
    return msgspec.json.encode({**fields, "input": [msgspec.Raw(item) for item in items]})
