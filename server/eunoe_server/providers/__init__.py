"""Other people's work that we call: embedders, chat models, fact extractors.

The protocols are here, one implementation a file. `app.py` picks them from the settings; services
see only the protocols. A provider may be slow or remote, so none is ever called while a database
connection is held.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from eunoe_server.domain.wire_form import WireForm

Vectors = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into vectors of one fixed dimension."""

    #: What is recorded beside every vector, such as `wordllama/l2_supercat_256`. Vectors of two
    #: names are never compared.
    name: str
    #: Length of every vector.
    dimension: int
    #: True when a call costs microseconds and no network, so that vectors can be made on write.
    is_local: bool

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text, shape (len(texts), dimension), in order.

        A text without any known word gives the zero vector, never NaN.
        Raises EmbedderUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A whole answer as the upstream sent it: HTTP status 200, its headers, its body's bytes."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class ModelStream(Protocol):
    """An answer that arrives in pieces."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The upstream's response headers, names in lower case."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The `data` of each server-sent event, verbatim, without the closing `[DONE]`.

        Raises UpstreamFailed when the stream breaks. `was_completed` tells a whole answer from a
        cut one.
        """
        ...

    @property
    def was_completed(self) -> bool:
        """True once the upstream said `[DONE]` itself."""
        ...


class ChatModel(Protocol):
    """Answers OpenAI's requests in each of their forms. Bodies are bytes, never re-encoded."""

    #: True when a response can be continued by its id alone, because the model keeps them.
    keeps_responses: bool

    async def complete(
        self, body: bytes, headers: Mapping[str, str], *, form: WireForm = WireForm.CHAT
    ) -> ModelAnswer:
        """One answer to `body`. Raises UpstreamFailed or one of its kinds, after one attempt."""
        ...

    def stream(
        self, body: bytes, headers: Mapping[str, str], *, form: WireForm = WireForm.CHAT
    ) -> AbstractAsyncContextManager[ModelStream]:
        """The answer in pieces. Leaving the context closes the upstream's connection at once."""
        ...

    async def list_models(self) -> bytes:
        """OpenAI's model list as JSON: `{"object": "list", "data": […]}`."""
        ...
