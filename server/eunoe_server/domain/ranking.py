"""One ranking for all that is remembered: which texts answer a question, and how surely.

A text's score is the sum of five signals, each with a meaning of its own and a round weight:

* words: how much of the question's words is said here or nearby, each counted by its rarity;
* meaning: how close the vectors of the text and of its neighbours are to the question's;
* sought: whether the one who is asked about said it;
* asking: whether it asks itself (answers are wanted, not questions);
* dated: how near it is to a time that the question names.

Nothing is normalised over the candidates. A score therefore means the same for two texts as for two
thousand, does not change with what else was fetched, and can be held against a bar: recall that
finds nothing relevant returns nothing. (Adding z-scores of the same signals, as DESIGN section 8
first did, measured worse on both kinds of dialogue: recall@5 of 72.0 against 73.2 between two
people, recall@1 of 58.6 against 69.0 with an assistant.)

Whether a word occurs counts, how often does not: in a turn a repetition says little (measured).
It knows no user, no language model and no training: the weights are guesses that hold on a plateau.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eunoe_server.domain.period import spans
from eunoe_server.domain.question import Question
from eunoe_server.domain.search_entry import SearchObject

Floats = npt.NDArray[np.float64]

#: How far a turn's words carry: into the turns after it (an answer need not repeat what was asked),
#: less into those before, to the fourth turn in either direction.
WORDS_AFTER = (1.0, 0.7, 0.5, 0.35, 0.25)
WORDS_BEFORE = (1.0, 0.5, 0.35, 0.25, 0.18)
#: Vectors carry less far: a neighbour's meaning is not the turn's.
MEANING_NEARBY = (1.0, 0.4, 0.2, 0.1, 0.0)
#: Neighbours are turns at most this far away.
REACH = 4
#: The distance of all others; nothing carries so far.
FAR = REACH + 1
_AFTER, _BEFORE, _NEARBY = (
    np.array((*carried, 0.0)) for carried in (WORDS_AFTER, WORDS_BEFORE, MEANING_NEARBY)
)
#: A text of this many different words says each of them half as loudly as a single word does.
LOUDNESS_WORDS = 100
#: How soon nearness to a named time fades. What happened is told within days.
DATE_FADES_IN_SECONDS = 10 * 86_400
#: The score of relevance one half.
HALF_RELEVANT = 0.5


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each signal counts. Words and meaning are each between 0 and about 1."""

    words: float = 1.0
    meaning: float = 1.0
    #: Enough to decide between equals, too little to hide what somebody else said about it.
    sought: float = 0.15
    asking: float = 0.15
    #: Nearly half of a perfect match: a date excludes most of what was ever said.
    dated: float = 0.4


HYBRID = Weights()
WORDS_ONLY = Weights(meaning=0.0)
VECTORS_ONLY = Weights(words=0.0)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Texts that may answer, as columns of equal length, and what the whole namespace says.

    Neighbours of candidates are among the rows, so that the windows are whole.
    """

    entry_keys: npt.NDArray[np.int64]
    #: 0: a memory; 1: a message.
    are_messages: npt.NDArray[np.bool_]
    object_keys: npt.NDArray[np.int64]
    #: 0 where a text stands alone.
    dialogue_keys: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    #: Cosine to the question; 0 without a vector.
    similarities: Floats
    #: Bit n: the text holds the question's n-th word.
    word_bits: npt.NDArray[np.int64]
    #: Different words of the text.
    word_counts: npt.NDArray[np.int64]
    #: From 0 to 1.
    asking_shares: Floats
    are_sought: npt.NDArray[np.bool_]
    #: Seconds since the epoch.
    created_at: Floats
    #: False: here only as a neighbour, not to be returned.
    are_wanted: npt.NDArray[np.bool_]
    #: Texts that could be found, and how many of them hold each word of the question.
    texts: int
    word_frequencies: Floats

    def __len__(self) -> int:
        return len(self.entry_keys)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What each signal adds to a score; their sum is the score."""

    words: float
    meaning: float
    sought: float
    asking: float
    dated: float

    @property
    def score(self) -> float:
        """The sum."""
        return self.words + self.meaning + self.sought + self.asking + self.dated


@dataclass(frozen=True, slots=True)
class Ranked:
    """A text that was found."""

    entry_key: int
    object: SearchObject
    object_key: int
    dialogue_key: int | None
    #: 0 to 1, growing with the score.
    relevance: float
    explanation: Explanation


def rank(
    candidates: Candidates, question: Question, limit: int, weights: Weights = HYBRID
) -> list[Ranked]:
    """The best `limit` of the wanted candidates, best first; among equals the newest."""
    if len(candidates) == 0 or limit <= 0:
        return []
    signals = _signals(candidates, question, weights)
    scores = signals.sum(axis=0)
    wanted = np.flatnonzero(candidates.are_wanted)
    order = wanted[
        np.lexsort(
            (
                -candidates.entry_keys[wanted],
                -candidates.created_at[wanted],
                -scores[wanted],
            )
        )
    ][:limit]
    columns = (
        candidates.entry_keys,
        candidates.are_messages,
        candidates.object_keys,
        candidates.dialogue_keys,
        *signals,
    )
    # A number of numpy's costs as much as the rest of a result: they are made Python's at once.
    return [_ranked(*row) for row in zip(*(each[order].tolist() for each in columns), strict=True)]


def relevance_of(score: float) -> float:
    """A score as a number from 0 to 1: each further half point halves what is missing."""
    return 1.0 - math.exp2(-max(score, 0.0) / HALF_RELEVANT)


def relevance_bar(texts: int) -> float:
    """The relevance below which a result among `texts` texts is likely chance.

    The best of many unrelated texts looks better than the best of few: the bar rises with the
    logarithm of their number, at a rate measured on questions asked of foreign conversations.
    """
    return relevance_of(0.1 + 0.05 * math.log(max(texts, 1)))


def _signals(candidates: Candidates, question: Question, weights: Weights) -> Floats:
    """One row a signal, one column a candidate."""
    order = np.lexsort((candidates.positions, candidates.dialogue_keys))
    near = _neighbours(candidates.dialogue_keys[order], candidates.positions[order])
    signals = np.zeros((5, len(candidates)))
    signals[0, order] = weights.words * _words(candidates, order, near)
    signals[1, order] = weights.meaning * _meaning(candidates.similarities[order], near)
    signals[2] = weights.sought * candidates.are_sought
    signals[3] = -weights.asking * candidates.asking_shares
    signals[4] = weights.dated * _nearness(candidates.created_at, question)
    return signals


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """The rows around each, of rows sorted by dialogue and position.

    A column each. Line REACH is the row itself, the lines above are the rows before it, those below
    the rows after it. Positions may have gaps, so rows apart are not turns apart.
    """

    rows: npt.NDArray[np.int64]
    #: In turns; FAR of what is in another dialogue, too far away, or beyond the ends.
    distances: npt.NDArray[np.int64]


def _neighbours(
    dialogue_keys: npt.NDArray[np.int64], positions: npt.NDArray[np.int64]
) -> _Neighbours:
    rows = np.arange(len(positions)) + np.arange(-REACH, REACH + 1)[:, None]
    inside = rows.clip(0, len(positions) - 1)
    is_one = (dialogue_keys[inside] == dialogue_keys) & (dialogue_keys != 0) & (inside == rows)
    distances = np.where(is_one, np.minimum(np.abs(positions[inside] - positions), FAR), FAR)
    distances[REACH] = 0
    return _Neighbours(inside, distances)


def _words(candidates: Candidates, order: npt.NDArray[np.intp], near: _Neighbours) -> Floats:
    """The share of the question's words that is said here or nearby, by rarity.

    Each neighbour is one more chance that a word is said about this text, so chances combine as
    they do: one minus the product of what each leaves open. A long neighbour cannot drown a short
    text, and ten mentions are not ten times one.
    """
    frequencies = candidates.word_frequencies
    if len(frequencies) == 0:
        return np.zeros(len(candidates))
    rarity = np.log1p((candidates.texts - frequencies + 0.5) / (frequencies + 0.5))
    carried = np.concatenate((_AFTER[near.distances[:REACH]], _BEFORE[near.distances[REACH:]]))
    # Right after a question, what was asked is what the answer is about.
    asked = candidates.asking_shares[order[near.rows[:REACH]]] * (near.distances[:REACH] == 1)
    carried[:REACH] += (1.0 - carried[:REACH]) * asked
    # A line a word.
    said = np.zeros((len(frequencies), len(order) + 2 * REACH))
    holds = (candidates.word_bits[order] >> np.arange(len(frequencies))[:, None]) & 1
    said[:, REACH:-REACH] = holds / (1.0 + candidates.word_counts[order] / LOUDNESS_WORDS)
    unsaid, left_open = np.ones(holds.shape), np.empty(holds.shape)
    for first, share in enumerate(carried):
        np.multiply(share, said[:, first : first + len(order)], out=left_open)
        unsaid *= np.subtract(1.0, left_open, out=left_open)
    shares: Floats = rarity @ (1.0 - unsaid) / rarity.sum()
    return shares


def _meaning(similarities: Floats, near: _Neighbours) -> Floats:
    """The mean of the similarities here and nearby, the nearer the heavier."""
    nearness = _NEARBY[near.distances]
    mean: Floats = (nearness * similarities[near.rows]).sum(axis=0) / nearness.sum(axis=0)
    return mean


def _nearness(created_at: Floats, question: Question) -> Floats:
    """1 within a period that the question names, fading with the time from it."""
    nearness = np.zeros(len(created_at))
    for start, end in spans(question.periods):
        apart = np.maximum(0.0, np.maximum(start - created_at, created_at - end))
        nearness = np.maximum(nearness, np.exp(-apart / DATE_FADES_IN_SECONDS))
    return nearness


def _ranked(
    entry_key: int, is_message: bool, object_key: int, dialogue_key: int, *signals: float
) -> Ranked:
    explanation = Explanation(*signals)
    return Ranked(
        entry_key=entry_key,
        object=SearchObject.MESSAGE if is_message else SearchObject.MEMORY,
        object_key=object_key,
        dialogue_key=dialogue_key or None,
        relevance=relevance_of(explanation.score),
        explanation=explanation,
    )
