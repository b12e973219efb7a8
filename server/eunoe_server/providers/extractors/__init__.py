"""Fact extractors: messages in, candidate facts out.

Two of them stand behind one protocol: `rules` (no model, English, precise before complete) and
`llm` (any OpenAI-compatible model). Both give their candidates to `domain.fact_screening` and hand
on only what passes; neither knows what is stored already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from eunoe_server.domain.fact import ExtractionMessage, Fact
from eunoe_server.errors import Reason, Unavailable

__all__ = ["ExtractionMessage", "ExtractionResult", "ExtractorUnavailable", "FactExtractor"]


class ExtractorUnavailable(Unavailable):
    """The fact extractor cannot be reached. Try again."""

    reason = Reason.EXTRACTOR_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class ExtractionResult:
    """What a batch of messages holds."""

    #: Screened, in the order they were said.
    facts: tuple[Fact, ...] = ()
    #: What the extractor's model charged, prompt and answer together; 0 without a model.
    tokens_used: int = 0
    #: Candidates that screening refused.
    refused: int = 0
    #: True when the extractor's model answered something that could not be read, so that `facts`
    #: may lack what the messages hold. Trying again is unlikely to help.
    is_incomplete: bool = False
    #: Of `tokens_used` those of the answer, if the model's endpoint says so.
    answer_tokens: int = 0


class FactExtractor(Protocol):
    """Finds facts about the speakers of messages."""

    #: What is recorded beside every fact, such as `rules/1`.
    name: str

    async def extract(self, messages: Sequence[ExtractionMessage]) -> ExtractionResult:
        """The facts in `messages`, which are in the order they were said.

        Only a user's own words make facts; other roles are context at most. Raises
        ExtractorUnavailable when a model was needed and could not be reached; never because of
        what a message or a model says.
        """
        ...
