"""Aligning a request with a stored dialogue: what is new, what went another way, what is absent.

Chat clients resend what they believe the conversation to be. Some send all of it, some its end,
some only the last message, some drop tool messages or put a summary in place of old turns, and
people edit earlier messages and ask for another answer. `align` compares such a request with the
turns that are stored and active, and says what has to happen so that one copy of each message is
kept and the active branch is the conversation that the client sees:

* turns that the store has not are appended;
* where the request goes another way, the old branch is superseded (kept, no longer active);
* turns that the client left out are neither lost nor doubled: they are `absent`.

Instructions (system and developer messages) never take part in the comparison, because
applications rewrite them from one request to the next; the newest set of them is kept active.

`align` always gives an answer; whether the request belongs to the dialogue at all is judged in
`identity.py`, by how well the two fit. This module asks no store and knows no clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eunoe_server.domain.meeting import Fit, Meeting, meet
from eunoe_server.domain.transcript import CHAIN_START, StoredTurn, extend_chain
from eunoe_server.domain.turn import Turn

__all__ = ["CHAIN_START", "Alignment", "Fit", "StoredTurn", "align", "extend_chain"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for it that the request continues the dialogue."""

    #: How many turns they share, those after an edit included.
    shared_turns: int
    #: How much text they share from the first exchange on that this server answered: what tells a
    #: conversation from a common phrase. Examples that come before it do not count.
    shared_characters: int
    #: True when an answer of this server's own is among the shared turns, word for word.
    shares_own_answer: bool
    #: True when a shared answer was cut, so that it is only known by its beginning.
    shares_cut_answer: bool

    @property
    def shares_answer(self) -> bool:
        """True when something was shared that was said here."""
        return self.shares_own_answer or self.shares_cut_answer


@dataclass(frozen=True, slots=True)
class Alignment:
    """What a request means for a stored dialogue."""

    fit: Fit
    #: (index in the request, stored position) of the turns that are stored already.
    pairs: tuple[tuple[int, int], ...]
    #: Indexes in the request of the messages to store, in order, new instructions included.
    appended: tuple[int, ...]
    #: Stored positions that leave the active branch when this exchange is stored.
    superseded: tuple[int, ...]
    #: Stored position of the one answer that this very request got before (a blind retry, or an
    #: answer asked for anew). It is among the superseded: if the new answer has the same digest,
    #: the stored one stays instead; if not, the client has seen the new one and the old one goes.
    former_answer: int | None
    #: Stored positions that stay active and that the request does not hold, oldest first.
    absent: tuple[int, ...]
    #: Fingerprint of the transcript that stays; appended turns and the answer extend it.
    chain: bytes
    #: True when the transcript ends with the turns that this request asks to answer: the answer
    #: to an earlier, equal request failed, or is being made.
    awaits_answer: bool
    evidence: Evidence

    @property
    def is_repeat(self) -> bool:
        """True when the store holds all turns of the request and at most the answer to them."""
        return not self.appended and (self.former_answer is not None or not self.superseded)


def align(
    stored: Sequence[StoredTurn], request: Sequence[Turn], *, is_retry: bool = False
) -> Alignment:
    """Compare `request` with the active messages of a dialogue, given in order of position.

    `is_retry` says that the client marked the request as a repetition (openai's SDKs do so by
    the header x-stainless-retry-count).
    """
    told = [turn for turn in stored if not turn.is_instruction]
    sent = [index for index, turn in enumerate(request) if not turn.is_instruction]
    turns = [request[index] for index in sent]
    meeting = meet(told, turns, is_retry=is_retry)
    evidence = _evidence(meeting, told, turns)
    if not evidence.shares_answer and _holds_conversation(told[meeting.keep :]):
        # Examples that an application puts before every message are no history: a branch that
        # starts after them would supersede the conversation with each new message.
        meeting = meeting._replace(fit=Fit.NOTHING_SHARED, keep=len(told))
    pairs = [(i, j) for i, j in meeting.pairs if i < meeting.store_from and j < meeting.keep]
    paired = {j for _, j in pairs}
    old_branch = told[meeting.keep :]
    is_all_stored = bool(pairs) and meeting.store_from == len(sent)
    instructions = _align_instructions(stored, request)
    return Alignment(
        fit=meeting.fit,
        pairs=(*instructions.pairs, *((sent[i], told[j].position) for i, j in pairs)),
        appended=tuple(sorted([*instructions.new, *sent[meeting.store_from :]])),
        superseded=tuple(sorted([*instructions.replaced, *(turn.position for turn in old_branch)])),
        former_answer=_only_answer(old_branch) if is_all_stored else None,
        absent=tuple(told[j].position for j in range(meeting.keep) if j not in paired),
        chain=told[meeting.keep - 1].chain if meeting.keep else CHAIN_START,
        awaits_answer=is_all_stored and not old_branch and told[-1].role != "assistant",
        evidence=evidence,
    )


def _evidence(meeting: Meeting, told: Sequence[StoredTurn], turns: Sequence[Turn]) -> Evidence:
    shared = [(turns[i], told[j]) for i, j in meeting.pairs]
    first_own = next((at for at, (_, stored) in enumerate(shared) if stored.is_answer), 0)
    return Evidence(
        shared_turns=len(shared),
        shared_characters=sum(
            _shared_characters(turn, stored) for turn, stored in shared[max(first_own - 1, 0) :]
        ),
        shares_own_answer=any(
            stored.is_answer and turn.digest == stored.digest for turn, stored in shared
        ),
        shares_cut_answer=any(
            turn.role == "assistant" and turn.digest != stored.digest for turn, stored in shared
        ),
    )


def _only_answer(branch: Sequence[StoredTurn]) -> int | None:
    """Position of the one answer that a branch consists of."""
    is_answer = len(branch) == 1 and branch[0].role == "assistant"
    return branch[0].position if is_answer else None


def _holds_conversation(branch: Sequence[StoredTurn]) -> bool:
    """True when a branch is more than another answer to what is shared."""
    return any(turn.role == "user" for turn in branch) and not branch[0].is_answer


class _Instructions(NamedTuple):
    pairs: list[tuple[int, int]]
    new: list[int]
    replaced: list[int]


def _align_instructions(stored: Sequence[StoredTurn], request: Sequence[Turn]) -> _Instructions:
    """Pair equal instructions. A request without any leaves the stored ones as they are."""
    known: dict[bytes, list[int]] = defaultdict(list)
    for turn in stored:
        if turn.is_instruction:
            known[turn.digest].append(turn.position)
    result = _Instructions([], [], [])
    for index, message in enumerate(request):
        if not message.is_instruction:
            continue
        if known[message.digest]:
            result.pairs.append((index, known[message.digest].pop(0)))
        else:
            result.new.append(index)
    if result.pairs or result.new:
        result.replaced.extend(position for positions in known.values() for position in positions)
    return result


def _shared_characters(turn: Turn, stored: StoredTurn) -> int:
    text_size = len(turn.text)
    if stored.text and turn.digest != stored.digest:
        text_size = min(text_size, len(stored.text))
    return text_size + sum(len(call_id) for call_id in turn.tool_call_ids)
