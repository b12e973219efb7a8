"""One policy for secrets, wherever content is about to be stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from eunoe_server.domain.alignment import align
from eunoe_server.domain.dialogue_draft import DialogueChange, DialogueDraft
from eunoe_server.domain.memory_draft import MemoryDraft
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.recalled import Quote
from eunoe_server.domain.screening import NO_SCREEN, Screen, SecretPolicy
from eunoe_server.domain.search_entry import SearchObject
from eunoe_server.domain.transcript import CHAIN_START, StoredTurn, extend_chain
from eunoe_server.domain.turn import Turn, read_turn
from eunoe_server.errors import InvalidInput

KEY = "sk-" + "proj-Zx81kQ0pLm47Rt"
MARK = "[redacted: API key]"
REDACT, BLOCK = Screen(SecretPolicy.REDACT), Screen(SecretPolicy.BLOCK)
JSON = json.dumps(f"Use {KEY}.")


def test_off_nothing_is_changed_or_refused() -> None:
    assert NO_SCREEN.memory(MemoryDraft(JSON), "m", "").value == JSON
    turn = read_turn(json.dumps({"role": "user", "content": KEY}).encode())
    assert NO_SCREEN.turn(turn) is turn


def test_of_a_memory_everything_but_its_id_is_screened() -> None:
    draft = MemoryDraft(
        JSON,
        id=KEY,
        label=KEY,
        description=f"about {KEY}",
        tags=["a", KEY],
        metadata=json.dumps({"x": KEY}),
    )
    memory = REDACT.memory(draft, "m", "")
    assert memory.id == KEY
    assert memory.value == f'"Use {MARK}."'
    assert memory.text == f"{MARK}\nabout {MARK}\nUse {MARK}."
    assert memory.tags == ("a", MARK)
    assert json.loads(memory.metadata) == {"x": MARK}


def test_of_a_message_everything_but_its_fingerprint_is_screened() -> None:
    draft = MessageDraft(
        "assistant",
        content=JSON,
        name=KEY,
        tool_calls=json.dumps(
            [{"id": "c", "type": "function", "function": {"name": "f", "arguments": KEY}}]
        ),
        extra=json.dumps({"reasoning": KEY}),
        tags=[KEY],
        metadata=json.dumps({"x": KEY}),
    )
    kept, said = REDACT.message(draft, "m", "messages[0]"), draft.accepted("m", "messages[0]")
    assert KEY not in repr(kept)
    assert kept.body == said.body.replace(KEY, MARK)
    assert kept.digest == said.digest


@pytest.mark.parametrize("screen", [REDACT, BLOCK])
def test_what_holds_no_secret_is_stored_as_without_a_screen(screen: Screen) -> None:
    memory = MemoryDraft('"tea"', label="l", tags=["b", "a", "b"], metadata='{"x": 1}')
    message = MessageDraft("user", '"tea"', name="Ana", tags=["b"], metadata='{"x": 1}')
    dialogue = DialogueDraft(label="l", state='{"x": 1}', tags=("b",))
    assert screen.memory(memory, "m", "") == NO_SCREEN.memory(memory, "m", "")
    assert screen.message(message, "m", "p") == NO_SCREEN.message(message, "m", "p")
    assert screen.dialogue(dialogue, "d") == NO_SCREEN.dialogue(dialogue, "d")


def test_of_a_dialogue_label_state_metadata_and_tags_are_screened() -> None:
    draft = DialogueDraft(
        label=KEY, state=json.dumps({"k": KEY}), metadata=json.dumps({"k": KEY}), tags=[KEY]
    )
    dialogue = REDACT.dialogue(draft, "d")
    assert KEY not in repr(dialogue)
    assert json.loads(dialogue.filterable) == json.loads(dialogue.metadata) == {"k": MARK}
    assert REDACT.change(DialogueChange(KEY, [KEY], json.dumps({"k": KEY}))) == DialogueChange(
        MARK, (MARK,), json.dumps({"k": MARK})
    )


@pytest.mark.parametrize(
    ("write", "field"),
    [
        (lambda: BLOCK.memory(MemoryDraft(JSON), "m", "memories[2]."), "memories[2].value"),
        (lambda: BLOCK.message(MessageDraft("user", JSON), "m", "messages[1]"), "messages[1].content"),  # noqa: E501
        (lambda: BLOCK.dialogue(DialogueDraft(tags=["a", KEY]), "d"), "tags[1]"),
        (lambda: BLOCK.change(DialogueChange(state=f'{{"k":{JSON}}}')), "state"),
    ],
)  # fmt: skip
def test_a_blocked_write_names_the_field_and_not_the_secret(write: object, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        write()  # type: ignore[operator]
    assert refused.value.fields[0].field == field
    assert "an API key" in refused.value.fields[0].description
    assert KEY not in repr(refused.value) + repr(refused.value.fields)


@pytest.mark.parametrize("screen", [REDACT, BLOCK])
def test_a_chat_s_message_is_redacted_and_recognised_when_it_is_resent(screen: Screen) -> None:
    said = [
        read_turn(json.dumps(message).encode())
        for message in (
            {"role": "user", "content": f"Remember {KEY}", "id": 12345678901234567890},
            {"role": "assistant", "content": f"I keep {KEY} in mind."},
        )
    ]
    kept = [screen.turn(turn) for turn in said]
    assert [turn.text for turn in kept] == [f"Remember {MARK}", f"I keep {MARK} in mind."]
    assert '"id": 12345678901234567890' in kept[0].body
    asked = read_turn(b'{"role":"user","content":"Go on."}')
    alignment = align(stored(kept), [*said, asked])
    assert alignment.appended == (2,)
    assert alignment.superseded == ()


def test_a_cut_answer_is_recognised_by_what_was_kept_of_it() -> None:
    question = read_turn(b'{"role":"user","content":"Which key?"}')
    answer = read_turn(
        json.dumps(
            {"role": "assistant", "content": f"The key is {KEY} and it is valid un"}
        ).encode()
    )
    longer = read_turn(
        json.dumps(
            {"role": "assistant", "content": f"The key is {KEY} and it is valid until May."}
        ).encode()
    )
    asked = read_turn(b'{"role":"user","content":"Go on."}')
    alignment = align(
        stored([question, REDACT.turn(answer)], is_interrupted=True), [question, longer, asked]
    )
    assert [pair[0] for pair in alignment.pairs] == [0, 1]


def stored(turns: list[Turn], *, is_interrupted: bool = False) -> list[StoredTurn]:
    """As a dialogue that holds these turns; the last is an answer."""
    kept, chain = [], CHAIN_START
    for position, turn in enumerate(turns):
        chain = extend_chain(chain, turn.digest)
        is_answer = turn.role == "assistant"
        kept.append(
            StoredTurn(
                position=position,
                role=turn.role,
                digest=turn.digest,
                chain=chain,
                tool_call_ids=turn.tool_call_ids,
                token_estimate=turn.token_estimate,
                is_interrupted=is_interrupted and is_answer,
                is_answer=is_answer,
                text=turn.text if is_interrupted and is_answer else "",
            )
        )
    return kept


def test_what_was_stored_before_is_screened_when_it_is_recalled() -> None:
    day = datetime(2026, 11, 20, tzinfo=UTC)
    quote = Quote(SearchObject.MESSAGE, 1, "m1", "d1", "user", day, f"Use {KEY}.")
    assert REDACT.quote(quote).text == f"Use {MARK}."
    assert NO_SCREEN.quote(quote) is quote
