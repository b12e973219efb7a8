"""What the stand-in model says to the clients' programs: an answer for each scenario.

A program names the scenario in the first word of a user message ("tools: Which instrument …"). The
answers are the same to equal scenarios, whatever else the request holds, so that what differs
between two runs is not the stand-in's doing. They hold what gets lost on the way through a proxy
that knows the protocol too well: fields nobody documents, big integers, nulls, escapes, odd order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.fixtures.upstream import (
    CHAT_PATH,
    CREATED,
    DONE,
    MODEL,
    RESPONSES_PATH,
    Pause,
    ReceivedRequest,
    Reply,
    Stall,
    default_reply,
    error_reply,
    event,
    json_reply,
    named_event,
    response_events,
    response_of,
    sse_reply,
)

#: What every program asks, so that every request is one that memory adds something to.
QUESTION = "Which instrument does my sister Ada play?"
STATEMENT = "My sister Ada plays the cello in Lisbon."

_NAMED = re.compile(r"([a-z_0-9]+): ")

_HEADERS = (
    ("x-request-id", "req_stand_in_1"),
    ("openai-processing-ms", "12"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "60"),
    ("x-ratelimit-remaining-requests", "59"),
    ("x-ratelimit-reset-requests", "1s"),
)

_USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 3, "accepted_prediction_tokens": 0},
}

WEATHER_CALLS: list[dict[str, Any]] = [
    {"id": "call_1", "type": "function",
     "function": {"name": "weather", "arguments": '{"city": "Lisbon"}'}},
    {"id": "call_2", "type": "function",
     "function": {"name": "weather", "arguments": '{"city":"Pôrto \\u00e9"}'}},
]  # fmt: skip

_LOGPROBS = {
    "content": [
        {"token": "A", "logprob": -0.31725305, "bytes": [65], "top_logprobs": []},
    ],
    "refusal": None,
}

_PERSON = '{"name": "Ada", "instrument": "cello"}'


class Scenarios:
    """The answers of one run: some depend on how often the same was asked."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()

    def reply_to(self, request: ReceivedRequest) -> Reply:
        """The answer to one request of a client."""
        if request.path not in (CHAT_PATH, RESPONSES_PATH):
            return default_reply(request)
        asked = request.document
        name = scenario_of(asked["messages" if request.path == CHAT_PATH else "input"])
        self._asked[name] += 1
        if refusal := self._refusal(name, self._asked[name]):
            return refusal
        if request.path == RESPONSES_PATH:
            return _response(name, asked)
        if asked.get("stream"):
            return self._streamed(name, asked)
        return json_reply(_whole(name, asked), headers=_HEADERS)

    def _refusal(self, name: str, attempt: int) -> Reply | None:
        match name:
            case "bad_request":
                return error_reply(400, "Unknown parameter: 'x'.", code="unknown_parameter")
            case "no_such_model":
                return error_reply(404, "The model `x` does not exist.", code="model_not_found")
            case "conflict":
                soon = [("retry-after-ms", "5"), *_HEADERS]
                return error_reply(409, "Locked.", headers=soon) if attempt == 1 else None
            case "unprocessable":
                return json_reply({"detail": [{"loc": ["body"], "msg": "no"}]}, status=422)
            case "rate_limited":
                soon = [("retry-after-ms", "5"), *_HEADERS]
                return error_reply(429, "Slow down.", code="rate_limit_exceeded", headers=soon)
            case "rate_limited_once":
                soon = [("retry-after", "0.01"), *_HEADERS]
                return error_reply(429, "Slow down.", headers=soon) if attempt == 1 else None
            case "broken":
                never = [("x-should-retry", "false"), *_HEADERS]
                return error_reply(500, "It broke.", code="server_error", headers=never)
            case "busy_once":
                soon = [("retry-after-ms", "5")]
                return error_reply(503, "Busy.", headers=soon) if attempt == 1 else None
            case "silent":
                return Reply(before=(Stall(),))
            case _:
                return None

    def _streamed(self, name: str, asked: dict[str, Any]) -> Reply:
        steps = [event(each) for each in _chunks(name)]
        if (asked.get("stream_options") or {}).get("include_usage"):
            steps.append(event({**_HEAD, "choices": [], "usage": _USAGE}))
        if name == "stream_breaks":
            error = {
                "message": "Out of memory.",
                "type": "server_error",
                "param": None,
                "code": "oom",
            }
            return sse_reply(*steps[:2], event({"error": error}), headers=_HEADERS)
        if name == "stream_stalls":
            return sse_reply(*steps[:2], Stall(), headers=_HEADERS)
        paused = [each for step in steps for each in (step, Pause(0.005))]
        return sse_reply(*paused, DONE, headers=_HEADERS)


def _response(name: str, asked: dict[str, Any]) -> Reply:
    response = response_of("A cello, é \ud83c\udfbb.")
    match name:
        case "tools" if not any(
            item.get("type") == "function_call_output" for item in asked["input"]
        ):
            response = response_of("", calls=_RESPONSE_CALLS)
        case "parsed":
            response = response_of(_PERSON)
    if not asked.get("stream"):
        return json_reply(response, headers=_HEADERS)
    steps = [named_event(each) for each in response_events(response)]
    if name == "stream_breaks":
        failed = {
            **response,
            "status": "failed",
            "error": {"code": "server_error", "message": "No"},
        }
        steps = [
            *steps[:4],
            named_event({"type": "response.failed", "sequence_number": 4, "response": failed}),
        ]
    return sse_reply(*(each for step in steps for each in (step, Pause(0.005))), headers=_HEADERS)


_RESPONSE_CALLS = [
    {
        "type": "function_call",
        "id": f"fc_{call['id']}",
        "call_id": call["id"],
        "status": "completed",
        **call["function"],
    }
    for call in WEATHER_CALLS
]


def scenario_of(messages: Sequence[dict[str, Any]]) -> str:
    """The first word of the first user message that names one."""
    for message in messages:
        if message.get("role") != "user":
            continue
        content = message.get("content")
        if isinstance(content, list):
            content = "".join(part.get("text", "") for part in content)
        named = _NAMED.match(content or "")
        if named:
            return named[1]
    return ""


def _choice(message: dict[str, Any], finish_reason: str, index: int = 0) -> dict[str, Any]:
    return {
        "index": index,
        "message": {"role": "assistant", **message},
        "logprobs": None,
        "finish_reason": finish_reason,
    }


def _whole(name: str, asked: dict[str, Any]) -> dict[str, Any]:
    choices = [_choice({"content": "A cello, é \ud83c\udfbb.", "refusal": None}, "stop")]
    match name:
        case "corrected":  # once the application has said what was wrong
            call = WEATHER_CALLS[asked["messages"][-1]["role"] == "tool"]
            choices = [_choice({"content": None, "tool_calls": [call]}, "tool_calls")]
        case "tools" if asked["messages"][-1]["role"] != "tool":
            choices = [_choice({"content": None, "tool_calls": WEATHER_CALLS}, "tool_calls")]
        case "several":
            choices = [_choice({"content": text}, "stop", n) for n, text in enumerate("ab")]
        case "parsed":
            choices = [_choice({"content": _PERSON, "refusal": None}, "stop")]
        case "cut":
            choices = [_choice({"content": '{"name": "A'}, "length")]
        case "refused":
            choices = [_choice({"content": None, "refusal": "I must not."}, "stop")]
        case "peculiar":
            audio = {"id": "audio_1", "data": "UklGRg==", "expires_at": 1, "transcript": "A cello"}
            said: dict[str, Any] = {
                "content": None,
                "audio": audio,
                "annotations": [],
                "reasoning_content": "Hm.",
            }
            choices = [{**_choice(said, "stop"), "logprobs": _LOGPROBS, "z_first": 1, "a": 1.50}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": CREATED,
        "model": MODEL,
        "choices": choices,
        "usage": _USAGE,
        "service_tier": "default",
        "system_fingerprint": None,
        "x_undocumented": {"big": 9007199254740993, "small": 1e-7, "nothing": None},
    }


_HEAD: dict[str, Any] = {
    "id": "chatcmpl-2",
    "object": "chat.completion.chunk",
    "created": CREATED,
    "model": MODEL,
    "system_fingerprint": None,
    "obfuscation": "aB3",
}


def _chunk(delta: dict[str, Any], finish_reason: str | None = None, index: int = 0) -> object:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {**_HEAD, "choices": [choice]}


def _chunks(name: str) -> list[object]:
    match name:
        case "tools" | "stream_tools":
            return [
                _chunk({"role": "assistant", "content": None}),
                *(piece for n, call in enumerate(WEATHER_CALLS) for piece in _call_pieces(n, call)),
                _chunk({}, "tool_calls"),
            ]
        case "several":
            return [
                _chunk({"role": "assistant", "content": ""}, index=0),
                _chunk({"role": "assistant", "content": ""}, index=1),
                _chunk({"content": "a"}, index=0),
                _chunk({"content": "b"}, index=1),
                _chunk({}, "stop", index=1),
                _chunk({}, "stop", index=0),
            ]
        case "parsed":
            pieces = [_PERSON[n : n + 9] for n in range(0, len(_PERSON), 9)]
        case "refused":
            return [
                _chunk({"role": "assistant", "content": None, "refusal": "I must"}),
                _chunk({"refusal": " not."}),
                _chunk({}, "stop"),
            ]
        case "azure":
            return [
                {"id": "", "object": "", "created": 0, "model": "", "choices": [],
                 "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]},
                _chunk({"role": "assistant", "content": "A"}),
                _chunk({}, "stop"),
            ]  # fmt: skip
        case _:
            pieces = ["A", " cello", ", ", "é", " \ud83c\udfbb."]
    return [
        _chunk({"role": "assistant", "content": "", "refusal": None}),
        *(_chunk({"content": piece, "reasoning_content": "Hm."}) for piece in pieces),
        _chunk({}, "stop"),
    ]


def _call_pieces(index: int, call: dict[str, Any]) -> list[object]:
    arguments = call["function"]["arguments"]
    opening = {**call, "index": index, "function": {"name": "weather", "arguments": ""}}
    return [
        _chunk({"tool_calls": [opening]}),
        *(
            _chunk(
                {"tool_calls": [{"index": index, "function": {"arguments": arguments[n : n + 6]}}]}
            )
            for n in range(0, len(arguments), 6)
        ),
    ]
