"""How much of what answers a question a search finds, through the public gRPC API.

    python -m benchmarks.recall --locomo PATH/dev.json --user-assistant PATH/dev.json [--mode all]

Conversations go in as dialogues with their dates; each question is one search for messages. Recall
at k is the share of a question's evidence among the first k results, averaged over the questions.
No language model takes part. LoCoMo (arXiv 2402.17753) and the sessions are read where they are;
what is not there is said and skipped. Our own small corpus (`tests/corpus`) is always measured.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import mean
from uuid import uuid4

import grpc
from rich.progress import track

from benchmarks.corpora import (
    Corpus,
    Query,
    TurnId,
    read_locomo,
    read_own,
    read_user_assistant,
)
from eunoe.v1 import dialogue_pb2, dialogue_pb2_grpc, search_pb2, search_pb2_grpc
from tests.fixtures.server import METADATA, serving

MODES = ("hybrid", "words", "vector")
DEPTHS = (1, 5, 10, 25, 50)
#: Long enough that no commit takes place while questions are asked.
COMMIT_AFTER_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what was found: turns, the best first."""

    group: str
    query: Query
    found: Sequence[TurnId]

    def recall(self, depth: int) -> float:
        """The share of the evidence among the first results."""
        return len(self.query.evidence.intersection(self.found[:depth])) / len(self.query.evidence)

    def ndcg(self, depth: int) -> float:
        """1 when the evidence comes first; each place further down counts less."""
        gains = [1 / math.log2(place + 2) for place in range(depth)]
        reached = sum(
            gain
            for gain, turn in zip(gains, self.found, strict=False)
            if turn in self.query.evidence
        )
        return reached / sum(gains[: len(self.query.evidence)])


class Memory:
    """A running server, through its public API."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._dialogues = dialogue_pb2_grpc.DialogueServiceStub(channel)
        self._search = search_pb2_grpc.SearchServiceStub(channel)

    def store(self, corpus: Corpus, namespace: str) -> None:
        """Every session as a dialogue."""
        for session in corpus.sessions:
            request = dialogue_pb2.CreateDialogueRequest(
                id=session.id,
                namespace=namespace,
                commit_after_seconds=COMMIT_AFTER_SECONDS,
            )
            for turn in session.turns:
                message = request.messages.add(
                    id=turn.id, role=turn.role, name=turn.name, content_json=json.dumps(turn.text)
                )
                message.create_time.FromDatetime(turn.said_at)
            self._dialogues.CreateDialogue(request, metadata=METADATA)

    def ask(self, query: Query, namespace: str, mode: str) -> Sequence[TurnId]:
        """The turns that are found, the best first."""
        answer = self._search.Search(
            search_pb2.SearchRequest(
                query=query.text,
                object="message",
                namespace=namespace,
                limit=max(DEPTHS),
                mode=mode,
            ),
            metadata=METADATA,
        )
        return [(each.message.dialogue_id, each.message.id) for each in answer.results]


def measure(
    memory: Memory,
    corpora: Sequence[Corpus],
    modes: Sequence[str],
    progress: Callable[[Sequence[Corpus]], Iterable[Corpus]] = iter,
) -> dict[str, list[Asked]]:
    """Stores every corpus in a namespace of its own and asks its questions, by mode."""
    asked: dict[str, list[Asked]] = {mode: [] for mode in modes}
    for corpus in progress(corpora):
        namespace = f"{corpus.name}-{uuid4().hex[:8]}"
        memory.store(corpus, namespace)
        for mode in modes:
            asked[mode] += [
                Asked(corpus.group, query, memory.ask(query, namespace, mode))
                for query in corpus.queries
            ]
    return asked


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--locomo", type=Path, help="locomo10.json, or a part of it")
    parser.add_argument("--user-assistant", type=Path, help="sessions of a user with an assistant")
    parser.add_argument("--mode", choices=[*MODES, "all"], default="hybrid")
    options = parser.parse_args()
    corpora: list[Corpus] = []
    for path, read in (
        (options.locomo, read_locomo),
        (options.user_assistant, read_user_assistant),
    ):
        if path is not None and path.is_file():
            corpora += read(path)
        else:
            print(f"skipped: {path or read.__name__.removeprefix('read_')} is not there")
    corpora += read_own()
    modes = MODES if options.mode == "all" else (options.mode,)
    with serving() as server, server.channel() as channel:
        asked = measure(
            Memory(channel), corpora, modes, lambda all_: track(all_, "storing and asking")
        )
    report(asked)


def report(asked: dict[str, list[Asked]]) -> None:
    """One table a group of corpora: modes side by side, then the kinds of questions."""
    for group in dict.fromkeys(each.group for each in chain.from_iterable(asked.values())):
        depths = "".join(f"{f'@{depth}':>7}" for depth in DEPTHS)
        print(f"\n{group:24}{'questions':>10}{depths}{'all@10':>8}{'NDCG@10':>9}")
        for mode, every in asked.items():
            of_group = [each for each in every if each.group == group]
            print(_line(mode, of_group))
            kinds = sorted({each.query.kind for each in of_group})
            for kind in kinds if len(kinds) > 1 else ():
                print(_line(f"  {kind}", [each for each in of_group if each.query.kind == kind]))


def _line(name: str, asked: Sequence[Asked]) -> str:
    recalls = "".join(
        f"{100 * mean(each.recall(depth) for each in asked):7.1f}" for depth in DEPTHS
    )
    whole = 100 * mean(each.recall(10) == 1 for each in asked)
    ndcg = 100 * mean(each.ndcg(10) for each in asked)
    return f"{name:24}{len(asked):10}{recalls}{whole:8.1f}{ndcg:9.1f}"


if __name__ == "__main__":
    main()
