"""The built-in model in the form of OpenAI's Responses API.

It keeps no responses: what one continues by its id, the server puts into the request. An id that
is still there when the request comes here is one that nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eunoe_server.domain.json_fields import loaded
from eunoe_server.domain.responses import ResponsesBody
from eunoe_server.domain.tokens import estimate_tokens
from eunoe_server.providers.local.evidence import Utterance
from eunoe_server.providers.local.wire import bad_request, encode, is_count

# What an answer repeats of its request, with OpenAI's defaults.
_REPEATED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


@dataclass(frozen=True, slots=True)
class ResponsesRequest:
    """What of a request matters to an answer by rules."""

    conversation: tuple[Utterance, ...]
    max_tokens: int | None
    repeated: dict[str, Any]

    @classmethod
    def parse(cls, raw: bytes, model_id: str) -> ResponsesRequest:
        """Raises InvalidInput for what is no such request, a refusal for what is beyond rules."""
        body = ResponsesBody.parse(raw)
        asked = {name: loaded(bytes(value), name) for name, value in body.fields.items()}
        if body.previous_response_id is not None:
            raise bad_request(
                f"Previous response with id '{body.previous_response_id[:256]}' not found.",
                "previous_response_id",
                "previous_response_not_found",
            )
        if asked.get("conversation") is not None or asked.get("background"):
            raise bad_request(
                f"{model_id} keeps nothing and answers at once: use `previous_response_id`, a "
                "session or a chat id instead of `conversation`, and leave out `background`.",
                "conversation" if asked.get("conversation") is not None else "background",
            )
        max_tokens = asked.get("max_output_tokens")
        if max_tokens is not None and not is_count(max_tokens):
            raise bad_request("max_output_tokens must be 1 or more.", "max_output_tokens")
        said = _object(asked.get("text"), "text")
        if _object(said.get("format"), "text.format").get("type", "text") != "text":
            raise bad_request(
                f"{model_id} answers by rules and cannot answer in a format. Set "
                "EUNOE_UPSTREAM_BASE_URL to use a language model that can.",
                "text.format",
            )
        if not body.turns:
            raise bad_request("input must hold at least one message.", "input")
        repeated = {name: asked.get(name, default) for name, default in _REPEATED.items()}
        try:
            encode(repeated)
        except ValueError:  # 1e999
            raise bad_request("A number in the request is too large.", None) from None
        return cls(
            tuple(Utterance(turn.role, turn.text, turn.name) for turn in body.turns),
            max_tokens,
            repeated,
        )


def _object(value: object, path: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request(f"{path} must be an object.", path)
    return value


@dataclass(frozen=True, slots=True)
class LocalResponse:
    """One answer, before it takes OpenAI's form."""

    id: str
    item_id: str
    created: int
    model_id: str
    text: str
    is_cut: bool
    asked: ResponsesRequest

    def whole(self) -> bytes:
        """The response object."""
        return encode(self._finished())

    def events(self) -> Iterator[bytes]:
        """The response word by word, each event with its number."""
        item = self._item("in_progress", [])
        place = {"item_id": self.item_id, "output_index": 0, "content_index": 0}
        steps: list[dict[str, Any]] = [
            {"type": "response.created", "response": self._response("in_progress", [])},
            {"type": "response.in_progress", "response": self._response("in_progress", [])},
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"type": "response.content_part.added", **place, "part": _text_part("")},
        ]
        steps += [
            {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
            for word in re.findall(r"\S+\s*", self.text)
        ]
        finished = self._finished()
        steps += [
            {"type": "response.output_text.done", **place, "text": self.text, "logprobs": []},
            {"type": "response.content_part.done", **place, "part": _text_part(self.text)},
            {"type": "response.output_item.done", "output_index": 0, "item": finished["output"][0]},
            {"type": f"response.{finished['status']}", "response": finished},
        ]
        for number, step in enumerate(steps):
            yield encode({**step, "sequence_number": number})

    def _finished(self) -> dict[str, Any]:
        status = "incomplete" if self.is_cut else "completed"
        response = self._response(status, [self._item(status, [_text_part(self.text)])])
        asked_tokens = sum(estimate_tokens(one.text) for one in self.asked.conversation)
        answer_tokens = estimate_tokens(self.text)
        response["usage"] = {
            "input_tokens": asked_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": answer_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked_tokens + answer_tokens,
        }
        if self.is_cut:
            response["incomplete_details"] = {"reason": "max_output_tokens"}
        return response

    def _response(self, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "model": self.model_id,
            "output": output,
            "usage": None,
            **self.asked.repeated,
        }

    def _item(self, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.item_id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
