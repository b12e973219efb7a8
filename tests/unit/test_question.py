"""What a question asks for, read by rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from eunoe_server.domain.question import asking_share, asks_nothing, read_question, speaker_words

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("What is my name?", "user"),
        ("Which wine did we drink at the lake", "user"),
        ("It rained all day. Where did I leave the umbrella?", "user"),
        ("Can you remind me where I parked?", "user"),
        ("What did you recommend against moths?", "assistant"),
        ("What was your advice about my lease?", "assistant"),
        ("Which of the three you mentioned is the cheapest?", "assistant"),
        ("How do I reverse a list?", ""),
        ("Could you write me a poem?", ""),
        ("I am tired and my feet hurt.", ""),
        ("What is the capital of France?", ""),
    ],
)
def test_a_question_is_about_the_user_the_assistant_or_nobody(text: str, role: str) -> None:
    assert read_question(text, NOW).sought_role == role


def test_a_named_speaker_is_sought_and_is_no_topic() -> None:
    question = read_question("Where did Ana's sister go with Ben?", NOW, ["ana", "ben"])
    assert question.sought_speakers == {"ana", "ben"}
    assert question.topic == "Where did sister go with ?"
    assert question.sought_role == ""


def test_a_question_of_names_alone_keeps_them_as_its_topic() -> None:
    assert read_question("Ana Silva?", NOW, ["ana silva"]).topic == "Ana Silva?"


def test_names_are_written_with_capitals_where_there_are_any() -> None:
    assert speaker_words("Will Ana may go, or will Will?") == ["ana", "will"]
    assert speaker_words("what did ana\N{RIGHT SINGLE QUOTATION MARK}s brother say") == [
        "what",
        "ana",
        "brother",
        "say",
    ]


@pytest.mark.parametrize("text", ["Thanks!", "ok", "Hello, good morning", "yes please", "…", ""])
def test_small_talk_asks_nothing(text: str) -> None:
    assert asks_nothing(text)


@pytest.mark.parametrize("text", ["What?", "Thanks, and the train?", "peanuts"])
def test_a_word_of_substance_asks_something(text: str) -> None:
    assert not asks_nothing(text)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("", 0.0),
        ("No question here.", 0.0),
        ("Really?", 1.0),
        ("Four. Five?", 0.5),
        ("Is version 2.0 out?\nYes, it is out now.", 0.5),
    ],
)
def test_the_asking_share_counts_characters_of_sentences(text: str, share: float) -> None:
    assert asking_share(text) == pytest.approx(share, abs=0.01)


def test_a_text_of_a_megabyte_is_read_in_part() -> None:
    text = "Why? " * 200_000
    assert asking_share(text) == 1.0
    assert len(read_question(text, NOW).topic) <= 20_000
