"""Seed 003: a session id alone restores the conversation, in a form that endpoints accept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.alignment import align
from eunoe_server.domain.replay import plan_replay, request_message
from tests.unit.transcripts import FIRST_POSITION, message, request, stored

PLENTY = 1_000_000

DIALOGUE = (
    "system: Be kind.",
    "user: My name is Alice",
    "assistant: Nice to meet you, Alice!",
    "user: I live in Rome",
    "assistant: Noted.",
)


def replayed(
    dialogue: Sequence[str], sent: Sequence[str], budget_tokens: int = PLENTY
) -> list[str]:
    """What the model is sent, as lines."""
    told, asked = stored(*dialogue), request(*sent)
    replay = plan_replay(told, asked, align(told, asked), budget_tokens)
    lines = [dialogue[position - FIRST_POSITION] for position in replay.positions]
    return [*sent[: replay.before], *lines, *sent[replay.before :]]


def test_a_message_by_itself_gets_the_conversation_before_it() -> None:
    assert replayed(DIALOGUE, ["user: What's my name?"]) == [*DIALOGUE, "user: What's my name?"]


def test_an_empty_session_replays_nothing() -> None:
    assert replayed((), ["user: My name is Alice"]) == ["user: My name is Alice"]


def test_a_request_that_holds_the_conversation_is_left_as_it_is() -> None:
    for sent in (
        [*DIALOGUE, "user: What's my name?"],
        [*DIALOGUE[1:], "user: What's my name?"],
        [*DIALOGUE[3:], "user: What's my name?"],
    ):
        assert replayed(DIALOGUE, sent) == sent


def test_instructions_of_the_request_replace_the_stored_ones() -> None:
    assert replayed(DIALOGUE, ["system: Be brief.", "user: What's my name?"]) == [
        "system: Be brief.",
        *DIALOGUE[1:],
        "user: What's my name?",
    ]


def test_a_repeated_message_is_not_sent_twice() -> None:
    told, asked = stored(*DIALOGUE), request(DIALOGUE[3])
    replay = plan_replay(told, asked, align(told, asked, is_retry=True), PLENTY)
    assert [position - FIRST_POSITION for position in replay.positions] == [0, 1, 2]


def test_examples_stay_before_the_conversation() -> None:
    dialogue = ("user: cat", "example: chat", "user: dog", "assistant: chien")
    sent = ["user: cat", "assistant: chat", "user: bird"]
    assert replayed(dialogue, sent) == [*sent[:2], *dialogue[2:], sent[2]]


def test_the_newest_exchanges_that_fit_are_kept_whole() -> None:
    dialogue = [line for n in range(9) for line in (f"user: {n}{'x' * 35}", f"assistant: {n}")]
    tokens = [turn.token_estimate for turn in stored(*dialogue)]
    for exchanges in range(10):
        budget = sum(tokens[len(tokens) - 2 * exchanges :])
        for budget_tokens, kept in ((budget, exchanges), (budget - 1, max(exchanges - 1, 0))):
            lines = dialogue[len(dialogue) - 2 * kept :]
            assert replayed(dialogue, ["user: ?"], budget_tokens) == [*lines, "user: ?"]


def test_instructions_count_but_are_never_cut() -> None:
    assert replayed(DIALOGUE, ["user: ?"], budget_tokens=0) == ["system: Be kind.", "user: ?"]
    whole = sum(turn.token_estimate for turn in stored(*DIALOGUE))
    assert replayed(DIALOGUE, ["user: ?"], whole - 1) == [DIALOGUE[0], *DIALOGUE[3:], "user: ?"]


def test_results_get_the_exchange_that_called_for_them_whatever_it_costs() -> None:
    dialogue = ("user: Hi", "assistant: Hello!", "user: The weather?", "calls a,b: ")
    sent = ["tool a: 21", "tool b: 4"]
    assert replayed(dialogue, sent) == [*dialogue, *sent]
    assert replayed(dialogue, sent, budget_tokens=0) == [*dialogue[2:], *sent]
    assert replayed((*dialogue, "tool a: 21"), sent) == [*dialogue, *sent]


def test_calls_that_are_sent_with_their_results_get_the_question_before_them() -> None:
    dialogue = ("user: Hi", "assistant: Hello!", "user: The weather?", "calls a: ")
    assert replayed(dialogue, ["calls a: ", "tool a: 21"]) == [*dialogue, "tool a: 21"]


def test_calls_that_were_never_answered_are_left_out() -> None:
    dialogue = ("user: The weather?", "calls a,b: ", "tool a: 21")
    assert replayed(dialogue, ["user: Never mind"]) == ["user: The weather?", "user: Never mind"]


def test_results_without_their_call_are_left_out() -> None:
    dialogue = ("user: Hi", "tool z: 1", "tool z: 1", "assistant: Hello!")
    assert replayed(dialogue, ["user: ?"]) == [dialogue[0], dialogue[3], "user: ?"]


# --- Any transcript ----------------------------------------------------------------------------


def complaint(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """What OpenAI's endpoint would say of the order of these messages; None when it accepts them.

    Written from its documented rules: the messages after an assistant message with tool_calls must
    answer each of its calls, once and at once, and a tool message may stand nowhere else.
    """
    pending: list[str] = []
    for at, sent in enumerate(messages):
        if sent["role"] == "tool":
            if sent["tool_call_id"] not in pending:
                return f"messages[{at}]: a tool message must answer a preceding call"
            pending.remove(sent["tool_call_id"])
            continue
        if pending:
            return f"messages[{at}]: calls {pending} were not answered"
        pending = [call["id"] for call in sent.get("tool_calls", ())]
    return f"calls {pending} were not answered" if pending else None


@st.composite
def _dialogues(draw: st.DrawFn) -> list[str]:
    """Conversations with tools, and with all that goes wrong in them."""
    lines = []
    for _ in range(draw(st.integers(0, 5))):
        lines.append("user: " + "u" * draw(st.integers(1, 40)))
        for _ in range(draw(st.integers(0, 3))):
            ids = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True))
            lines.append(f"calls {','.join(ids)}: ")
            answered = draw(st.permutations(ids))
            if draw(st.integers(0, 4)) == 0:
                answered = answered[: draw(st.integers(0, len(answered)))]
            lines += [f"tool {call_id}: {'t' * draw(st.integers(1, 40))}" for call_id in answered]
        if draw(st.booleans()):
            lines.append("assistant: " + "a" * draw(st.integers(0, 40)))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(lines)))
        lines.insert(at, draw(st.sampled_from(["system: s", "tool z: orphan", "assistant: alone"])))
    return lines


@given(_dialogues(), st.integers(0, 120))
def test_a_new_message_after_any_replay_is_accepted(dialogue: list[str], budget: int) -> None:
    sent = replayed(dialogue, ["user: New"], budget)
    assert complaint([message(line) for line in sent]) is None
    conversation = [line for line in sent if not line.startswith("system")]
    assert conversation[0].startswith("user")
    spent = [turn.token_estimate for turn in request(*sent[:-1]) if not turn.is_instruction]
    fixed = [turn.token_estimate for turn in request(*sent[:-1]) if turn.is_instruction]
    assert not spent or sum(spent) + sum(fixed) <= budget


@given(_dialogues(), st.lists(st.sampled_from("abcd"), min_size=1, unique=True), st.integers(0, 99))
def test_results_of_pending_calls_are_accepted_after_any_replay(
    dialogue: list[str], ids: list[str], budget: int
) -> None:
    pending = [*dialogue, "user: Do it", f"calls {','.join(ids)}: "]
    results = [f"tool {call_id}: done" for call_id in ids]
    assert complaint([message(line) for line in replayed(pending, results, budget)]) is None


@given(_dialogues())
def test_everything_that_can_be_replayed_is(dialogue: list[str]) -> None:
    """With budget enough, only what endpoints refuse and what no user asked for is left out."""
    sent = replayed(dialogue, ["user: New"])[:-1]
    assert [line for line in sent if line.startswith("user")] == [
        line for line in dialogue if line.startswith("user")
    ]
    if complaint([message(line) for line in dialogue]) is None and (
        not dialogue or dialogue[0].startswith("user")
    ):
        assert [line for line in sent if not line.startswith("system")] == [
            line for line in dialogue if not line.startswith("system")
        ]


def test_the_validator_knows_the_rules() -> None:
    question, calls, one, two = "user: ?", "calls a,b: ", "tool a: 1", "tool b: 2"
    for accepted in (
        [question],
        [question, calls, one, two],
        [question, calls, two, one, question],
    ):
        assert complaint([message(line) for line in accepted]) is None
    for refused in ([calls], [calls, one], [one], [calls, one, question, two], [calls, one, one]):
        assert complaint([message(line) for line in refused]) is not None


# --- Answers as messages of a request ----------------------------------------------------------

CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("answer", "resent"),
    [
        (
            {
                "role": "assistant",
                "content": "Hi",
                "refusal": None,
                "annotations": [],
                "reasoning_content": "Greeting.",
            },
            {"role": "assistant", "content": "Hi"},
        ),
        (
            {"role": "assistant", "content": None, "refusal": "I can't."},
            {"role": "assistant", "refusal": "I can't."},
        ),
        (
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [CALL | {"extra_content": {"signature": "x"}}],
                "reasoning_content": "Call f.",
                "refusal": None,
            },
            {
                "role": "assistant",
                "tool_calls": [CALL | {"extra_content": {"signature": "x"}}],
                "reasoning_content": "Call f.",
            },
        ),
        (
            {"role": "assistant", "content": None, "audio": {"id": "1", "data": "UklGRg=="}},
            {"role": "assistant", "audio": {"id": "1"}},
        ),
        ({"role": "assistant", "content": None}, {"role": "assistant", "content": ""}),
        ({"role": "assistant", "content": ""}, {"role": "assistant", "content": ""}),
    ],
)
def test_an_answer_is_resent_as_endpoints_take_it(
    answer: dict[str, Any], resent: dict[str, Any]
) -> None:
    assert json.loads(request_message(json.dumps(answer))) == resent


def test_messages_of_others_are_resent_as_they_are() -> None:
    for body in (
        '{ "role":"tool", "tool_call_id": "a", "content": "21", "x": null}',
        '{"content": [{"type":"text","text":"Hi"}], "role": "user", "name": "Ann"}',
    ):
        assert request_message(body) == body.encode()
