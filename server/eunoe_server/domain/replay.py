"""What a session puts before a new message, so that the model knows the conversation (seed 003).

A session's client may send one message at a time; the server holds the rest. `plan_replay` says
which stored messages go along: the newest turns that fit a token budget, in whole exchanges (a
user's message and everything up to the next one). So what is replayed starts at a user's message
and keeps the rules for tool messages that model endpoints enforce:

* a call and its results stay together;
* a call that was never answered is left out, because endpoints refuse it, unless this request
  brings its results;
* a result without its call is left out.

A client that resends the conversation itself gets nothing added: it decides what the model sees.
This module changes no message, but for `request_message`, which takes from an answer what
endpoints refuse in a request.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from eunoe_server.domain.alignment import Alignment
from eunoe_server.domain.transcript import StoredTurn
from eunoe_server.domain.turn import RESULT_ROLES, Turn

# What an assistant message may hold in a request, as OpenAI documents it. Some endpoints answer
# 400 to their own reasoning fields when these come back.
_REQUEST_FIELDS = frozenset(
    {"role", "content", "name", "refusal", "tool_calls", "function_call", "audio"}
)


@dataclass(frozen=True, slots=True)
class Replay:
    """Stored messages to splice into a request."""

    #: Stored positions, in the order in which the model shall read them.
    positions: tuple[int, ...]
    #: Index in the request's messages before which they go.
    before: int


def plan_replay(
    stored: Sequence[StoredTurn],
    request: Sequence[Turn],
    alignment: Alignment,
    budget_tokens: int,
) -> Replay:
    """Choose what to replay of the dialogue that `alignment` compared `request` with.

    Instructions are replayed only when the request brings none; they count against the budget but
    are never cut, since the client once sent them whole. Beyond the budget goes also the exchange
    whose calls this request answers, because its results would be refused without it.
    """
    turns = [index for index, turn in enumerate(request) if not turn.is_instruction]
    if not turns:
        return Replay((), before=0)
    first = request[turns[0]]
    continues_calls = first.role in RESULT_ROLES or (
        first.role == "assistant" and bool(first.tool_call_ids)
    )
    if alignment.evidence.shares_answer and not continues_calls:
        return Replay((), before=0)

    before = turns[0]
    if not continues_calls:
        before = next((index for index in turns if index in alignment.appended), before)
    sent = [position for index, position in alignment.pairs if index in turns]
    unsent = _unsent(stored, alignment, until=min(sent, default=None) if continues_calls else None)
    exchanges = _exchanges(_without_broken_calls(unsent, _leading_results(request[before:])))
    instructions = [turn for turn in stored if turn.is_instruction]
    if any(turn.is_instruction for turn in request):
        instructions = []

    budget_tokens -= sum(turn.token_estimate for turn in instructions)
    chosen: list[StoredTurn] = []
    for exchange in reversed(exchanges):
        budget_tokens -= sum(turn.token_estimate for turn in exchange)
        if budget_tokens < 0 and not (continues_calls and not chosen):
            break
        chosen = exchange + chosen
    return Replay(tuple(turn.position for turn in (*instructions, *chosen)), before)


def request_message(body: str) -> bytes:
    """A stored message's JSON as a message of a request; only answers change.

    An answer that calls tools keeps the fields that we do not know: some endpoints demand the
    signature of their reasoning back while the calls are worked on.
    """
    message = json.loads(body)
    if message["role"] != "assistant":
        return body.encode()
    fields = {name: value for name, value in message.items() if value is not None}
    if "tool_calls" not in fields:
        fields = {name: value for name, value in fields.items() if name in _REQUEST_FIELDS}
    if "audio" in fields:
        fields["audio"] = {"id": fields["audio"].get("id")}
    if fields.keys() <= {"role", "name"}:
        fields["content"] = ""
    return json.dumps(fields).encode()


def _leading_results(turns: Sequence[Turn]) -> list[str]:
    """Ids of the calls that the first of these turns answer."""
    return [turn.tool_call_id for turn in takewhile(lambda turn: turn.role in RESULT_ROLES, turns)]


def _unsent(
    stored: Sequence[StoredTurn], alignment: Alignment, *, until: int | None
) -> list[StoredTurn]:
    """The active turns that the request does not hold, up to the stored position `until`."""
    absent = set(alignment.absent)
    return [
        turn
        for turn in stored
        if turn.position in absent and (until is None or turn.position < until)
    ]


def _without_broken_calls(
    turns: Sequence[StoredTurn], results_to_come: Sequence[str]
) -> list[StoredTurn]:
    """Leave out calls that lack a result and results that lack their call.

    `results_to_come` are the ids of the results that follow the last of `turns`.
    """
    kept: list[StoredTurn] = []
    at = 0
    while at < len(turns):
        turn = turns[at]
        at += 1
        if turn.role in RESULT_ROLES:
            continue
        exchange = [turn]
        unanswered = list(turn.tool_call_ids)
        while unanswered and at < len(turns) and turns[at].role in RESULT_ROLES:
            call_id = turns[at].tool_call_ids[0]
            if call_id in unanswered:
                unanswered.remove(call_id)
                exchange.append(turns[at])
            at += 1
        if at == len(turns):
            unanswered = [call_id for call_id in unanswered if call_id not in results_to_come]
        if not unanswered:
            kept += exchange
    return kept


def _exchanges(turns: Sequence[StoredTurn]) -> list[list[StoredTurn]]:
    """Each user's message with what follows it; what comes before the first one is left out."""
    exchanges: list[list[StoredTurn]] = []
    for turn in turns:
        if turn.role == "user":
            exchanges.append([turn])
        elif exchanges:
            exchanges[-1].append(turn)
    return exchanges
