"""Hundreds of chat clients as they are, talking at once to anything that remembers.

The simulation knows which conversation every request belongs to and what that conversation is; the
memory under test sees only what a client sends. After each answer the dialogue that the request was
filed under must hold the conversation, message for message, as the client knows it. That one check
covers wrong merges, lost turns, second copies and branches that went wrong.

It drives any `ConversationMemory`: the reference store of `reference_memory.py`, or a real server
behind an adapter. It speaks OpenAI messages, uses no code of the server and has its own notion of
when two messages are the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from random import Random
from typing import Any, Protocol

from tests.unit.chat_clients import (
    CLIENTS,
    UNCERTAIN_CLIENTS,
    Client,
    Message,
    brings_context,
    said,
)

#: All that a test of another memory needs.
__all__ = [
    "CLIENTS",
    "UNCERTAIN_CLIENTS",
    "ConversationMemory",
    "Exchange",
    "Filed",
    "Message",
    "Tally",
    "simulate",
    "table",
]

NAMESPACES = ("alice", "bob", "")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of a client, and what the model will answer to it."""

    namespace: str
    #: Which of the project's API keys is used; the same conversation may use several.
    api_key: str
    messages: Sequence[Message]
    answer: Message
    #: What an SDK says in x-stainless-retry-count.
    retry_count: int = 0
    #: The client closes the stream once it has seen this many characters of the answer.
    stops_after_characters: int | None = None


@dataclass(frozen=True, slots=True)
class Filed:
    """Where an exchange was stored."""

    dialogue: str
    #: True when the dialogue was started by this exchange.
    is_new: bool


class ConversationMemory(Protocol):
    """What the simulation needs of a memory under test."""

    async def chat(self, exchange: Exchange) -> Filed:
        """Answer an exchange and store it; returns when both is done."""
        ...

    async def transcript(self, namespace: str, dialogue: str) -> Sequence[Message]:
        """The active messages of a dialogue, in order, without instructions."""
        ...

    async def dialogues(self, namespace: str) -> Sequence[str]:
        """All dialogues of a namespace."""
        ...


@dataclass(slots=True)
class Tally:
    """What became of the requests of one kind of client."""

    conversations: int = 0
    #: Requests that resend an earlier answer.
    follow_ups: int = 0
    right: int = 0
    missed: int = 0
    wrong: int = 0
    #: Messages stored more than once (as active ones).
    copies: int = 0

    @property
    def precision(self) -> float:
        """How many of the matched requests were matched rightly."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """How many of the follow-ups found their dialogue."""
        return self.right / self.follow_ups if self.follow_ups else 1.0


async def simulate(
    memory: ConversationMemory, clients: Sequence[Client], seed: int
) -> dict[str, Tally]:
    """Run all conversations of all clients at once; chance depends on `seed` only."""
    tallies = {client.kind: Tally(client.conversations) for client in clients}
    conversations = [
        _Conversation(client, memory, tallies[client.kind], _chance(seed, client.kind, number))
        for client in clients
        for number in range(client.conversations)
    ]
    await asyncio.gather(*(conversation.run() for conversation in conversations))
    await _count_copies(memory, conversations)
    return tallies


def _chance(*seed: object) -> Random:
    return Random(repr(seed))  # noqa: S311 - a simulation must be repeatable


async def _count_copies(memory: ConversationMemory, conversations: Sequence[_Conversation]) -> None:
    tally_of = {
        (conversation.namespace, text): conversation.tally
        for conversation in conversations
        for text in conversation.own_texts
    }
    seen = set()
    for namespace in NAMESPACES:
        for dialogue in await memory.dialogues(namespace):
            for message in await memory.transcript(namespace, dialogue):
                label = (namespace, said(message)[1])
                if label in seen:
                    tally_of[label].copies += 1
                elif label in tally_of:
                    seen.add(label)


def table(tallies: Mapping[str, Tally]) -> str:
    """The tallies as text: one kind of client a line, and all of them together."""
    total = Tally(
        *(
            sum(counts)
            for counts in zip(*(astuple(tally) for tally in tallies.values()), strict=True)
        )
    )
    head = f"{'client':<50}{'chats':>6}{'follow-ups':>12}{'wrong':>7}{'copies':>8}"
    lines = [f"{head}{'precision':>11}{'recall':>8}"]
    lines += [
        f"{kind:<50}{tally.conversations:>6}{tally.follow_ups:>12}{tally.wrong:>7}{tally.copies:>8}"
        f"{tally.precision:>11.3f}{tally.recall:>8.3f}"
        for kind, tally in [*tallies.items(), ("all", total)]
    ]
    return "\n".join(lines)


_TOPICS = ("lanterns", "glaciers", "sourdough", "tax forms", "violins", "beetles", "tramways")
_PHRASES = (("thanks", "You're welcome!"), ("ok", "Great."), ("continue", "Where were we?"))


class _Conversation:
    """One conversation of one client, and what the memory must make of it."""

    def __init__(
        self, client: Client, memory: ConversationMemory, tally: Tally, chance: Random
    ) -> None:
        self.client = client
        self.memory = memory
        self.tally = tally
        self.chance = chance
        self.namespace = chance.choice(NAMESPACES)
        #: The conversation as the client knows it.
        self.history: list[Message] = list(client.examples)
        #: What its user and tools have said since the last request.
        self.unsent: list[Message] = []
        #: What the dialogue that holds it must hold.
        self.kept: list[Message] = []
        #: Answers that the client stopped; what is stored may be longer or shorter.
        self.stopped: list[Message] = []
        #: Texts that no other conversation has.
        self.own_texts: set[str] = set()
        self.is_lost = False

    async def run(self) -> None:
        talk = [*self.client.opening, *([None] * self.chance.randint(2, 6))]
        for planned in talk:
            await self._pause()
            if self._happens(self.client.edit_rate):
                self._take_back_a_message()
            question, answer = planned or self._talk()
            await self._ask(question, answer)
            if self._happens(self.client.regenerate_rate) and self._own_answers() > 1:
                await self._ask_again()
            if self.is_lost:
                return

    async def _ask(self, question: str, answer: str) -> None:
        if self.client.brings_context:
            self._say({"role": "user", "content": self._own_text("Context:")})
        self._say({"role": "user", "content": self.client.user_content(question)})
        while self._happens(self.client.tool_rate):
            calls = self._calls()
            await self._send(
                {"role": "assistant", "content": "One moment.", "tool_calls": calls}, "One moment."
            )
            for call in calls:
                result = self._own_text("Result")
                self._say({"role": "tool", "tool_call_id": call["id"], "content": result})
            await self._pause()
        await self._send({"role": "assistant", **self.client.answer_fields(answer)}, answer)

    async def _ask_again(self) -> None:
        """Drop the last answer and ask for another one."""
        del self.history[-1], self.kept[-1]
        answer = self._own_text("Another answer")
        await self._send({"role": "assistant", "content": answer}, answer)

    def _take_back_a_message(self) -> None:
        """Go back before a message of the user, but not before the first answer."""
        asked = [
            at
            for at, message in enumerate(self.history)
            if message["role"] == "user" and self._own_answers(until=at)
        ]
        if asked:
            at = self.chance.choice(asked)
            at -= self.client.brings_context and not brings_context(self.history[at])
            taken_back = [i for i, kept in enumerate(self.kept) if kept is self.history[at]]
            del self.history[at:], self.kept[taken_back[0] if taken_back else len(self.kept) :]

    async def _send(self, answer: Message, text: str) -> None:
        """Ask once, or twice when the response gets lost and the SDK tries again."""
        if self.is_lost:
            return
        is_follow_up = self.client.is_recognisable and self._own_answers() > 0
        exchange = Exchange(
            namespace=self.namespace,
            api_key=self.chance.choice(("key-1", "key-2")),
            messages=[*self.client.instruct(self.chance), *self.client.resend(self.history)],
            answer=answer,
        )
        if self._happens(self.client.retry_rate):
            lost = answer
            if self.chance.random() < 0.5:
                lost = {"role": "assistant", "content": self._own_text("Lost answer")}
            await self._file(replace(exchange, answer=lost), lost, is_follow_up=is_follow_up)
            self.kept.pop()
            await self._pause()
            exchange = replace(exchange, retry_count=1)
            is_follow_up = True
        seen = answer
        if len(text) > 60 and self._happens(self.client.stop_rate):
            stops_after = self.chance.randint(30, len(text) - 1)
            exchange = replace(exchange, stops_after_characters=stops_after)
            seen = {"role": "assistant", "content": text[:stops_after]}
            self.stopped.append(seen)
        if not self.is_lost:
            await self._file(exchange, seen, is_follow_up=is_follow_up)
            self.history.append(seen)

    async def _file(self, exchange: Exchange, seen: Message, *, is_follow_up: bool) -> None:
        """Send one request and judge what became of it."""
        filed = await self.memory.chat(exchange)
        stored = await self.memory.transcript(self.namespace, filed.dialogue)
        if filed.is_new:
            self.kept = [
                message
                for message in exchange.messages
                if message["role"] not in ("system", "developer")
            ]
        else:
            self.kept += self.unsent
        self.kept.append(seen)
        self.unsent = []
        is_right = self._is_kept(stored) and (is_follow_up or filed.is_new)
        self.tally.follow_ups += is_follow_up
        self.tally.wrong += not is_right
        self.tally.right += is_right and not filed.is_new
        self.tally.missed += is_follow_up and filed.is_new
        self.is_lost = not is_right or (is_follow_up and filed.is_new)

    def _is_kept(self, stored: Sequence[Message]) -> bool:
        if not any(said(message)[1] in self.own_texts for message in self.kept):
            # Word for word what others say too: one of them may have gone on already.
            stored = stored[: len(self.kept)]
        if len(stored) != len(self.kept):
            return False
        for message, kept in zip(stored, self.kept, strict=True):
            if any(kept is stopped for stopped in self.stopped):
                texts = sorted((said(message)[1], said(kept)[1]), key=len)
                if not texts[1].startswith(texts[0]):
                    return False
            elif said(message) != said(kept):
                return False
        return True

    def _say(self, message: Message) -> None:
        self.history.append(message)
        self.unsent.append(message)

    def _talk(self) -> tuple[str, str]:
        if self._own_answers() and self._happens(self.client.phrase_rate):
            return self.chance.choice(_PHRASES)
        return self._own_text("Tell me about"), self._own_text("This is what I know about")

    def _calls(self) -> list[dict[str, Any]]:
        numbered = self.client.has_numbered_calls
        return [
            {
                "id": f"call_{number if numbered else self.chance.getrandbits(60)}",
                "type": "function",
                "function": {"name": "look_up", "arguments": f'{{"of": "{self._topic()}"}}'},
            }
            for number in range(self.chance.randint(1, 3))
        ]

    def _own_text(self, lead: str) -> str:
        words = " ".join(self._topic() for _ in range(self.chance.randint(1, 12)))
        text = f"{lead} {words} {self.chance.getrandbits(48):x}"
        self.own_texts.add(text)
        return text

    def _topic(self) -> str:
        return self.chance.choice(_TOPICS)

    def _own_answers(self, until: int | None = None) -> int:
        turns = self.history[len(self.client.examples) : until]
        return sum(message["role"] == "assistant" for message in turns)

    def _happens(self, rate: float) -> bool:
        return self.chance.random() < rate

    async def _pause(self) -> None:
        for _ in range(self.chance.randint(0, 9)):
            await asyncio.sleep(0)
