"""Whose conversation is this? Finding the dialogue that a request without an id continues.

A request shows what the client believes was said. `lookup_keys` turns that into fingerprints, the
store says which dialogues hold them, `shortlist` picks the few that are worth loading and
`choose` aligns the request with each and decides.

A wrong guess mixes two conversations and supersedes turns of one of them; a missed one only
starts a dialogue anew. So `choose` refuses unless it is sure:

* A request that resends no answer is new. So is history packed into one message.
* A request that goes another way must do so after its last answer. So a conversation that is
  continued in two ways becomes two dialogues, and does not drag one to and fro.
* An answer of this server's own must be among the shared turns. Examples and greetings that an
  application puts before every conversation prove nothing.
* Where the request is not simply the next one of the dialogue, the shared text must be long enough
  to be no common phrase ("hi", "Hello! How can I help you?").
* The dialogue that ends where the request continues comes before one that would have to branch;
  when two are as likely and differ, the request is new.

No decision crosses a namespace: fingerprints hold none, so the store must search, load and compare
within one namespace of one project. Which API key sent a request does not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from eunoe_server.domain.alignment import Alignment, align
from eunoe_server.domain.meeting import Fit
from eunoe_server.domain.transcript import CHAIN_START, StoredTurn, extend_chain
from eunoe_server.domain.turn import Turn

# A blind retry comes within seconds of the failure; openai's SDKs wait at most 8 s by themselves.
RETRY_WINDOW = timedelta(seconds=120)

# Shorter shared text is taken for a common phrase: a greeting and the usual answer to it have up
# to 46 characters, an exchange with content has more. Many short turns in a row tell as well.
_MIN_TELLING_CHARACTERS = 48
_MIN_TELLING_TURNS = 6
# One answer without the question before it: refusals and greetings are the same everywhere.
_MIN_LONE_ANSWER_CHARACTERS = 96

_MAX_CHAINS = 32
_MAX_RECENT_DIGESTS = 2
_MAX_LONG_DIGESTS = 4
_MAX_CANDIDATES = 8
_MAX_ALIKE = 4

_BRANCHES = frozenset({Fit.BRANCH, Fit.WINDOW_BRANCH})


@dataclass(frozen=True, slots=True)
class LookupKeys:
    """What to ask the store for; both empty when the request can only be new."""

    #: Chains of the request's beginnings, longest first: a dialogue that holds one started so.
    chains: tuple[bytes, ...]
    #: The first `continuation_count` chains hold all answers of the request. A dialogue that ends
    #: with one of them is continued as it is. None for a retry, which looks for what is answered.
    continuation_count: int
    #: Digests of a few telling answers: for windows, whose beginning is cut off.
    digests: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """An active message in the namespace that has one of the keys."""

    dialogue_key: int
    position: int
    #: The chain or the digest that was asked for.
    key: bytes
    #: Position of the dialogue's last active message.
    last_position: int
    #: How long nothing was added to the dialogue.
    idle: timedelta


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dialogue that the request may continue, with its active messages in order."""

    dialogue_key: int
    stored: Sequence[StoredTurn]
    idle: timedelta


@dataclass(frozen=True, slots=True)
class Match:
    """The dialogue that the request continues, and how."""

    dialogue_key: int
    alignment: Alignment


def lookup_keys(request: Sequence[Turn], *, is_retry: bool = False) -> LookupKeys:
    """The fingerprints by which the dialogue of `request` would be found."""
    turns = [turn for turn in request if not turn.is_instruction]
    answers = [index for index, turn in enumerate(turns) if turn.role == "assistant"]
    if not answers and not is_retry:
        return LookupKeys(chains=(), continuation_count=0, digests=())
    chains = []
    chain = CHAIN_START
    for turn in turns:
        chain = extend_chain(chain, turn.digest)
        chains.append(chain)
    return LookupKeys(
        chains=tuple(reversed(chains))[:_MAX_CHAINS],
        continuation_count=0 if is_retry else min(len(turns) - answers[-1], _MAX_CHAINS),
        digests=_telling_digests([turns[index] for index in answers]),
    )


def _telling_digests(answers: Sequence[Turn]) -> tuple[bytes, ...]:
    """The newest answers, because windows end with them, and the longest, because they are rare."""
    newest = answers[: -1 - _MAX_RECENT_DIGESTS : -1]
    longest = sorted(answers, key=lambda turn: len(turn.text), reverse=True)[:_MAX_LONG_DIGESTS]
    return tuple(dict.fromkeys(turn.digest for turn in (*newest, *longest)))


def is_settled(keys: LookupKeys, sightings: Iterable[Sighting]) -> bool:
    """True when a dialogue ends exactly with the resent history: digests need not be asked for."""
    return any(_is_continued(keys, sighting) for sighting in sightings)


def shortlist(keys: LookupKeys, sightings: Iterable[Sighting]) -> tuple[int, ...]:
    """Keys of the dialogues whose messages to load, the likeliest first; at most eight."""
    seen: dict[int, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        seen[sighting.dialogue_key].append(sighting)
    ranked = sorted(seen, key=lambda dialogue: _likelihood(keys, seen[dialogue]))
    continued = [dialogue for dialogue in ranked if is_settled(keys, seen[dialogue])]
    # Those that end as the request begins hold the same. A few are kept, because others may go on
    # in one of them before its messages are loaded.
    return tuple(continued[:_MAX_ALIKE] or ranked[:_MAX_CANDIDATES])


def _likelihood(keys: LookupKeys, sightings: Sequence[Sighting]) -> tuple[int, int, int, float]:
    """Sort key: smaller is likelier."""
    rank = {chain: index for index, chain in enumerate(keys.chains)}
    newest = min(sighting.idle for sighting in sightings)
    return (
        min(rank.get(sighting.key, len(rank)) for sighting in sightings),
        -len({sighting.key for sighting in sightings}),
        min(sighting.last_position - sighting.position for sighting in sightings),
        newest.total_seconds(),
    )


def _is_continued(keys: LookupKeys, sighting: Sighting) -> bool:
    return (
        sighting.position == sighting.last_position
        and sighting.key in keys.chains[: keys.continuation_count]
    )


def choose(
    request: Sequence[Turn],
    candidates: Iterable[Candidate],
    *,
    is_retry: bool = False,
) -> Match | None:
    """The one candidate that `request` surely continues; None starts a new dialogue."""
    aligned = [
        (candidate, align(candidate.stored, request, is_retry=is_retry)) for candidate in candidates
    ]
    if is_retry and (repeated := _repeated(aligned)):
        return repeated
    if not any(turn.role == "assistant" for turn in request):
        return None
    return _surest(aligned)


def _repeated(aligned: Sequence[tuple[Candidate, Alignment]]) -> Match | None:
    """The one dialogue in which the same request was stored just before."""
    repeats = [
        Match(candidate.dialogue_key, alignment)
        for candidate, alignment in aligned
        if alignment.is_repeat
        and alignment.fit < Fit.NOTHING_SHARED
        and candidate.idle <= RETRY_WINDOW
    ]
    return repeats[0] if len(repeats) == 1 else None


def _surest(aligned: Sequence[tuple[Candidate, Alignment]]) -> Match | None:
    may_branch = any(alignment.fit in _BRANCHES for _, alignment in aligned)
    sure = [match for match in aligned if _is_sure(match[1], may_branch=may_branch)]
    best_rank = min((_rank(alignment) for _, alignment in sure), default=None)
    best = [match for match in sure if _rank(match[1]) == best_rank]
    if not best:
        return None
    # Of dialogues that hold the same conversation word for word none is more right than another.
    candidate, alignment = min(best, key=lambda match: match[0].idle)
    are_alike = len({_ending(candidate) for candidate, _ in best}) == 1
    if _is_exact(alignment):
        is_clear = are_alike
    elif alignment.fit in (Fit.WHOLE, Fit.END):
        # A part of this dialogue was left out, or it is an edit of another dialogue's start.
        is_clear = are_alike and not any(match[1].fit is Fit.BRANCH for match in sure)
    else:
        is_clear = len(best) == 1
    return Match(candidate.dialogue_key, alignment) if is_clear else None


def is_undisturbed(found: Alignment, now: Alignment, *, is_retry: bool = False) -> bool:
    """True when an exchange may still be stored in the dialogue that it was matched with.

    `found` is the alignment by which it was matched, `now` the one under the dialogue's lock, once
    the model has answered. In between another conversation with the same beginning may have been
    matched with the dialogue too and gone on in it; its turns must not be superseded.
    """
    unseen = set(now.superseded) - set(found.superseded)
    return not unseen or (is_retry and now.is_repeat)


def _is_exact(alignment: Alignment) -> bool:
    """True when the request holds the whole dialogue, word for word, and continues it."""
    return alignment.fit is Fit.WHOLE and not (
        alignment.absent or alignment.evidence.shares_cut_answer
    )


def _rank(alignment: Alignment) -> tuple[int, bool, bool, int]:
    """Sort key: smaller is likelier."""
    return (
        alignment.fit,
        not _is_exact(alignment),
        # A twin that asks the same at the same moment has a dialogue of its own.
        alignment.awaits_answer,
        -alignment.evidence.shared_turns,
    )


def _is_sure(alignment: Alignment, *, may_branch: bool) -> bool:
    """`may_branch`: some candidate shares as much and would have to branch."""
    is_telling = _is_telling(alignment)
    if not alignment.evidence.shares_answer:
        # Nothing proves that it was said here, unless the dialogue was imported: then it ends with
        # an answer that some request brought.
        is_next = alignment.fit in (Fit.WHOLE, Fit.END) and not alignment.awaits_answer
        return is_next and is_telling
    match alignment.fit:
        case Fit.WHOLE if _is_exact(alignment):
            return True
        case Fit.END if alignment.evidence.shared_turns == 1:
            return alignment.evidence.shared_characters >= _MIN_LONE_ANSWER_CHARACTERS
        case Fit.WHOLE | Fit.END:
            return is_telling or (alignment.evidence.shares_own_answer and not may_branch)
        case Fit.BRANCH | Fit.PATCHED | Fit.WINDOW_BRANCH | Fit.OUTGROWN:
            return is_telling and alignment.evidence.shared_turns > 1
        case _:
            return False


def _is_telling(alignment: Alignment) -> bool:
    return (
        alignment.evidence.shared_characters >= _MIN_TELLING_CHARACTERS
        or alignment.evidence.shared_turns >= _MIN_TELLING_TURNS
    )


def _ending(candidate: Candidate) -> bytes:
    """The chain of the whole candidate: equal chains hold equal conversations."""
    return next(
        (turn.chain for turn in reversed(candidate.stored) if not turn.is_instruction), CHAIN_START
    )
