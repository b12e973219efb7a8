"""The forms in which a model is asked, and what memory needs to know of each.

A form is one of OpenAI's endpoints with its JSON. Everything that is done with a request between
its arrival and its answer is done once, in `services/chat.py`, on what a form shows of itself here:
the turns that a body holds, where messages can be put into it, and the turn that an answer is.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Protocol, Self

from eunoe_server.domain.answer import Answer
from eunoe_server.domain.body_options import BodyOptions
from eunoe_server.domain.turn import Turn


class WireForm(enum.StrEnum):
    """An endpoint of OpenAI's; the words are the paths behind a base URL."""

    CHAT = "chat/completions"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"


class AnswerInPieces(Protocol):
    """Puts a streamed answer together, event by event. Never raises."""

    def feed(self, event: bytes) -> None:
        """Take the data of the next event."""
        ...

    @property
    def event_name(self) -> str:
        """What the event that was fed last is called on the wire; empty: it has no name."""
        ...

    @property
    def failed(self) -> bool:
        """True once an error came in the place of an event."""
        ...

    @property
    def is_complete(self) -> bool:
        """True once the model said why it stopped."""
        ...

    @property
    def has_ended(self) -> bool:
        """True once the last event that this form has was fed."""
        ...

    def answer(self) -> Answer | None:
        """What arrived so far; None when that is nothing."""
        ...


class RequestBody(Protocol):
    """A request's body in one form: split, never re-encoded but for what memory adds."""

    @property
    def form(self) -> WireForm:
        """Which endpoint it is for."""
        ...

    @property
    def raw(self) -> bytes:
        """The bytes that go upstream when memory adds nothing."""
        ...

    @property
    def is_stream(self) -> bool:
        """Whether it asks for the answer in pieces."""
        ...

    @property
    def options(self) -> BodyOptions:
        """What it said to memory; no longer part of it."""
        ...

    @property
    def turns(self) -> Sequence[Turn]:
        """The conversation as the model will see it, oldest first. Raises InvalidInput."""
        ...

    @property
    def previous_response_id(self) -> str | None:
        """The answer that this continues without resending what came before it."""
        ...

    def following(self, earlier: Sequence[Turn], *, is_known: bool) -> Self:
        """The same request after these turns; put into the body unless the upstream knows them."""
        ...

    def holds(self, index: int) -> bool:
        """Whether that turn is in the body itself."""
        ...

    def with_inserted(self, inserted: Sequence[tuple[int, Sequence[bytes]]]) -> bytes:
        """The body with chat messages put before the turn at each index."""
        ...

    def read_answer(self, answer: bytes) -> Answer | None:
        """The turn that a whole answer adds; None if there is none."""
        ...

    def answer_in_pieces(self) -> AnswerInPieces:
        """What puts a streamed answer together."""
        ...
