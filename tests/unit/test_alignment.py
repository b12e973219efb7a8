"""Issue 4: what a request means for the dialogue that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.alignment import Alignment, align
from eunoe_server.domain.meeting import Fit
from eunoe_server.domain.transcript import CHAIN_START, extend_chain
from tests.unit.transcripts import FIRST_POSITION, request, stored

DIALOGUE = (
    "user: Where is Rome?",
    "assistant: Rome is in Italy.",
    "user: And Oslo?",
    "assistant: Oslo is in Norway.",
)
TOOL_DIALOGUE = (
    "user: What is the weather in Rome and Oslo?",
    "calls a,b: One moment.",
    "tool a: 21 degrees",
    "tool b: 4 degrees",
    "assistant: Rome has 21 degrees, Oslo has 4.",
)


def outcome(
    dialogue: Sequence[str], sent: Sequence[str], *, is_retry: bool = False
) -> tuple[Fit, list[str], list[str], list[str]]:
    """How well they fit, and the lines that are appended, superseded and absent."""
    aligned = align(stored(*dialogue), request(*sent), is_retry=is_retry)
    return (
        aligned.fit,
        [sent[index] for index in aligned.appended],
        [dialogue[position - FIRST_POSITION] for position in aligned.superseded],
        [dialogue[position - FIRST_POSITION] for position in aligned.absent],
    )


def aligned(dialogue: Sequence[str], sent: Sequence[str], *, is_retry: bool = False) -> Alignment:
    return align(stored(*dialogue), request(*sent), is_retry=is_retry)


def test_all_of_a_first_request_is_appended() -> None:
    sent = ("system: Be kind.", "user: Where is Rome?")
    assert outcome((), sent) == (Fit.NOTHING_SHARED, list(sent), [], [])
    assert aligned((), sent).chain == CHAIN_START


def test_a_full_resend_appends_what_is_new() -> None:
    sent = (*DIALOGUE, "user: And Bern?")
    assert outcome(DIALOGUE, sent) == (Fit.WHOLE, ["user: And Bern?"], [], [])


def test_pairs_name_index_and_position() -> None:
    sent = ("system: Be kind.", *DIALOGUE, "user: And Bern?")
    dialogue = ("system: Be kind.", *DIALOGUE)
    assert sorted(aligned(dialogue, sent).pairs) == [
        (index, FIRST_POSITION + index) for index in range(5)
    ]


def test_a_last_message_by_itself_is_appended() -> None:
    assert outcome(DIALOGUE, ["user: And Bern?"]) == (
        Fit.NOTHING_SHARED,
        ["user: And Bern?"],
        [],
        list(DIALOGUE),
    )


def test_a_message_that_was_said_before_is_said_again() -> None:
    dialogue = ("user: yes", "assistant: Good.", "user: Done?", "assistant: Nearly.")
    assert outcome(dialogue, ["user: yes"]) == (
        Fit.NOTHING_SHARED,
        ["user: yes"],
        [],
        list(dialogue),
    )


@pytest.mark.parametrize("kept", [3, 2, 1])
def test_a_trimmed_window_appends_what_is_new(kept: int) -> None:
    sent = (*DIALOGUE[-kept:], "user: And Bern?")
    assert outcome(DIALOGUE, sent) == (
        Fit.END,
        ["user: And Bern?"],
        [],
        list(DIALOGUE[:-kept]),
    )


def test_a_window_ends_at_the_last_of_equal_turns() -> None:
    dialogue = ("user: Go on", "assistant: One.", "user: Go on", "assistant: One.")
    sent = ("user: Go on", "assistant: One.", "user: And then?")
    assert outcome(dialogue, sent) == (Fit.END, ["user: And then?"], [], list(dialogue[:2]))


def test_an_edited_message_supersedes_what_came_after() -> None:
    sent = (*DIALOGUE[:2], "user: And Bergen?")
    assert outcome(DIALOGUE, sent) == (
        Fit.BRANCH,
        ["user: And Bergen?"],
        list(DIALOGUE[2:]),
        [],
    )


def test_an_edit_is_found_among_many_equal_answers() -> None:
    dialogue = [line for n in range(30) for line in (f"user: {n}", "assistant: ok")]
    sent = (*dialogue[:4], "user: x")
    assert outcome(dialogue, sent) == (Fit.BRANCH, ["user: x"], dialogue[4:], [])


def test_an_edit_in_a_trimmed_window_supersedes_what_came_after() -> None:
    dialogue = (*DIALOGUE, "user: And Bern?", "assistant: Bern is in Switzerland.")
    sent = (*DIALOGUE[2:], "user: And Basel?")
    assert outcome(dialogue, sent) == (
        Fit.WINDOW_BRANCH,
        ["user: And Basel?"],
        list(dialogue[4:]),
        list(DIALOGUE[:2]),
    )


def test_a_message_edited_in_place_starts_a_branch_there() -> None:
    sent = (*DIALOGUE[:2], "user: And Oslo, please?", DIALOGUE[3], "user: And Bern?")
    assert outcome(DIALOGUE, sent) == (Fit.PATCHED, list(sent[2:]), list(DIALOGUE[2:]), [])


def test_an_edited_answer_takes_the_place_of_the_stored_one() -> None:
    sent = (*DIALOGUE[:3], "assistant: Oslo is up north.", "user: And Bern?")
    assert outcome(DIALOGUE, sent) == (Fit.BRANCH, list(sent[3:]), [DIALOGUE[3]], [])


def test_an_edited_answer_leaves_the_calls_before_it() -> None:
    sent = (TOOL_DIALOGUE[0], "assistant: Warm and cold.", "user: And Bern?")
    assert outcome(TOOL_DIALOGUE, sent) == (
        Fit.BRANCH,
        list(sent[1:]),
        [TOOL_DIALOGUE[4]],
        list(TOOL_DIALOGUE[1:4]),
    )


def test_another_answer_takes_the_place_of_the_former_one() -> None:
    result = aligned(DIALOGUE, DIALOGUE[:3])
    assert result.former_answer == FIRST_POSITION + 3
    assert outcome(DIALOGUE, DIALOGUE[:3]) == (Fit.BRANCH, [], [DIALOGUE[3]], [])
    assert result.is_repeat


def test_another_answer_may_be_asked_for_far_back() -> None:
    result = aligned(DIALOGUE, DIALOGUE[:1])
    assert result.former_answer is None, "alone it may as well be a message said twice"
    dialogue = (*DIALOGUE, "user: And Bern?", "assistant: Bern is in Switzerland.")
    assert outcome(dialogue, DIALOGUE[:3]) == (Fit.BRANCH, [], list(dialogue[3:]), [])


def test_the_first_message_again_asks_for_another_answer() -> None:
    result = aligned(DIALOGUE[:2], DIALOGUE[:1])
    assert result.former_answer == FIRST_POSITION + 1
    assert result.is_repeat


def test_a_marked_retry_of_a_last_message_stores_nothing() -> None:
    result = aligned(DIALOGUE, ["user: And Oslo?"], is_retry=True)
    assert result.is_repeat
    assert result.former_answer == FIRST_POSITION + 3
    assert outcome(DIALOGUE, ["user: And Oslo?"], is_retry=True)[1:3] == ([], [DIALOGUE[3]])


def test_a_retry_of_a_message_that_was_never_answered_stores_nothing() -> None:
    for is_retry in (True, False):
        result = aligned(DIALOGUE[:3], ["user: And Oslo?"], is_retry=is_retry)
        assert result.is_repeat
        assert result.awaits_answer
        assert (result.appended, result.superseded) == ((), ())


def test_a_retry_that_was_never_stored_is_a_new_message() -> None:
    assert outcome(DIALOGUE, ["user: And Bern?"], is_retry=True)[1] == ["user: And Bern?"]


def test_results_of_parallel_calls_are_appended() -> None:
    sent = TOOL_DIALOGUE[:4]
    assert outcome(TOOL_DIALOGUE[:2], sent) == (Fit.WHOLE, list(sent[2:]), [], [])


def test_results_by_themselves_belong_to_the_pending_calls() -> None:
    sent = TOOL_DIALOGUE[2:4]
    assert outcome(TOOL_DIALOGUE[:2], sent) == (
        Fit.NOTHING_SHARED,
        list(sent),
        [],
        list(TOOL_DIALOGUE[:2]),
    )
    assert outcome(TOOL_DIALOGUE[:3], sent) == (
        Fit.END,
        [sent[1]],
        [],
        list(TOOL_DIALOGUE[:2]),
    )
    assert aligned(TOOL_DIALOGUE, sent).former_answer == FIRST_POSITION + 4


def test_calls_and_results_without_the_question_belong_to_it() -> None:
    sent = TOOL_DIALOGUE[1:4]
    assert outcome(TOOL_DIALOGUE[:2], sent) == (
        Fit.END,
        list(sent[1:]),
        [],
        [TOOL_DIALOGUE[0]],
    )


def test_tool_traffic_may_be_left_out() -> None:
    sent = (TOOL_DIALOGUE[0], TOOL_DIALOGUE[4], "user: And Bern?")
    assert outcome(TOOL_DIALOGUE, sent) == (
        Fit.WHOLE,
        ["user: And Bern?"],
        [],
        list(TOOL_DIALOGUE[1:4]),
    )


def test_results_that_were_read_may_be_replaced_by_a_note() -> None:
    sent = (*TOOL_DIALOGUE[:2], "tool a: [removed]", "tool b: [removed]", TOOL_DIALOGUE[4])
    assert outcome(TOOL_DIALOGUE, (*sent, "user: And Bern?")) == (
        Fit.WHOLE,
        ["user: And Bern?"],
        [],
        [],
    )


def test_a_result_that_is_not_answered_yet_may_be_replaced() -> None:
    sent = (*TOOL_DIALOGUE[:2], "tool a: 22 degrees", "tool b: 4 degrees")
    assert outcome(TOOL_DIALOGUE, sent) == (
        Fit.BRANCH,
        list(sent[2:]),
        list(TOOL_DIALOGUE[2:]),
        [],
    )


def test_numbered_calls_of_two_rounds_are_told_apart() -> None:
    dialogue = (
        "user: Count.",
        "calls call_0: ",
        "tool call_0: 1",
        "calls call_0: ",
        "tool call_0: 2",
    )
    for rounds in (3, 5):
        assert outcome(dialogue[: rounds - 1], dialogue[:rounds])[1:3] == (
            [dialogue[rounds - 1]],
            [],
        )
    assert aligned(dialogue[:4], dialogue[:3]).former_answer == FIRST_POSITION + 3


def test_a_summary_in_place_of_old_turns_is_not_stored() -> None:
    sent = ("user: So far we spoke of Rome.", *DIALOGUE[2:], "user: And Bern?")
    assert outcome(DIALOGUE, sent) == (
        Fit.PATCHED,
        ["user: And Bern?"],
        [],
        list(DIALOGUE[:2]),
    )


def test_an_edit_after_a_summary_supersedes_what_came_after() -> None:
    dialogue = (*DIALOGUE, "user: And Bern?", "assistant: Bern is in Switzerland.")
    sent = ("user: So far we spoke of Rome.", *DIALOGUE[2:], "user: And Basel?")
    assert outcome(dialogue, sent) == (
        Fit.WINDOW_BRANCH,
        ["user: And Basel?"],
        list(dialogue[4:]),
        list(DIALOGUE[:2]),
    )


def test_of_equal_answers_the_one_with_the_same_history_is_meant() -> None:
    dialogue = (*DIALOGUE, "user: ok", "assistant: Great.", "user: ok", "assistant: Great.")
    sent = ("user: So far we spoke of Rome.", *dialogue[2:-1])
    result = aligned(dialogue, sent)
    assert result.appended == ()
    assert result.former_answer == FIRST_POSITION + len(dialogue) - 1


def test_a_dropped_middle_stays() -> None:
    dialogue = (*DIALOGUE, "user: And Bern?", "assistant: Bern is in Switzerland.")
    sent = (*DIALOGUE[:2], *dialogue[4:], "user: And Bonn?")
    assert outcome(dialogue, sent) == (
        Fit.PATCHED,
        ["user: And Bonn?"],
        [],
        list(DIALOGUE[2:]),
    )


def test_answers_from_elsewhere_are_appended() -> None:
    sent = (*DIALOGUE, "user: And Bern?")
    assert outcome(DIALOGUE[:2], sent) == (Fit.OUTGROWN, list(sent[2:]), [], [])


def test_answers_from_elsewhere_are_appended_to_a_window() -> None:
    dialogue = ("user: Hello", "assistant: Hello!", *DIALOGUE[:2])
    assert outcome(dialogue, (*DIALOGUE, "user: And Bern?")) == (
        Fit.OUTGROWN,
        [*DIALOGUE[2:], "user: And Bern?"],
        [],
        list(dialogue[:2]),
    )


def test_an_answer_from_elsewhere_is_appended_to_its_question() -> None:
    sent = (DIALOGUE[0], "assistant: In Lazio.", "user: And Oslo?")
    assert outcome(DIALOGUE[:1], sent) == (Fit.OUTGROWN, list(sent[1:]), [], [])


def test_another_branch_from_the_first_answer_on_supersedes_this_one() -> None:
    sent = (
        DIALOGUE[0],
        "assistant: In Lazio.",
        "user: Since when?",
        "assistant: 753 BC.",
        "user: Oh",
    )
    assert outcome(DIALOGUE, sent) == (Fit.DIVERGED, list(sent[1:]), list(DIALOGUE[1:]), [])


def test_another_branch_supersedes_this_one() -> None:
    sent = (*DIALOGUE[:2], "user: And Bern?", "assistant: In Switzerland.", "user: And Bonn?")
    assert outcome(DIALOGUE, sent) == (Fit.DIVERGED, list(sent[2:]), list(DIALOGUE[2:]), [])


@pytest.mark.parametrize("resent", ["Oslo is in", "Oslo is in Norway, far", " Oslo  is in\n"])
def test_an_answer_that_broke_off_is_known_by_its_beginning(resent: str) -> None:
    dialogue = (*DIALOGUE[:3], "cut: Oslo is in Norway")
    sent = (*DIALOGUE[:3], f"assistant: {resent}", "user: Go on")
    assert outcome(dialogue, sent) == (Fit.WHOLE, ["user: Go on"], [], [])
    assert aligned(dialogue, sent).evidence.shares_cut_answer


def test_an_answer_that_is_whole_is_not_known_by_its_beginning() -> None:
    whole = stored(*DIALOGUE)
    told = (*whole[:3], replace(whole[3], text="Oslo is in Norway."))
    sent = request(*DIALOGUE[:3], "assistant: Oslo is in", "user: Go on")
    assert align(told, sent).superseded == (FIRST_POSITION + 3,)


def test_an_answer_that_broke_off_may_be_dropped() -> None:
    dialogue = (*DIALOGUE[:3], "cut: Oslo is")
    sent = (*DIALOGUE[:3], "user: Are you there?")
    assert outcome(dialogue, sent)[1:3] == (["user: Are you there?"], ["cut: Oslo is"])


def test_a_changed_instruction_takes_the_place_of_the_stored_one() -> None:
    dialogue = ("system: Be kind.", *DIALOGUE)
    sent = ("system: Be brief.", *DIALOGUE, "user: And Bern?")
    assert outcome(dialogue, sent) == (
        Fit.WHOLE,
        ["system: Be brief.", "user: And Bern?"],
        ["system: Be kind."],
        [],
    )


def test_a_request_without_instructions_leaves_them_as_they_are() -> None:
    dialogue = ("system: Be kind.", *DIALOGUE)
    assert outcome(dialogue, (*DIALOGUE, "user: And Bern?")) == (
        Fit.WHOLE,
        ["user: And Bern?"],
        [],
        [],
    )


def test_a_branch_keeps_the_instructions_that_are_still_sent() -> None:
    dialogue = (*DIALOGUE[:2], "developer: Be brief.", *DIALOGUE[2:])
    sent = (*DIALOGUE[:2], "developer: Be brief.", "user: And Bergen?")
    assert outcome(dialogue, sent)[1:3] == (["user: And Bergen?"], list(DIALOGUE[2:]))


EXAMPLES = ("user: Say it in French: cat", "assistant: chat")
STORED_EXAMPLES = ("user: Say it in French: cat", "example: chat")


def test_examples_before_every_message_are_no_history() -> None:
    dialogue = (*STORED_EXAMPLES, "user: Say it in French: dog", "assistant: chien")
    sent = (*EXAMPLES, "user: Say it in French: bird")
    assert outcome(dialogue, sent) == (
        Fit.NOTHING_SHARED,
        ["user: Say it in French: bird"],
        [],
        list(dialogue[2:]),
    )


def test_changed_examples_are_no_other_branch() -> None:
    dialogue = (*STORED_EXAMPLES, "user: Say it in French: dog", "assistant: chien")
    sent = (EXAMPLES[0], "assistant: le chat", "user: Say it in French: bird")
    assert outcome(dialogue, sent)[1:3] == (list(sent[1:]), [])


def test_examples_do_not_hide_history() -> None:
    dialogue = (*STORED_EXAMPLES, "user: Say it in French: dog", "assistant: chien")
    sent = (*EXAMPLES, *dialogue[2:], "user: And bird?")
    assert outcome(dialogue, sent) == (Fit.WHOLE, ["user: And bird?"], [], [])


def test_a_request_of_instructions_alone_changes_nothing_else() -> None:
    assert outcome(DIALOGUE, ["system: Be kind."])[1:3] == (["system: Be kind."], [])


def test_the_chain_is_that_of_the_turns_that_stay() -> None:
    dialogue = stored(*DIALOGUE)
    assert aligned(DIALOGUE, (*DIALOGUE, "user: x")).chain == dialogue[-1].chain
    assert aligned(DIALOGUE, (*DIALOGUE[:2], "user: x")).chain == dialogue[1].chain


def test_chains_tell_conversations_apart() -> None:
    one, other = request("user: a", "user: b")
    start = extend_chain(CHAIN_START, one.digest)
    assert len(start) == 16
    assert start != extend_chain(CHAIN_START, other.digest)
    assert extend_chain(start, other.digest) != extend_chain(
        extend_chain(CHAIN_START, other.digest), one.digest
    )


_lines = st.lists(
    st.sampled_from(
        [
            "user: a",
            "user: b",
            "assistant: a",
            "assistant: b",
            "cut: a b",
            "example: a",
            "calls x,y: ",
            "calls x: ",
            "tool x: 1",
            "tool y: 1",
            "system: a",
            "developer: b",
        ]
    ),
    max_size=9,
)


@given(_lines, _lines, st.booleans())
def test_no_turn_is_lost_or_told_twice(
    dialogue: list[str], sent: list[str], is_retry: bool
) -> None:
    result = align(stored(*dialogue), request(*sent), is_retry=is_retry)
    indexes = [index for index, _ in result.pairs]
    positions = [position for _, position in result.pairs]
    assert len(set(indexes)) == len(indexes)
    assert len(set(positions)) == len(positions)
    assert not set(indexes) & set(result.appended)
    assert list(result.appended) == sorted(result.appended)
    active = {turn.position for turn in stored(*dialogue) if not turn.is_instruction}
    told_positions = set(positions) & active
    assert told_positions | set(result.absent) | (set(result.superseded) & active) == active
    assert not set(positions) & set(result.superseded)
    assert not set(result.absent) & set(result.superseded)
    if result.former_answer is not None:
        assert result.former_answer in result.superseded


@given(_lines, _lines)
def test_a_conversation_that_was_stored_is_then_a_repeat(
    dialogue: list[str], sent: list[str]
) -> None:
    """What a request leads to fits the same request again: no copy is ever made by repeating."""
    before = stored(*dialogue)
    first = align(before, request(*sent))
    kept = [
        line
        for line, turn in zip(dialogue, before, strict=True)
        if turn.position not in first.superseded
    ]
    after = [*kept, *(sent[index] for index in first.appended)]
    if not first.absent and any(line.startswith("assistant") for line in sent):
        again = align(stored(*after), request(*sent))
        assert [index for index in again.appended if not request(*sent)[index].is_instruction] == []
