"""The gate of recall: our own questions, asked of a running server through its public API.

Small corpora are noisy, but a search is not: the same code finds the same turns. The floors of
recall are what was measured when they were set, less five points: three questions of sixty may
change places. NDCG moves less, so its floors are 1.3 points below; it falls through them when any
signal of the ranking but that of dates is taken away (tried one by one). Whoever makes search
better raises them; lowering one takes a reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import mean

import pytest

from benchmarks.corpora import KINDS, Corpus, read_own
from benchmarks.recall import Asked, Memory, measure
from tests.fixtures.server import ServerProcess

PEOPLE, ASSISTANT = "own, two people", "own, a user and an assistant"

#: Percent of the evidence among the first 1, 5 and 10. Measured: 45.8, 81.9, 89.7 and 55.9, 89.2,
#: 99.5.
RECALL = {PEOPLE: {1: 41, 5: 77, 10: 85}, ASSISTANT: {1: 51, 5: 84, 10: 94}}
#: Percent, of the first 10. Measured: 72.3 and 81.2.
NDCG = {PEOPLE: 71.0, ASSISTANT: 79.9}


@pytest.fixture(scope="module")
def corpora() -> Sequence[Corpus]:
    return list(read_own())


@pytest.fixture(scope="module")
def asked(server: ServerProcess, corpora: Sequence[Corpus]) -> Sequence[Asked]:
    with server.channel() as channel:
        return measure(Memory(channel), corpora, ["hybrid"])["hybrid"]


@pytest.mark.parametrize("group", [PEOPLE, ASSISTANT])
def test_what_answers_a_question_is_found(asked: Sequence[Asked], group: str) -> None:
    of_group = [each for each in asked if each.group == group]
    recall = {depth: 100 * mean(each.recall(depth) for each in of_group) for depth in RECALL[group]}
    assert all(recall[depth] >= floor for depth, floor in RECALL[group].items()), recall
    ndcg = 100 * mean(each.ndcg(10) for each in of_group)
    assert ndcg >= NDCG[group]


def test_the_corpus_is_large_and_has_every_kind_of_question_for_both_kinds_of_dialogue(
    corpora: Sequence[Corpus],
) -> None:
    turns: Counter[str] = Counter()
    kinds: dict[str, Counter[str]] = {PEOPLE: Counter(), ASSISTANT: Counter()}
    for corpus in corpora:
        turns[corpus.group] += sum(len(session.turns) for session in corpus.sessions)
        kinds[corpus.group].update(query.kind for query in corpus.queries)
    assert sum(turns.values()) >= 300
    assert min(turns.values()) >= 140
    assert sum(map(Counter.total, kinds.values())) >= 100
    for of_group in kinds.values():
        assert set(of_group) == set(KINDS.values())
        assert of_group.total() >= 50
