"""Where a request and a transcript meet.

Every way to meet tries to explain the request's history, which is all of it up to its last
assistant turn; what follows that is new, unless the store knows it already. Whether the explanation
is to be believed, and what follows from it, is not decided here (`identity.py`, `alignment.py`).

Both sides come without instructions: those never take part in a comparison.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from eunoe_server.domain.secrets import MARK, redacted
from eunoe_server.domain.transcript import StoredTurn
from eunoe_server.domain.turn import RESULT_ROLES, Turn, comparable_text

# How many places of one turn, and how many turns of one request, are tried as the point where
# request and transcript meet. Real conversations need one or two; the bound is for hostile ones.
_MAX_PLACES = 8
_MAX_ANCHORS = 64


class Fit(enum.IntEnum):
    """How a request meets a transcript; smaller is better."""

    #: The request holds the whole transcript and continues it.
    WHOLE = 1
    #: It holds the transcript's end and continues it: a trimmed window.
    END = 2
    #: It holds the transcript's start and goes another way: an edit, or an answer asked for anew.
    BRANCH = 3
    #: It holds the transcript's last answer, but turns before it are left out or changed.
    PATCHED = 4
    #: It holds a part of the transcript, perhaps with gaps, and goes another way from there.
    WINDOW_BRANCH = 5
    #: It holds the end and then answers that were never stored.
    OUTGROWN = 6
    #: It shares turns with the transcript and then holds answers of another branch.
    DIVERGED = 7
    #: It resends nothing of the transcript: a message by itself.
    NOTHING_SHARED = 8


class Meeting(NamedTuple):
    """Where request and transcript meet, in indexes of both."""

    fit: Fit
    #: (turn of the request, stored turn)
    pairs: list[tuple[int, int]]
    #: Stored turns before this one stay active.
    keep: int
    #: Turns of the request from this one on are appended.
    store_from: int


def meet(told: Sequence[StoredTurn], turns: Sequence[Turn], *, is_retry: bool) -> Meeting:
    """The best explanation of `turns` by the transcript `told`."""
    comparison = _Comparison(told, turns)
    if comparison.answers:
        meeting = comparison.with_history()
    else:
        meeting = comparison.without_history(is_retry=is_retry)
    return meeting or Meeting(Fit.NOTHING_SHARED, [], keep=len(told), store_from=0)


class _Comparison:
    """A transcript and a request, and the ways in which they may meet, the plainest first."""

    def __init__(self, told: Sequence[StoredTurn], turns: Sequence[Turn]) -> None:
        self._told = told
        self._turns = turns
        self.answers = [i for i, turn in enumerate(turns) if turn.role == "assistant"]
        self._places: dict[bytes, list[int]] = defaultdict(list)
        for j, stored in enumerate(told):
            self._places[stored.digest].append(j)
        self._cut_places = [
            j
            for j, stored in enumerate(told)
            if stored.role == "assistant" and stored.is_interrupted
        ]

    def with_history(self) -> Meeting | None:
        """Answers are resent."""
        return (
            self._at_last_answer()
            or self._at_replaced_answer()
            or self._with_gaps()
            or self._at_earlier_answer()
            or self._from_the_start()
        )

    def without_history(self, *, is_retry: bool) -> Meeting | None:
        """No answer is resent: a first message, a last one by itself, or a repetition."""
        count, total = len(self._turns), len(self._told)
        if not count:
            return None
        if self._is_same_run(0) and self._is_answer_only(count):
            # All that is stored is this request and perhaps its answer, which is asked for anew.
            return self._run_meeting(Fit.WHOLE if total == count else Fit.BRANCH, 0)
        if self._is_same_run(total - count):
            # The stored end was never answered.
            return self._run_meeting(Fit.END, total - count)
        if self._turns[0].role in RESULT_ROLES:
            return self._at_pending_calls()
        answered = self._answer_start()
        if is_retry and self._is_same_run(answered - count):
            return self._run_meeting(Fit.WINDOW_BRANCH, answered - count)
        return None

    def _at_last_answer(self) -> Meeting | None:
        """The whole history is stored, one turn after the other."""
        return self._best_unbroken(self.answers[-1])

    def _at_replaced_answer(self) -> Meeting | None:
        """All but the last answer is stored, and the store has another answer in its place.

        Tool traffic between question and answer stays; the client may only have left it out.
        """
        i = self.answers[-1] - 1
        if i < 0 or self._turns[i].role == "assistant":
            return None
        j = next(
            (
                j
                for j in reversed(range(len(self._told)))
                if self._told[j].role == self._turns[i].role
            ),
            None,
        )
        if j is None or j + 1 == len(self._told) or not self._is_answer_only(j + 1):
            return None
        pairs, i_left, j_left = self._walk_back(i, j)
        if not pairs or i_left >= 0:
            return None
        fit = Fit.BRANCH if j_left < 0 else Fit.WINDOW_BRANCH
        return Meeting(fit, pairs, keep=max(j + 1, self._answer_start()), store_from=i + 1)

    def _with_gaps(self) -> Meeting | None:
        """The last answer is stored; before it, turns are left out, put in or changed."""
        i = self.answers[-1]
        walks = [self._walk_over_gaps(i, j) for j in self._places_of(i)]
        if not walks:
            return None
        pairs = max(walks, key=lambda pairs: (len(pairs), -_gap(pairs)))
        edit = self._first_edit(pairs)
        if edit is not None:
            return Meeting(Fit.PATCHED, pairs, keep=edit[1] + 1, store_from=edit[0] + 1)
        pairs += self._follow(*pairs[-1])[1:]
        last_i, last_j = pairs[-1]
        is_at_end = last_j == len(self._told) - 1
        fit = Fit.PATCHED if is_at_end else Fit.WINDOW_BRANCH
        return Meeting(fit, pairs, keep=last_j + 1, store_from=last_i + 1)

    def _at_earlier_answer(self) -> Meeting | None:
        """The history is stored up to some answer; the ones after it were never stored."""
        for i in self.answers[-2 : -2 - _MAX_ANCHORS : -1]:
            meeting = self._best_unbroken(i)
            if meeting is not None:
                return self._with_unknown_answers(meeting)
        return None

    def _from_the_start(self) -> Meeting | None:
        """Not one answer is shared, only the opening."""
        if not self._told or not self._is_same(0, 0):
            return None
        pairs = self._follow(0, 0)
        i, j = pairs[-1]
        return self._with_unknown_answers(
            Meeting(Fit.DIVERGED, pairs, keep=j + 1, store_from=i + 1)
        )

    def _with_unknown_answers(self, meeting: Meeting) -> Meeting:
        is_at_end = meeting.keep == len(self._told)
        return meeting._replace(fit=Fit.OUTGROWN if is_at_end else Fit.DIVERGED)

    def _at_pending_calls(self) -> Meeting | None:
        """Tool results by themselves belong to the last calls; some may be stored already."""
        calls = [
            j
            for j, stored in enumerate(self._told)
            if stored.role == "assistant" and stored.tool_call_ids
        ]
        if not calls:
            return None
        first = calls[-1] + 1
        pairs: list[tuple[int, int]] = []
        while (
            len(pairs) < len(self._turns)
            and first + len(pairs) < len(self._told)
            and self._turns[len(pairs)].digest == self._told[first + len(pairs)].digest
        ):
            pairs.append((len(pairs), first + len(pairs)))
        keep = first + len(pairs)
        is_stored = len(pairs) == len(self._turns) and self._is_answer_only(keep)
        if not pairs or not (is_stored or keep == len(self._told)):
            return None
        return Meeting(Fit.END, pairs, keep, store_from=len(pairs))

    def _run_meeting(self, fit: Fit, first: int) -> Meeting:
        count = len(self._turns)
        return Meeting(
            fit, [(i, first + i) for i in range(count)], keep=first + count, store_from=count
        )

    def _best_unbroken(self, i: int) -> Meeting | None:
        """Meet at turn `i` so that no turn before it is left out but for tool traffic."""
        meetings = []
        for j in self._places_of(i):
            pairs, i_left, j_left = self._walk_back(i, j)
            if i_left >= 0:
                continue
            pairs = pairs + self._follow(i, j)[1:]
            last_i, last_j = pairs[-1]
            if last_j == len(self._told) - 1:
                fit = Fit.WHOLE if j_left < 0 else Fit.END
            else:
                fit = Fit.BRANCH if j_left < 0 else Fit.WINDOW_BRANCH
            meetings.append(Meeting(fit, pairs, keep=last_j + 1, store_from=last_i + 1))
        return min(meetings, key=lambda meeting: (_gap(meeting.pairs), meeting.fit), default=None)

    def _places_of(self, i: int) -> list[int]:
        """Where turn `i` may be stored: the last places first, and the same place as in `turns`."""
        places = self._places[self._turns[i].digest][-_MAX_PLACES:]
        cut_places = [j for j in self._cut_places[-_MAX_PLACES:] if self._is_same(i, j)]
        same_place = [i] if i < len(self._told) and self._is_same(i, i) else []
        return sorted({*places, *cut_places, *same_place}, reverse=True)

    def _walk_back(self, i: int, j: int) -> tuple[list[tuple[int, int]], int, int]:
        """Pair turns from (i, j) towards the start; stop where they differ.

        Tool traffic that the request does not hold is passed over.
        """
        pairs: list[tuple[int, int]] = []
        while i >= 0 and j >= 0:
            if self._is_same(i, j):
                pairs.append((i, j))
                i -= 1
                j -= 1
            elif self._told[j].is_tool_traffic:
                j -= 1
            else:
                break
        return pairs[::-1], i, j

    def _walk_over_gaps(self, i: int, j: int) -> list[tuple[int, int]]:
        """Pair turns from (i, j) towards the start; where they differ, look for the next place."""
        pairs, i, j = self._walk_back(i, j)
        while i >= 0 and j >= 0:
            places = self._places[self._turns[i].digest]
            at = bisect_right(places, j) - 1
            if at < 0:
                i -= 1
                continue
            more, i, j = self._walk_back(i, places[at])
            pairs = more + pairs
        return pairs

    def _follow(self, i: int, j: int) -> list[tuple[int, int]]:
        """Pair turns from (i, j) towards the end, word for word."""
        pairs = [(i, j)]
        while (
            i + 1 < len(self._turns)
            and j + 1 < len(self._told)
            and self._turns[i + 1].digest == self._told[j + 1].digest
        ):
            i += 1
            j += 1
            pairs.append((i, j))
        return pairs

    def _first_edit(self, pairs: list[tuple[int, int]]) -> tuple[int, int] | None:
        """The pair after which turns were changed in place: as many, of the same roles.

        Anything else between two pairs is the client's own: a summary, or context put in anew.
        """
        for (i, j), (next_i, next_j) in pairwise(pairs):
            sent = [turn.role for turn in self._turns[i + 1 : next_i]]
            told = [turn.role for turn in self._told[j + 1 : next_j] if not turn.is_tool_traffic]
            if sent and sent == told:
                return i, j
        return None

    def _is_same(self, i: int, j: int) -> bool:
        turn, stored = self._turns[i], self._told[j]
        if turn.digest == stored.digest:
            return True
        if turn.role != stored.role:
            return False
        if turn.role in RESULT_ROLES:
            # Agents replace old results by a note to save tokens; the call's id stays.
            return bool(turn.tool_call_id) and stored.tool_call_ids == turn.tool_call_ids
        return turn.role == "assistant" and _is_cut(turn, stored)

    def _is_same_run(self, first: int) -> bool:
        return first >= 0 and [turn.digest for turn in self._turns] == [
            stored.digest for stored in self._told[first : first + len(self._turns)]
        ]

    def _is_answer_only(self, first: int) -> bool:
        """True when no user said anything from `first` on."""
        return all(stored.role != "user" for stored in self._told[first:])

    def _answer_start(self) -> int:
        """Index of the first of the assistant turns that end the transcript."""
        start = len(self._told)
        while start and self._told[start - 1].role == "assistant":
            start -= 1
        return start


def _gap(pairs: list[tuple[int, int]]) -> int:
    """How many stored turns lie between the shared ones, unshared."""
    return pairs[-1][1] - pairs[0][1] + 1 - len(pairs)


def _is_cut(turn: Turn, stored: StoredTurn) -> bool:
    """True when one of the two answers is the beginning of the other.

    A client that stops an answer keeps what it has seen, which may be less than what had arrived
    here, or more when this server stopped first.
    """
    if not stored.is_interrupted or turn.tool_call_ids or stored.tool_call_ids:
        return False
    said = redacted(turn.text) if MARK in stored.text else turn.text
    resent, kept = comparable_text(said), comparable_text(stored.text)
    return bool(resent and kept) and (kept.startswith(resent) or resent.startswith(kept))
