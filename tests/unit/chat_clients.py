"""Chat clients as they are: what each kind resends of a conversation, and what its users do.

Client libraries, chat interfaces and agent frameworks all speak the same protocol and treat the
history that they resend differently. Each kind here is one of these treatments. No client sends an
id. This module uses no code of the server.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

Message = Mapping[str, Any]

Resend = Callable[[Sequence[Message]], Sequence[Message]]


@dataclass(frozen=True, slots=True)
class Client:
    """How one kind of client behaves. Rates are chances at each message of the user."""

    kind: str
    #: What becomes of the conversation so far when it is sent again.
    resend: Resend = list
    #: Messages before the conversation, made anew for each request.
    instruct: Callable[[Random], Sequence[Message]] = lambda _: ()
    #: Turns that an application puts before every conversation of this kind.
    examples: Sequence[Message] = ()
    #: Questions and answers that all conversations of this kind begin with.
    opening: Sequence[tuple[str, str]] = ()
    #: A user message with fresh context before every question.
    brings_context: bool = False
    tool_rate: float = 0.0
    edit_rate: float = 0.0
    regenerate_rate: float = 0.0
    retry_rate: float = 0.0
    stop_rate: float = 0.0
    #: How often the user only says what everybody says.
    phrase_rate: float = 0.1
    #: False for clients whose requests show no history that could be recognised.
    is_recognisable: bool = True
    conversations: int = 24
    #: Ids of the tool calls of one answer, for endpoints that only number them.
    has_numbered_calls: bool = False
    user_content: Callable[[str], Any] = str
    answer_fields: Callable[[str], Mapping[str, Any]] = lambda text: {"content": text}


def said(message: Message) -> tuple[str, str, tuple[str, ...]]:
    """What a message says, apart from how it is written down."""
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = " ".join(
            part["text"] if part["type"] == "text" else part["image_url"]["url"] for part in content
        )
    content = content.split("</think>")[-1]
    calls = tuple(call["id"] for call in message.get("tool_calls") or ())
    if "tool_call_id" in message:
        calls = (message["tool_call_id"],)
    return message["role"], " ".join(unicodedata.normalize("NFC", content).split()), calls


# --- How clients resend a conversation ---------------------------------------------------------


def window(exchanges: int) -> Resend:
    """Only the last exchanges, the new question included."""

    def resend(history: Sequence[Message]) -> Sequence[Message]:
        asked = [at for at, message in enumerate(history) if message["role"] == "user"]
        return history[asked[-exchanges:][0] :]

    return resend


def last_messages(count: int) -> Resend:
    """Only the last messages, whoever said them."""
    return lambda history: history[-count:]


def first_and_last(history: Sequence[Message]) -> Sequence[Message]:
    """The first exchange stays in view; the middle is dropped."""
    return history if len(history) < 6 else [*history[:2], *history[-3:]]


def summarised(history: Sequence[Message]) -> Sequence[Message]:
    """A summary in place of what is older."""
    if len(history) < 6:
        return history
    summary = {"role": "user", "content": f"So far we exchanged {len(history)} messages."}
    return [summary, *history[-5:]]


def without_old_context(history: Sequence[Message]) -> Sequence[Message]:
    """Of the messages that bring context, only the newest."""
    context = [at for at, message in enumerate(history) if brings_context(message)]
    return [message for at, message in enumerate(history) if at not in context[:-1]]


def brings_context(message: Message) -> bool:
    """True for the messages of clients that send fresh context with every question."""
    return said(message)[1].startswith("Context:")


def without_old_tool_traffic(history: Sequence[Message]) -> Sequence[Message]:
    """Calls and results of finished exchanges are gone."""
    asked = max(at for at, message in enumerate(history) if message["role"] == "user")
    spoken = [
        message
        for message in history[:asked]
        if message["role"] != "tool" and "tool_calls" not in message
    ]
    return [*spoken, *history[asked:]]


def without_text_beside_calls(history: Sequence[Message]) -> Sequence[Message]:
    """Answers that call tools are resent without their text."""
    return [
        {**message, "content": None} if "tool_calls" in message else message for message in history
    ]


def without_old_results(history: Sequence[Message]) -> Sequence[Message]:
    """Results that were read are replaced by a note."""
    answered = max(
        (at for at, message in enumerate(history) if message["role"] == "assistant"), default=0
    )
    return [
        {**message, "content": "[removed to save tokens]"}
        if message["role"] == "tool" and at < answered
        else message
        for at, message in enumerate(history)
    ]


def respaced(history: Sequence[Message]) -> Sequence[Message]:
    """Text went through an editor: other white space, other Unicode form."""
    return [
        {
            **message,
            "content": "\n\u00a0"
            + unicodedata.normalize("NFD", message["content"]).replace(" ", "  "),
        }
        for message in history
    ]


def in_parts(history: Sequence[Message]) -> Sequence[Message]:
    """Text as a list of one part, with a caching mark on the newest."""
    return [
        {**message, "content": [{"type": "text", "text": message["content"]} | mark]}
        for at, message in enumerate(history)
        for mark in [{"cache_control": {"type": "ephemeral"}} if at == len(history) - 1 else {}]
    ]


def only_content(history: Sequence[Message]) -> Sequence[Message]:
    """Answers are rebuilt from their text alone, without reasoning."""
    return [
        {"role": message["role"], "content": message["content"].split("</think>")[-1]}
        for message in history
    ]


def packed(history: Sequence[Message]) -> Sequence[Message]:
    """The whole conversation in one message of the user."""
    lines = "\n".join(f"{message['role']}: {message['content']}" for message in history)
    return [{"role": "user", "content": lines}]


def _clock(chance: Random) -> Sequence[Message]:
    return [{"role": "system", "content": f"It is {chance.randint(0, 23)} o'clock."}]


def _sometimes_instructed(chance: Random) -> Sequence[Message]:
    roles = ("system", "developer")
    return [] if chance.random() < 0.3 else [{"role": chance.choice(roles), "content": "Be kind."}]


def _fresh_context(chance: Random) -> Sequence[Message]:
    return [{"role": "user", "content": f"The user's basket holds {chance.randint(1, 999)} items."}]


_EXAMPLES = (
    {"role": "user", "content": "Translate to French, and only that: The cat sleeps on the sofa."},
    {"role": "assistant", "content": "Le chat dort sur le canap\u00e9, voil\u00e0 tout."},
)
_GREETING = ({"role": "assistant", "content": "Hi! I am the shop's assistant. How can I help?"},)
_HELLO = (("hi", "Hello!"),)
_SAME_START = (
    ("What is the tallest mountain on Earth?", "Mount Everest, 8,849 metres above the sea."),
    ("And the second tallest?", "K2, in the Karakoram, with 8,611 metres."),
)

CLIENTS = (
    Client("all of it"),
    Client("all of it, opening that all share", opening=_HELLO),
    Client("all of it, two exchanges that all share", opening=_SAME_START),
    Client("all of it, the system prompt changes", instruct=_clock),
    Client("all of it, the system prompt comes and goes", instruct=_sometimes_instructed),
    Client("all of it, after examples", examples=_EXAMPLES),
    Client("all of it, after a greeting", examples=_GREETING),
    Client("all of it, white space and Unicode changed", resend=respaced),
    Client("all of it, in parts with caching marks", resend=in_parts),
    Client(
        "all of it, with images",
        user_content=lambda text: [
            {"type": "image_url", "image_url": {"url": f"https://images.example/{len(text)}.png"}},
            {"type": "text", "text": text},
        ],
    ),
    Client(
        "reasoning field dropped",
        resend=only_content,
        answer_fields=lambda text: {"content": text, "reasoning_content": "Let me think."},
    ),
    Client(
        "reasoning element dropped",
        resend=only_content,
        answer_fields=lambda text: {"content": f"<think>Hm.</think>\n\n{text}"},
    ),
    Client("edits earlier messages", edit_rate=0.4),
    Client("asks for other answers", regenerate_rate=0.5),
    Client("loses responses, SDK retries", retry_rate=0.5, phrase_rate=0.0),
    Client("stops answers", stop_rate=0.4),
    Client("tools", tool_rate=0.5),
    Client("tools, numbered calls", tool_rate=0.5, has_numbered_calls=True),
    Client("tools, edits and other answers", tool_rate=0.4, edit_rate=0.3, regenerate_rate=0.3),
    Client("tools, old traffic dropped", resend=without_old_tool_traffic, tool_rate=0.5),
    Client("tools, text beside calls dropped", resend=without_text_beside_calls, tool_rate=0.5),
    Client("tools, old results removed", resend=without_old_results, tool_rate=0.5),
    Client("window of three exchanges", resend=window(3), phrase_rate=0.0),
    Client("window of two exchanges", resend=window(2), phrase_rate=0.0),
    Client("window of two exchanges, tools", resend=window(2), phrase_rate=0.0, tool_rate=0.4),
    Client("window of four messages", resend=last_messages(4), phrase_rate=0.0),
    Client("window of three exchanges, edits", resend=window(3), phrase_rate=0.0, edit_rate=0.3),
    Client("first and last exchanges", resend=first_and_last, phrase_rate=0.0),
    Client("summary in place of the rest", resend=summarised, phrase_rate=0.0),
    Client("fresh context before each question", resend=without_old_context, brings_context=True),
    Client("fresh context before all", instruct=_fresh_context),
    Client("all in one message", resend=packed, is_recognisable=False),
    Client("the last message only", resend=last_messages(1), is_recognisable=False),
)

#: These end like others do, and show no more than that: only mistakes count, not what is missed.
UNCERTAIN_CLIENTS = (
    Client("window of two exchanges, common phrases", resend=window(2), phrase_rate=0.5),
    Client("window of two messages", resend=last_messages(2)),
    Client("edits after a greeting", opening=_HELLO, edit_rate=0.5),
    Client("edits after an exchange that all share", opening=_SAME_START[:1], edit_rate=0.5),
)
