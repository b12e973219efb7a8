"""Issue 4: which dialogue a request without an id continues, and when none is sure enough."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from eunoe_server.domain.alignment import align
from eunoe_server.domain.identity import (
    Candidate,
    Sighting,
    choose,
    is_settled,
    is_undisturbed,
    lookup_keys,
    shortlist,
)
from eunoe_server.domain.transcript import CHAIN_START, extend_chain
from tests.unit.transcripts import request, stored

ROME = ("user: Where is Rome, and since when?", "assistant: In Italy, since 753 BC.")
OSLO = ("user: And Oslo, if you please?", "assistant: In Norway, since about 1040.")
BERN = ("user: And what of Bern?", "assistant: In Switzerland, since 1191.")
HELLO = ("user: hi", "assistant: Hello!")
ESSAY = "assistant: " + "Rome was not built in a day. " * 8
THANKS = ("user: thanks", "assistant: You're welcome!")


def chosen(
    sent: Sequence[str],
    *dialogues: Sequence[str],
    is_retry: bool = False,
    idle_seconds: float = 1,
) -> int | None:
    """Which of the dialogues the request continues; the last of them was used last."""
    candidates = [
        Candidate(
            dialogue_key=key,
            stored=stored(*dialogue),
            idle=timedelta(seconds=idle_seconds + len(dialogues) - key),
        )
        for key, dialogue in enumerate(dialogues)
    ]
    match = choose(request(*sent), candidates, is_retry=is_retry)
    return match.dialogue_key if match else None


def test_a_dialogue_that_is_resent_whole_is_continued() -> None:
    assert chosen((*ROME, *OSLO, "user: And Bern?"), (*ROME, *OSLO)) == 0


def test_a_request_that_resends_no_answer_is_new() -> None:
    assert chosen(["user: Where is Rome, and since when?"], ROME) is None
    assert chosen(["user: Where is Rome, and since when?"], ROME[:1]) is None
    assert chosen(["user: So, we said: Rome is in Italy. And Oslo?"], ROME) is None


def test_instructions_do_not_matter() -> None:
    dialogue = ("system: Be kind.", *ROME)
    for instructions in ([], ["system: Be brief."], ["developer: It is noon.", "system: Be."]):
        assert chosen((*instructions, *ROME, "user: And Oslo?"), dialogue) == 0


def test_the_dialogue_that_ends_so_comes_before_one_that_would_branch() -> None:
    assert chosen((*ROME, "user: And Bern?"), (*ROME, *OSLO), ROME) == 1
    assert chosen((*ROME, "user: And Bern?"), ROME, (*ROME, *OSLO)) == 0


def test_a_dialogue_that_ends_so_is_continued_however_little_was_said() -> None:
    assert chosen((*HELLO, "user: And Bern?"), (*HELLO, *ROME), HELLO) == 1


def test_a_dialogue_that_is_held_word_for_word_comes_before_one_with_gaps() -> None:
    with_tools = (HELLO[0], "calls a: ", "tool a: 1", HELLO[1])
    assert chosen((*HELLO, "user: And Bern?"), HELLO, with_tools) == 0


def test_the_longest_shared_conversation_wins() -> None:
    assert chosen((*ROME, *OSLO, "user: And Bern?"), ROME, (*ROME, *OSLO), ROME) == 1


def test_of_equal_conversations_the_last_used_is_continued() -> None:
    assert chosen((*HELLO, "user: Where is Rome?"), HELLO, HELLO) == 1


def test_a_common_opening_alone_makes_no_branch() -> None:
    assert chosen((*HELLO, "user: And Bern?"), (*HELLO, *ROME)) is None


def test_an_edit_is_followed_when_only_one_dialogue_fits() -> None:
    assert chosen((*ROME, "user: And Bern?"), (*ROME, *OSLO)) == 0
    assert chosen((*ROME, "user: And Bonn?"), (*ROME, *OSLO), (*ROME, *BERN)) is None


def test_another_answer_is_asked_of_the_dialogue_that_was_asked_the_same() -> None:
    assert chosen((*ROME, OSLO[0]), (*ROME, *OSLO), (*ROME, *BERN)) == 0


def test_a_trimmed_window_finds_its_dialogue() -> None:
    assert chosen((*OSLO, "user: And Bern?"), (*ROME, *OSLO), (*ROME, *BERN)) == 0
    assert chosen((*THANKS, "user: And Bern?"), (*ROME, *THANKS)) == 0


def test_a_window_that_fits_several_dialogues_is_new() -> None:
    assert chosen((*THANKS, "user: And Bern?"), (*ROME, *THANKS), (*OSLO, *THANKS)) is None
    assert chosen((*OSLO, "user: And Bern?"), (*ROME, *OSLO), (*OSLO, *BERN)) is None


def test_one_resent_answer_must_be_long_to_tell() -> None:
    assert chosen((ESSAY, "user: Go on"), (ROME[0], ESSAY)) == 0
    assert chosen(("assistant: Hello!", "user: Go on"), HELLO) is None
    assert chosen((ROME[1], "user: Go on"), ROME) is None


def test_tool_results_continue_the_dialogue_that_called() -> None:
    calls = ("user: What is the weather?", "calls a,b: ")
    assert chosen((*calls, "tool a: 21", "tool b: 4"), HELLO, calls) == 1


def test_a_client_that_drops_tool_traffic_is_recognised() -> None:
    dialogue = ("user: The weather in Rome?", "calls a: ", "tool a: 21", "assistant: 21 degrees.")
    sent = (dialogue[0], dialogue[3], "user: And in Oslo?")
    assert chosen(sent, dialogue) == 0
    assert chosen(sent, dialogue, (dialogue[0], dialogue[3], *ROME)) is None, "or is it an edit?"


def test_examples_prove_nothing() -> None:
    example = "Translate to French, and only that, please: The cat sleeps on the sofa."
    examples = (f"user: {example}", "assistant: Le chat dort sur le canape.")
    dialogue = (examples[0], "example: Le chat dort sur le canape.", *ROME)
    assert chosen((*examples, "user: And Bern?"), dialogue) is None
    assert chosen((*examples, ROME[0]), dialogue) is None
    assert chosen((*examples, ROME[0]), dialogue[:3]) is None
    assert chosen((*examples, *HELLO, "user: And Bern?"), (*dialogue[:2], *HELLO, *ROME)) is None
    assert chosen((*examples, *ROME, "user: And Bern?"), dialogue) == 0


def test_an_imported_dialogue_is_continued_from_its_end() -> None:
    imported = (ROME[0], ROME[1].replace("assistant", "example"))
    assert chosen((*ROME, "user: And Bern?"), imported) == 0
    short = ("user: hi", "example: Hello!")
    assert chosen((*HELLO, "user: And Bern?"), short) is None


def test_a_summary_in_place_of_old_turns_is_seen_through() -> None:
    sent = ("user: So far we spoke of Rome.", *OSLO, "user: And Bern?")
    assert chosen(sent, (*ROME, *OSLO)) == 0
    assert chosen(("user: We spoke.", ESSAY, "user: And Bern?"), (*ROME, OSLO[0], ESSAY)) is None


def test_answers_from_elsewhere_do_not_hide_the_dialogue() -> None:
    assert chosen((*ROME, *OSLO, "user: And Bern?"), ROME) == 0
    assert chosen((*HELLO, *OSLO, "user: And Bern?"), HELLO) is None


def test_a_conversation_that_went_two_ways_becomes_two_dialogues() -> None:
    edited = (*ROME, *BERN)
    assert chosen((*ROME, *OSLO, "user: And Bonn?"), edited) is None


def test_an_answer_that_the_client_stopped_is_recognised() -> None:
    dialogue = (ROME[0], "cut: In Italy, since 753 BC or there")
    sent = (ROME[0], "assistant: In Italy, since 753", "user: Stop.")
    assert chosen(sent, dialogue) == 0
    assert chosen((*HELLO[:1], "assistant: Hel", "user: Stop."), ("user: hi", "cut: Hell")) is None


def test_a_twin_that_is_being_answered_is_left_alone() -> None:
    assert chosen((*ROME, OSLO[0]), ROME, (*ROME, OSLO[0])) == 0
    assert chosen((*ROME, OSLO[0]), (*ROME, OSLO[0])) == 0


def test_a_marked_retry_finds_what_it_repeats() -> None:
    assert chosen(ROME[:1], ROME, is_retry=True) == 0
    assert chosen(ROME[:1], ROME[:1], is_retry=True) == 0
    assert chosen((*ROME, OSLO[0]), (*ROME, *OSLO), ROME, is_retry=True) == 0
    assert chosen(ROME[:1], OSLO, is_retry=True) is None


def test_a_marked_retry_is_new_when_it_is_late_or_may_repeat_several() -> None:
    assert chosen(HELLO[:1], HELLO, is_retry=True, idle_seconds=3600) is None
    assert chosen(HELLO[:1], HELLO, HELLO, is_retry=True) is None


def undisturbed(
    sent: Sequence[str], found: Sequence[str], now: Sequence[str], *, is_retry: bool = False
) -> bool:
    asked = request(*sent)
    return is_undisturbed(
        align(stored(*found), asked, is_retry=is_retry),
        align(stored(*now), asked, is_retry=is_retry),
        is_retry=is_retry,
    )


def test_a_dialogue_that_another_conversation_went_on_in_is_not_branched() -> None:
    sent = (*HELLO, "user: And Bern?")
    assert undisturbed(sent, HELLO, HELLO)
    assert not undisturbed(sent, HELLO, (*HELLO, *ROME))


def test_a_branch_supersedes_only_what_was_there_when_it_was_matched() -> None:
    sent = (*ROME, "user: And Bern?")
    assert undisturbed(sent, (*ROME, *OSLO), (*ROME, *OSLO))
    assert not undisturbed(sent, (*ROME, *OSLO), (*ROME, *OSLO, *THANKS))


def test_a_retry_may_find_its_first_attempt_stored_meanwhile() -> None:
    sent = (*ROME, OSLO[0])
    assert undisturbed(sent, ROME, (*ROME, *OSLO), is_retry=True)
    assert not undisturbed(sent, ROME, (*ROME, *OSLO))
    assert not undisturbed(sent, ROME, (*ROME, *BERN), is_retry=True)


def test_a_first_request_is_not_looked_up() -> None:
    keys = lookup_keys(request("system: Be kind.", "user: hi"))
    assert (keys.chains, keys.digests) == ((), ())


def test_a_retried_first_request_is_looked_up() -> None:
    sent = request("system: Be kind.", "user: hi")
    keys = lookup_keys(sent, is_retry=True)
    assert keys.chains == (extend_chain(CHAIN_START, sent[1].digest),)


def test_chains_are_asked_for_longest_first() -> None:
    keys = lookup_keys(request("system: Be kind.", *ROME, *OSLO, "user: And Bern?"))
    whole = stored(*ROME, *OSLO, "user: And Bern?")
    assert keys.chains == tuple(turn.chain for turn in reversed(whole))
    assert keys.continuation_count == 2


def test_long_requests_ask_for_a_bounded_number_of_keys() -> None:
    lines = [line for n in range(500) for line in (f"user: Why {n}?", f"assistant: Because {n}.")]
    keys = lookup_keys(request(*lines, "user: Why?"))
    assert len(keys.chains) <= 32
    assert len(keys.digests) <= 8


def _sighting(dialogue: int, key: bytes, position: int, last: int, age: float = 0) -> Sighting:
    return Sighting(dialogue, position, key, last, timedelta(seconds=age))


def test_a_dialogue_that_ends_with_the_resent_history_settles_the_search() -> None:
    keys = lookup_keys(request(*ROME, "user: And Bern?"))
    asked, answered, opening = keys.chains
    assert is_settled(keys, [_sighting(1, answered, 1, 1)])
    assert is_settled(keys, [_sighting(1, asked, 2, 2)])
    assert not is_settled(keys, [_sighting(1, answered, 1, 3)])
    assert not is_settled(keys, [_sighting(1, opening, 0, 0)])
    sightings = [
        _sighting(1, answered, 1, 3),
        _sighting(2, answered, 1, 1, 9),
        _sighting(3, answered, 1, 1),
    ]
    assert shortlist(keys, sightings) == (3, 2)
    assert len(shortlist(keys, [_sighting(key, answered, 1, 1) for key in range(50)])) == 4


def test_a_retry_settles_nothing() -> None:
    keys = lookup_keys(request(*ROME, "user: And Bern?"), is_retry=True)
    assert not is_settled(keys, [_sighting(1, keys.chains[1], 1, 1)])


def test_the_likeliest_dialogues_are_loaded_first() -> None:
    keys = lookup_keys(request(*ROME, *OSLO, "user: And Bern?"))
    digests = keys.digests
    sightings = [
        _sighting(1, digests[0], 3, 9),
        _sighting(2, digests[0], 3, 3),
        _sighting(3, digests[0], 3, 9),
        _sighting(3, digests[1], 1, 9),
        _sighting(4, keys.chains[-1], 1, 9),
        _sighting(5, keys.chains[1], 3, 9),
    ]
    assert shortlist(keys, sightings) == (5, 4, 3, 2, 1)
    many = [_sighting(key, digests[0], 3, 9, age=key) for key in range(50)]
    assert shortlist(keys, many) == tuple(range(8))


@pytest.mark.parametrize("sent", [(), ("system: Be kind.",)])
def test_a_request_without_a_conversation_finds_none(sent: tuple[str, ...]) -> None:
    assert lookup_keys(request(*sent)).chains == ()
    assert chosen(sent, ROME, (), ("system: Be kind.",), is_retry=True) is None
