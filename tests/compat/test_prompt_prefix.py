"""What stands before the last user turn reaches the model as the client sent it, byte for byte.

An upstream's prompt cache is keyed by the bytes of a prompt's beginning. Whatever memory adds goes
behind it, so a conversation that grows turn by turn finds its cache at every turn.
"""

from __future__ import annotations

import json
from typing import Any

from openai import OpenAI

from tests.fixtures.server import wait_until
from tests.fixtures.upstream import Reply, Upstream, json_reply

TURNS = 10
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
NOTES = b'{"role":"user","content":"<memory-notes>'


def reply(message: dict[str, Any], finish_reason: str) -> Reply:
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return json_reply({**head, "choices": [choice]})


def sent_and_received(
    client: OpenAI, behind: Upstream, messages: list[dict[str, Any]]
) -> tuple[bytes, bytes, dict[str, Any]]:
    """One request as the client sent it and as it arrived, and the message it was answered with."""
    # The messages are written with blanks, as no package would: these bytes are the client's.
    joined = ",".join(json.dumps(each) for each in messages)
    body = f'{{"model":"m","tools":{json.dumps([TOOL])},"messages":[{joined}],"temperature":1.0}}'
    answer: Any = client.post("/chat/completions", cast_to=object, content=body.encode())
    return body.encode(), behind.requests[-1].body, answer["choices"][0]["message"]


def around_the_notes(received: bytes) -> tuple[bytes, bytes, bytes]:
    """What stands before the notes, the notes, and what stands behind them."""
    start = received.index(NOTES)
    end = received.index(b'"},', start) + len(b'"},')
    return received[:start], received[start:end], received[end:]


def test_ten_turns_with_tools_share_their_beginnings(client: OpenAI, behind: Upstream) -> None:
    client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "My sister Ada plays the cello."}]
    )

    def is_recalled() -> bool:
        client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "What does my sister Ada play?"}],
            extra_query={"memory": "read"},
        )
        return NOTES in behind.requests[-1].body

    wait_until(is_recalled, "the commit")

    messages: list[dict[str, Any]] = [{"role": "system", "content": "Be brief, é \u2028."}]
    for turn in range(TURNS):
        function = {"name": "look_up", "arguments": f'{{"n": {turn}}}'}
        call = {"id": f"call_{turn}", "type": "function", "function": function}
        behind.script(
            reply({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"),
            reply({"role": "assistant", "content": f"The cello, I said {turn}."}, "stop"),
        )
        question = {"role": "user", "content": f"Question {turn}: what does my sister Ada play?"}
        messages.append(question)
        notes_of_the_loop = set()
        for _ in range(2):
            sent, received, said = sent_and_received(client, behind, messages)
            cut = sent.index(json.dumps(question).encode())
            before, notes, after = around_the_notes(received)
            assert before == sent[:cut]
            assert after == sent[cut:]
            notes_of_the_loop.add(notes)
            messages.append(said)
            if said.get("tool_calls"):
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": "cello"})
        assert len(notes_of_the_loop) == 1, "a tool loop sees the same notes"
