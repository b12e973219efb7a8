"""The ranking against a second, slow reading of its rules, and the rules one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.period import Period
from eunoe_server.domain.question import Question
from eunoe_server.domain.ranking import (
    HYBRID,
    VECTORS_ONLY,
    WORDS_ONLY,
    Candidates,
    Ranked,
    rank,
    relevance_bar,
    relevance_of,
)
from eunoe_server.domain.search_entry import SearchObject

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
QUESTION = Question(text="", topic="")


@dataclass(frozen=True)
class Text:
    """A candidate as a test thinks of it; `words` are numbers of the question's words."""

    key: int
    dialogue: int = 0
    position: int = 0
    words: frozenset[int] = frozenset()
    length: int = 10
    similarity: float = 0.0
    asking: float = 0.0
    is_sought: bool = False
    at: datetime = NOON
    is_wanted: bool = True


def said(key: int, *words: int, **more: object) -> Text:
    return replace(Text(key, words=frozenset(words)), **more)  # type: ignore[arg-type]


def candidates(*texts: Text, words: int = 2, frequencies: list[float] | None = None) -> Candidates:
    counted = [float(sum(word in text.words for text in texts)) for word in range(words)]
    return Candidates(
        entry_keys=np.array([text.key for text in texts], np.int64),
        are_messages=np.array([text.dialogue > 0 for text in texts], bool),
        object_keys=np.array([text.key for text in texts], np.int64),
        dialogue_keys=np.array([text.dialogue for text in texts], np.int64),
        positions=np.array([text.position for text in texts], np.int64),
        similarities=np.array([text.similarity for text in texts], float),
        word_bits=np.array([sum(1 << word for word in text.words) for text in texts], np.int64),
        word_counts=np.array([text.length for text in texts], np.int64),
        asking_shares=np.array([text.asking for text in texts], float),
        are_sought=np.array([text.is_sought for text in texts], bool),
        created_at=np.array([text.at.timestamp() for text in texts], float),
        are_wanted=np.array([text.is_wanted for text in texts], bool),
        texts=max(len(texts), 10),
        word_frequencies=np.array(counted if frequencies is None else frequencies, float),
    )


def keys(found: list[Ranked]) -> list[int]:
    return [each.entry_key for each in found]


def scores(*texts: Text, question: Question = QUESTION, words: int = 2) -> dict[int, float]:
    found = rank(candidates(*texts, words=words), question, len(texts))
    return {each.entry_key: each.explanation.score for each in found}


# The rules once more, one text at a time.
CARRIED_ON = {1: 0.7, 2: 0.5, 3: 0.35, 4: 0.25}
CARRIED_BACK = {1: 0.5, 2: 0.35, 3: 0.25, 4: 0.18}
MEANING = {1: 0.4, 2: 0.2, 3: 0.1, 4: 0.0}


def plain_score(text: Text, texts: list[Text], frequencies: list[float], total: int) -> float:
    share = rarities = 0.0
    for word, frequency in enumerate(frequencies):
        rarity = math.log(1 + (total - frequency + 0.5) / (frequency + 0.5))
        rarities += rarity
        unsaid = 1.0
        for other in texts:
            apart = text.position - other.position
            if other is text:
                carried = 1.0
            elif other.dialogue != text.dialogue or not text.dialogue or abs(apart) > 4:
                continue
            elif apart > 0:
                carried = CARRIED_ON[apart]
                if apart == 1:
                    carried += 0.3 * other.asking
            else:
                carried = CARRIED_BACK[-apart]
            if word in other.words:
                unsaid *= 1 - carried / (1 + other.length / 100)
        share += rarity * (1 - unsaid)
    near = [
        (MEANING[abs(text.position - other.position)], other.similarity)
        for other in texts
        if other is not text
        and text.dialogue
        and other.dialogue == text.dialogue
        and abs(text.position - other.position) <= 4
    ]
    meaning = (text.similarity + sum(w * s for w, s in near)) / (1 + sum(w for w, _ in near))
    return share / rarities + meaning + 0.15 * text.is_sought - 0.15 * text.asking


@st.composite
def conversations(draw: st.DrawFn) -> list[Text]:
    texts: list[Text] = []
    for dialogue in range(draw(st.integers(0, 1)), 3):
        for position in sorted(draw(st.sets(st.integers(0, 12), max_size=9))):
            texts.append(
                Text(
                    key=len(texts) + 1,
                    dialogue=dialogue,
                    position=position,
                    words=frozenset(draw(st.sets(st.integers(0, 3)))),
                    length=draw(st.integers(0, 400)),
                    similarity=draw(st.floats(-1, 1)),
                    asking=draw(st.floats(0, 1)),
                    is_sought=draw(st.booleans()),
                )
            )
    return draw(st.permutations(texts))


@given(conversations())
def test_every_score_is_what_the_rules_say(texts: list[Text]) -> None:
    among = candidates(*texts, words=4)
    frequencies = among.word_frequencies.tolist()
    found = rank(among, QUESTION, len(texts))
    by_key = {text.key: text for text in texts}
    assert len(found) == len(texts)
    for each in found:
        wanted = plain_score(by_key[each.entry_key], texts, frequencies, among.texts)
        assert each.explanation.score == pytest.approx(wanted, abs=1e-9)
        assert each.relevance == relevance_of(each.explanation.score)
    ordered = [each.explanation.score for each in found]
    assert ordered == sorted(ordered, reverse=True)


def test_the_text_with_the_rarer_word_comes_first() -> None:
    common = [said(key, 0) for key in range(1, 6)]
    assert keys(rank(candidates(*common, said(6, 1)), QUESTION, 1)) == [6]


def test_a_long_text_says_a_word_less_loudly_than_a_short_one() -> None:
    assert keys(rank(candidates(said(1, 0, length=400), said(2, 0)), QUESTION, 2)) == [2, 1]


def test_a_turn_is_found_by_what_was_said_around_it() -> None:
    asked = said(1, 0, dialogue=1, position=0, asking=1.0)
    answer = said(2, dialogue=1, position=1)
    elsewhere = said(3, dialogue=2, position=1)
    found = scores(asked, answer, elsewhere)
    assert found[3] == 0.0
    # The answer inherits the whole word, the question pays for being one.
    assert found[2] > found[1] > 0.0


def test_words_do_not_carry_between_memories() -> None:
    assert scores(said(1, 0, position=0), said(2, position=1))[2] == 0.0


def test_a_gap_in_a_dialogue_keeps_its_width() -> None:
    spoken = said(1, 0, dialogue=1, position=0)
    assert scores(spoken, said(2, dialogue=1, position=4))[2] > 0.0
    assert scores(spoken, said(2, dialogue=1, position=5))[2] == 0.0


def test_a_score_does_not_depend_on_what_else_was_fetched() -> None:
    text = said(1, 0, similarity=0.4)
    others = [said(key, similarity=-0.3) for key in range(2, 9)]
    assert scores(text, *others)[1] == scores(text, others[0])[1]


def test_who_is_asked_about_comes_first_among_equals() -> None:
    assert keys(rank(candidates(said(9, 0), said(1, 0, is_sought=True)), QUESTION, 2)) == [1, 9]


def test_the_text_nearest_to_a_named_time_comes_first() -> None:
    may = Period(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
    texts = [
        said(1, 0, at=NOON - timedelta(days=90)),
        said(2, 0, at=NOON - timedelta(days=5)),
        said(3, 0, at=NOON + timedelta(days=20)),
    ]
    question = replace(QUESTION, periods=(may,))
    assert keys(rank(candidates(*texts), question, 3)) == [3, 2, 1]
    explained = rank(candidates(*texts), question, 1)[0].explanation
    assert explained.dated == HYBRID.dated


def test_among_equals_the_newest_comes_first() -> None:
    old, new = said(1, at=NOON), said(2, at=NOON + timedelta(seconds=1))
    assert keys(rank(candidates(old, new), QUESTION, 2)) == [2, 1]
    assert keys(rank(candidates(said(3), said(4)), QUESTION, 2)) == [4, 3]


def test_a_neighbour_that_is_not_wanted_lends_its_words_and_stays_out() -> None:
    hidden = said(1, 0, dialogue=1, position=0, is_wanted=False)
    found = rank(candidates(hidden, said(2, dialogue=1, position=1)), QUESTION, 9)
    assert keys(found) == [2]
    assert found[0].explanation.words > 0.0


def test_each_mode_uses_its_own_signal() -> None:
    near, spoken = said(1, similarity=0.9), said(2, 0, 1)
    among = candidates(near, spoken)
    assert keys(rank(among, QUESTION, 1, VECTORS_ONLY)) == [1]
    assert keys(rank(among, QUESTION, 1, WORDS_ONLY)) == [2]
    assert rank(among, QUESTION, 1, WORDS_ONLY)[0].explanation.meaning == 0.0


def test_a_memory_is_told_from_a_message() -> None:
    found = rank(candidates(said(1), said(2, dialogue=7, at=NOON - timedelta(1))), QUESTION, 2)
    assert [(each.object, each.dialogue_key) for each in found] == [
        (SearchObject.MEMORY, None),
        (SearchObject.MESSAGE, 7),
    ]


def test_without_texts_or_words_there_is_nothing_to_stumble_over() -> None:
    assert rank(candidates(), QUESTION, 5) == []
    assert keys(rank(candidates(said(1), words=0), QUESTION, 5)) == [1]
    assert rank(candidates(said(1)), QUESTION, 0) == []


def test_relevance_lies_between_nothing_and_one() -> None:
    assert relevance_of(-0.3) == 0.0
    assert relevance_of(0.5) == pytest.approx(0.5)
    assert 0.98 < relevance_of(3.0) < 1.0


def test_the_bar_rises_with_the_number_of_texts() -> None:
    bars = [relevance_bar(texts) for texts in (0, 1, 10, 1_000, 100_000)]
    assert bars == sorted(bars)
    assert relevance_of(0.09) < bars[0]
    assert bars[-1] < relevance_of(0.7)
