"""Replays a real conversation through the OpenAI SDK, then asks its questions in new chats.

    python -m benchmarks.replay --locomo PATH/dev.json [--conversation conv-26] [--questions 50]

One LoCoMo conversation (arXiv 2402.17753) is held session by session: one speaker is the user, the
other is what a stand-in upstream answers, and the client resends its history as chat clients do.
The sessions are committed, each question is asked as a chat of its own, and the figures say how
often the notes that reached the upstream hold the turns that the question's evidence names. No
language model takes part, so nothing is said about answers.
"""

from __future__ import annotations

import argparse
import html
import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam
from rich.progress import track

from tests.fixtures.server import ServerProcess, serving, wait_until
from tests.fixtures.upstream import Upstream, json_reply

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
NAMESPACE = "locomo"


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the user says next, and what is answered."""

    said: tuple[str, ...]
    answered: str


@dataclass(slots=True)
class Figures:
    """Shares of the evidence turns found, one entry a question."""

    found: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """The mean share, and how many questions had any and all of their turns."""
        some = mean(share > 0 for share in self.found)
        whole = mean(share == 1 for share in self.found)
        return f"{name:12} {len(self.found):9} {mean(self.found):9.1%} {some:9.1%} {whole:9.1%}"


def main() -> None:
    """Prints the table, or says why there is none."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--locomo", type=Path, required=True, help="locomo10.json or a part of it")
    parser.add_argument("--conversation", default="", help="sample id; default: the first")
    parser.add_argument("--questions", type=int, default=0, help="at most so many; default: all")
    options = parser.parse_args()
    if not options.locomo.is_file():
        print(f"skipped: {options.locomo} is not there")
        return
    samples = json.loads(options.locomo.read_text())
    sample = next(
        (each for each in samples if options.conversation in ("", each["sample_id"])), None
    )
    if sample is None:
        parser.error(f"no conversation {options.conversation}")
    with (
        Upstream() as upstream,
        serving({"EUNOE_UPSTREAM_BASE_URL": upstream.base_url}) as server,
    ):
        replay(server, upstream, sample, options.questions)


def replay(server: ServerProcess, upstream: Upstream, sample: dict[str, Any], limit: int) -> None:
    """Holds the sessions, waits for their commits, asks the questions, prints the figures."""
    talk = sample["conversation"]
    client = server.openai(default_query={"namespace": NAMESPACE, "commit_after": 1})
    sessions = list(sessions_of(talk))
    started = time.perf_counter()
    for session in track(sessions, description=f"{sample['sample_id']}: sessions"):
        hold(client, upstream, talk, session)
    held = time.perf_counter() - started
    wait_until(lambda: not uncommitted(server), "the commits")

    turns = {turn["dia_id"]: turn for session in sessions for turn in session}
    questions = [
        question
        for question in sample["qa"]
        if any(evidence in turns for evidence in question.get("evidence") or ())
    ][: limit or None]
    figures: dict[str, Figures] = {}
    tokens: list[int] = []
    for question in track(questions, description="questions"):
        notes = ask(client, upstream, question["question"])
        tokens.append(len(notes) // 4)
        wanted = [turns[e] for e in question["evidence"] if e in turns]
        share = mean(in_notes(turn["text"], notes) for turn in wanted)
        for name in (CATEGORIES[question["category"]], "all"):
            figures.setdefault(name, Figures()).found.append(share)

    chats = sum(len(list(exchanges(session, talk["speaker_a"]))) for session in sessions)
    print(f"{sample['sample_id']}: {len(sessions)} sessions, {chats} chats in {held:.1f} s")
    print(f"{'category':12} {'questions':>9} {'evidence':>9} {'any':>9} {'all':>9}")
    for name in (*sorted(set(figures) - {"all"}), "all"):
        print(figures[name].line(name))
    print(f"notes: {mean(tokens):.0f} tokens a question on average, {max(tokens)} at most")


def sessions_of(talk: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The sessions in order, as lists of turns."""
    number = 1
    while f"session_{number}_date_time" in talk or f"session_{number}" in talk:
        if session := talk.get(f"session_{number}"):
            yield session
        number += 1


def exchanges(session: Sequence[dict[str, Any]], user: str) -> Iterator[Exchange]:
    """The session as user turns and answers; who answers twice answers once, at length."""
    said: list[str] = []
    answered: list[str] = []
    for turn in session:
        if turn["speaker"] == user:
            if answered:
                yield Exchange(tuple(said), "\n".join(answered))
                said, answered = [], []
            said.append(turn["text"])
        else:
            answered.append(turn["text"])
    yield Exchange(tuple(said), "\n".join(answered) or "…")


def hold(
    client: OpenAI, upstream: Upstream, talk: dict[str, Any], session: Sequence[dict[str, Any]]
) -> None:
    """One session as a chat client holds it: the whole history each time."""
    user, other = talk["speaker_a"], talk["speaker_b"]
    history: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": f"You are {other}, a friend of {user}."}
    ]
    for exchange in exchanges(session, user):
        history += [
            {"role": "user", "name": user, "content": text} for text in exchange.said or ("Hi!",)
        ]
        upstream.script(completion(exchange.answered))
        answer = client.chat.completions.create(model="stand-in-1", messages=history)
        history.append({"role": "assistant", "content": answer.choices[0].message.content})


def completion(content: str) -> Any:
    """A scripted answer in OpenAI's shape."""
    message = {"role": "assistant", "content": content, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return json_reply(
        {
            "id": "chatcmpl-replay",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "stand-in-1",
            "choices": [choice],
        }
    )


def ask(client: OpenAI, upstream: Upstream, question: str) -> str:
    """The notes that reached the upstream with a question; asking leaves nothing behind."""
    client.chat.completions.create(
        model="stand-in-1",
        messages=[{"role": "user", "content": question}],
        extra_query={"memory": "read"},
    )
    messages = upstream.requests[-1].document["messages"]
    return next(
        (str(each["content"]) for each in messages if "<memory-notes" in str(each["content"])), ""
    )


def in_notes(text: str, notes: str) -> bool:
    """Whether a turn stands in the notes, whose lines are collapsed and escaped."""
    return " ".join(text.split()) in html.unescape(notes)


def uncommitted(server: ServerProcess) -> bool:
    """Whether conversations still wait, by the server's own gauge."""
    with urllib.request.urlopen(f"{server.ops}/metrics") as answer:  # noqa: S310 - loopback
        for line in answer.read().decode().splitlines():
            if line.startswith('eunoe_commit_queue{state="waiting"}'):
                return float(line.split()[-1]) > 0
    return True


if __name__ == "__main__":
    main()
