"""What becomes of a secret that is about to be stored: kept, taken out, or the write refused.

A screen stands wherever content enters the store. Off, which is the default, it changes nothing:
a memory reads back as it was written, a session replays what was said, an export is complete, and
no pattern can destroy what it mistakes for a secret. `redact` puts a mark in its place. `block`
refuses the write and says which field holds what; a chat is never refused for what memory will not
keep, so its messages are redacted there too, and the model always gets the client's own words.

Fingerprints stay those of the message as it was said, so that a client that resends it continues
its conversation. What is named (ids, namespaces, sessions) is not content and is not screened.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from eunoe_server.domain.dialogue import NewDialogue, NewMessage
from eunoe_server.domain.dialogue_draft import DialogueChange, DialogueDraft
from eunoe_server.domain.memory import NewMemory
from eunoe_server.domain.memory_draft import MemoryDraft
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.recalled import Quote
from eunoe_server.domain.secrets import find_secrets, redacted, redacted_json
from eunoe_server.domain.turn import Turn, read_turn
from eunoe_server.errors import InvalidInput

Draft = TypeVar("Draft", MessageDraft, MemoryDraft, DialogueDraft)


class SecretPolicy(enum.StrEnum):
    """What is done with secrets."""

    ALLOW = "allow"
    REDACT = "redact"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Screen:
    """Applies one policy; `path` and `field` are what a refusal calls the place."""

    secrets: SecretPolicy = SecretPolicy.ALLOW

    @property
    def is_off(self) -> bool:
        """True when everything is kept as it is."""
        return self.secrets is SecretPolicy.ALLOW

    def text(self, text: str, field: str) -> str:
        """Words to keep. Raises InvalidInput when they hold a secret and that is refused."""
        return text if self.is_off else self._kept(text, redacted(text), field)

    def document(self, document: str, field: str) -> str:
        """A JSON document to keep, already known to be one. Raises as `text` does."""
        return document if self.is_off else self._kept(document, redacted_json(document), field)

    def tags(self, tags: Sequence[str], field: str = "tags") -> tuple[str, ...]:
        """Tags to keep. Raises as `text` does."""
        return tuple(dict.fromkeys(self.text(tag, f"{field}[{at}]") for at, tag in enumerate(tags)))

    def turn(self, turn: Turn) -> Turn:
        """A chat's message to keep beside the one that is sent on; never refused."""
        body = turn.body if self.is_off else redacted_json(turn.body)
        return turn if body is turn.body else replace(read_turn(body.encode()), digest=turn.digest)

    def message(self, draft: MessageDraft, new_id: str, path: str) -> NewMessage:
        """The message to store, as `draft.accepted` gives it. Raises what that raises."""
        accepted = draft.accepted(new_id, path)
        if self.is_off:
            return accepted
        clean = replace(
            draft,
            content=self.document(draft.content, f"{path}.content"),
            name=None if draft.name is None else self.text(draft.name, f"{path}.name"),
            tool_calls=self.document(draft.tool_calls, f"{path}.tool_calls"),
            extra=self.document(draft.extra, f"{path}.extra"),
            tags=self.tags(draft.tags, f"{path}.tags"),
            metadata=self.document(draft.metadata, f"{path}.metadata"),
        )
        if _is_same(clean, draft):
            return accepted
        return replace(clean.accepted(new_id, path), digest=accepted.digest)

    def memory(self, draft: MemoryDraft, new_id: str, path: str) -> NewMemory:
        """The memory to store, as `draft.accepted` gives it. Raises what that raises."""
        accepted = draft.accepted(new_id, path)
        if self.is_off:
            return accepted
        label, description = draft.label, draft.description
        clean = replace(
            draft,
            value=self.document(draft.value, f"{path}value"),
            label=None if label is None else self.text(label, f"{path}label"),
            description=(
                None if description is None else self.text(description, f"{path}description")
            ),
            tags=self.tags(draft.tags, f"{path}tags"),
            metadata=self.document(draft.metadata, f"{path}metadata"),
        )
        return accepted if _is_same(clean, draft) else clean.accepted(new_id, path)

    def dialogue(self, draft: DialogueDraft, new_id: str) -> NewDialogue:
        """The dialogue to store, as `draft.accepted` gives it. Raises what that raises."""
        accepted = draft.accepted(new_id)
        if self.is_off:
            return accepted
        clean = replace(
            draft,
            label=None if draft.label is None else self.text(draft.label, "label"),
            state=self.document(draft.state, "state"),
            metadata=self.document(draft.metadata, "metadata"),
            tags=self.tags(draft.tags),
        )
        return accepted if _is_same(clean, draft) else clean.accepted(new_id)

    def change(self, change: DialogueChange) -> DialogueChange:
        """The change to make, as `change.accepted` gives it. Raises what that raises."""
        accepted = change.accepted()
        if self.is_off:
            return accepted
        label, tags, state = accepted.label, accepted.tags, accepted.state
        return replace(
            accepted,
            label=None if label is None else self.text(label, "label"),
            tags=None if tags is None else self.tags(tags),
            state=None if state is None else self.document(state, "state"),
        )

    def quote(self, quote: Quote) -> Quote:
        """What may be recalled, also of a text that was stored before secrets were screened."""
        return quote if self.is_off else replace(quote, text=redacted(quote.text))

    def _kept(self, said: str, clean: str, field: str) -> str:
        if self.secrets is SecretPolicy.BLOCK and clean is not said:
            kinds = sorted({secret.kind for secret in find_secrets(said)})
            what = " and ".join(f"a {kind}" for kind in kinds).replace("a A", "an A")
            raise InvalidInput.of(
                field, f"holds {what or 'a secret'}; this server keeps no secrets"
            )
        return clean


def _is_same(clean: Draft, draft: Draft) -> bool:
    """Whether there was nothing to take out; then it need not be read a second time."""
    return clean == replace(draft, tags=tuple(draft.tags))


#: Keeps everything.
NO_SCREEN = Screen()
