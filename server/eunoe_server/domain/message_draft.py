"""A message somebody asks to add to a dialogue, until it is known to be one that can be kept.

Messages of chats were taken as the model endpoint takes them. These come from anywhere, so more is
refused: a document that is no JSON, two places for one thing, nothing said at all. Whether results
fit calls is nobody's business here, because imports may hold halves of conversations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from eunoe_server.domain.alignment import CHAIN_START, extend_chain
from eunoe_server.domain.dialogue import NewMessage
from eunoe_server.domain.json_document import Parsed, parse, readable_text
from eunoe_server.domain.json_text import members
from eunoe_server.domain.limit_table import MAX_CONTENT_BYTES
from eunoe_server.domain.limits import checked_id, checked_metadata, checked_tags
from eunoe_server.domain.message_body import OWN_MEMBERS, write_body
from eunoe_server.domain.turn import INSTRUCTION_ROLES, Turn, read_turn
from eunoe_server.errors import InvalidInput, MissingParameter

#: Of a document that is no text, as much is searched as of a memory's value.
MAX_READABLE_CHARACTERS = 100_000

_NOTHING = "null"


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """What the caller sent. Documents are JSON; empty when there is none."""

    role: str
    content: str = ""
    id: str | None = None
    name: str | None = None
    tool_calls: str = ""
    tool_call_id: str | None = None
    extra: str = ""
    tags: Sequence[str] = ()
    metadata: str = ""
    #: None: now.
    created_at: datetime | None = None

    def accepted(self, new_id: str, path: str) -> NewMessage:
        """The message to store, with `new_id` if the draft names none; its chain is yet to come.

        `path` is where the draft stands in its request: `messages[3]`. Raises InvalidInput, and
        MissingParameter when nothing is said.
        """
        content = self._content(path)
        calls = parse(self.tool_calls or _NOTHING, f"{path}.tool_calls")
        extra = self._extra(path)
        if content is None and not calls and not extra:
            raise MissingParameter.of(f"{path}.content", "Required")
        for text, field in ((self.name, "name"), (self.tool_call_id, "tool_call_id")):
            if text is not None and "\x00" in text:
                raise InvalidInput.of(f"{path}.{field}", "must not contain U+0000")
        body = self._body(self.content, extra)
        # An object by itself, which DialogueDB has, is a list of one to everybody else.
        is_object = isinstance(content, dict)
        turn = read_turn(
            (self._body(f"[{self.content}]", extra) if is_object else body).encode(), path
        )
        return NewMessage(
            id=new_id if self.id is None else checked_id(self.id, f"{path}.id"),
            role=turn.role,
            body=body,
            text=_text(turn, content),
            digest=turn.digest,
            chain=CHAIN_START,
            token_estimate=turn.token_estimate,
            name=turn.name or None,
            tool_call_ids=turn.tool_call_ids,
            tags=checked_tags(self.tags, f"{path}.tags"),
            metadata=checked_metadata(self.metadata, f"{path}.metadata"),
            created_at=self.created_at,
        )

    def _content(self, path: str) -> Parsed:
        if len(self.content.encode()) > MAX_CONTENT_BYTES:
            raise InvalidInput.of(f"{path}.content", "must be at most 8 MiB of JSON")
        return parse(self.content or _NOTHING, f"{path}.content")

    def _extra(self, path: str) -> Mapping[str, str]:
        parsed = parse(self.extra or _NOTHING, f"{path}.extra")
        if parsed is None:
            return {}
        if not isinstance(parsed, dict):
            raise InvalidInput.of(f"{path}.extra", "must be a JSON object")
        if taken := OWN_MEMBERS & parsed.keys():
            raise InvalidInput.of(
                f"{path}.extra", f"must not hold {min(taken)}, which has a field of its own"
            )
        return members(self.extra)

    def _body(self, content: str, extra: Mapping[str, str]) -> str:
        return write_body(
            role=self.role,
            content=content,
            name=self.name,
            tool_calls=self.tool_calls,
            tool_call_id=self.tool_call_id,
            extra=extra,
        )


def chained(messages: Sequence[NewMessage], chain: bytes) -> list[NewMessage]:
    """The messages as they follow a transcript whose last turn has this chain."""
    linked = []
    for message in messages:
        if message.role not in INSTRUCTION_ROLES:
            chain = extend_chain(chain, message.digest)
            message = replace(message, chain=chain)
        linked.append(message)
    return linked


def _text(turn: Turn, content: Parsed) -> str:
    """What can be read and searched: its text, and what documents of the caller's own say."""
    parts = content if isinstance(content, list) else [content]
    own: Parsed = [part for part in parts if isinstance(part, dict) and "type" not in part]
    said = readable_text(own, MAX_READABLE_CHARACTERS) if own else ""
    return "\n".join(part for part in (turn.text, said) if part)
