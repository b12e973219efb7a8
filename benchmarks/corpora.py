"""Conversations with questions and the turns that answer them, in one form.

Three sources: LoCoMo (two people over months), sessions of a user with an assistant, and our own
small ones of both kinds (`tests/corpus`). The first two are read where they are; nothing of them
is in this repository.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

#: LoCoMo's kinds of questions, by its numbers.
KINDS = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}

OWN_CORPUS = Path(__file__).parents[1] / "tests" / "corpus"

#: The id of a turn: its session's, and its own in there.
TurnId = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody said, and when."""

    id: str
    role: str
    text: str
    said_at: datetime
    #: The speaker's name, where people talk with each other.
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation."""

    id: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A question, and the turns that answer it."""

    text: str
    kind: str
    evidence: frozenset[TurnId]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sessions that are searched together: one namespace."""

    name: str
    #: What it is reported as part of.
    group: str
    sessions: tuple[Session, ...]
    queries: tuple[Query, ...]


def read_locomo(path: Path) -> Iterator[Corpus]:
    """Each of its conversations by itself, as the paper has it.

    A few questions have no evidence or name turns that are not there; these cannot be scored.
    """
    for sample in json.loads(path.read_text("utf-8")):
        sessions = tuple(_locomo_sessions(sample["conversation"]))
        known = {(session.id, turn.id) for session in sessions for turn in session.turns}
        queries = []
        for asked in sample["qa"]:
            named = re.findall(r"D(\d+):(\d+)", " ".join(asked["evidence"]))
            evidence = known & {(f"session_{session}", f"D{session}:{n}") for session, n in named}
            if evidence:
                kind = KINDS[asked["category"]]
                queries.append(Query(asked["question"], kind, frozenset(evidence)))
        yield Corpus(sample["sample_id"], "LoCoMo", sessions, tuple(queries))


def _locomo_sessions(conversation: dict[str, Any]) -> Iterator[Session]:
    names = [name for name in conversation if re.fullmatch(r"session_\d+", name)]
    for name in names:
        start = datetime.strptime(
            conversation[f"{name}_date_time"], "%I:%M %p on %d %B, %Y"
        ).replace(tzinfo=UTC)
        yield Session(
            name,
            tuple(
                Turn(
                    id=turn["dia_id"],
                    role="user",
                    text=turn["text"],
                    said_at=start + timedelta(seconds=number),
                    name=turn["speaker"],
                )
                for number, turn in enumerate(conversation[name])
            ),
        )


def read_user_assistant(path: Path) -> Iterator[Corpus]:
    """All sessions together, as one user's."""
    found = json.loads(path.read_text("utf-8"))
    sessions = tuple(
        Session(
            session_id,
            tuple(
                Turn(
                    str(number),
                    turn["role"],
                    turn["content"],
                    datetime.fromisoformat(turn["created"]).replace(tzinfo=UTC),
                )
                for number, turn in enumerate(turns)
            ),
        )
        for session_id, turns in found["sessions"].items()
    )
    queries = tuple(
        Query(
            asked["question"],
            "all",
            frozenset((session, str(number)) for session, number in asked["evidence"]),
        )
        for asked in found["questions"]
    )
    yield Corpus("user-assistant", "user and assistant", sessions, queries)


def read_own(folder: Path = OWN_CORPUS) -> Iterator[Corpus]:
    """Ours, a file each. `README.md` there says how they are written."""
    for path in sorted(folder.glob("*.yaml")):
        found = yaml.safe_load(path.read_text("utf-8"))
        labels: dict[str, TurnId] = {}
        sessions = tuple(
            _own_session(session_id, session, labels)
            for session_id, session in found["sessions"].items()
        )
        queries = tuple(
            Query(asked["ask"], asked["kind"], frozenset(labels[label] for label in asked["find"]))
            for asked in found["questions"]
        )
        yield Corpus(path.stem, f"own, {found['between']}", sessions, queries)


def _own_session(session_id: str, session: dict[str, Any], labels: dict[str, TurnId]) -> Session:
    start: datetime = session["at"].replace(tzinfo=UTC)
    turns = []
    for number, found in enumerate(session["turns"], 1):
        turn = dict(found)
        label = turn.pop("as", None)
        if label is not None:
            assert label not in labels, f"two turns are called {label}"
            labels[label] = session_id, str(number)
        ((speaker, text),) = turn.items()
        is_role = speaker in {"user", "assistant"}
        turns.append(
            Turn(
                id=str(number),
                role=speaker if is_role else "user",
                text=text.strip(),
                said_at=start + timedelta(seconds=20 * number),
                name=None if is_role else speaker,
            )
        )
    return Session(session_id, tuple(turns))
