"""Conversations written in a few letters, for tests.

`user: Hello` is a message, `assistant: Hi` an answer. `calls a,b: One moment` is an answer that
calls two tools, `tool a: 21 degrees` a result. Only in what is stored: `example: Hi` is an
assistant message that a request brought, `cut: Hel` an answer that broke off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from eunoe_server.domain.transcript import CHAIN_START, StoredTurn, extend_chain
from eunoe_server.domain.turn import Turn, read_turn

#: Positions and indexes must not be mixed up, so stored messages do not start at 0.
FIRST_POSITION = 100

_ROLES = {"example": "assistant", "cut": "assistant", "calls": "assistant"}


def message(line: str) -> dict[str, Any]:
    """One message from one line."""
    head, _, text = line.partition(": ")
    kind, _, ids = head.partition(" ")
    role = _ROLES.get(kind, kind)
    if kind == "calls":
        calls = [
            {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
            for call_id in ids.split(",")
        ]
        return {"role": role, "content": text, "tool_calls": calls}
    if kind == "tool":
        return {"role": role, "content": text, "tool_call_id": ids}
    return {"role": role, "content": text}


def request(*lines: str) -> tuple[Turn, ...]:
    """The turns of a request."""
    return tuple(read_turn(json.dumps(message(line)).encode()) for line in lines)


def stored(*lines: str) -> tuple[StoredTurn, ...]:
    """The active messages of a dialogue, as a store gives them back."""
    return tuple(_stored(lines))


def _stored(lines: Iterable[str]) -> Iterable[StoredTurn]:
    chain = CHAIN_START
    for index, line in enumerate(lines):
        turn = read_turn(json.dumps(message(line)).encode())
        kind = line.partition(":")[0].partition(" ")[0]
        if not turn.is_instruction:
            chain = extend_chain(chain, turn.digest)
        yield StoredTurn(
            position=FIRST_POSITION + index,
            role=turn.role,
            digest=turn.digest,
            chain=CHAIN_START if turn.is_instruction else chain,
            tool_call_ids=turn.tool_call_ids,
            token_estimate=turn.token_estimate,
            is_interrupted=kind == "cut",
            is_answer=turn.role == "assistant" and kind != "example",
            text=turn.text if kind == "cut" else "",
        )
