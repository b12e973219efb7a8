"""Facts by rules: what a user says of themselves in plain English, without a model.

Precise before complete. A fact that was never said costs more than one that was missed, because the
messages themselves stay searchable; so a clause that no rule reads with confidence holds nothing.
The reading itself is in `english`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from eunoe_server.domain.fact import (
    ExtractionMessage,
    Fact,
    FactType,
    Operation,
    Provenance,
    normalised,
)
from eunoe_server.domain.fact_screening import TRUSTED_ROLE, validate
from eunoe_server.providers.extractors import ExtractionResult
from eunoe_server.providers.extractors.english import requests
from eunoe_server.providers.extractors.english.clauses import Clause, clauses
from eunoe_server.providers.extractors.english.dates import resolved
from eunoe_server.providers.extractors.english.own_words import own_words
from eunoe_server.providers.extractors.english.person import third_person
from eunoe_server.providers.extractors.english.relatives import is_unique
from eunoe_server.providers.extractors.english.statement import Statement, bare, read
from eunoe_server.providers.extractors.english.topics import Finding, one_line
from eunoe_server.providers.extractors.english.topics.book import findings
from eunoe_server.providers.extractors.speakers import Speaker, speaker_of

#: How sure it is when the user asked to have it remembered.
ASKED_FOR = 0.95


class RulesExtractor:
    """The default extractor."""

    name = "rules/1"

    async def extract(self, messages: Sequence[ExtractionMessage]) -> ExtractionResult:
        """See `FactExtractor`. Takes well below a millisecond a message."""
        facts: list[Fact] = []
        refused = 0
        for message in messages:
            if message.role != TRUSTED_ROLE:
                continue
            candidates = list(self._candidates(message))
            kept = [fact for fact in candidates if validate(fact, message) is None]
            facts += kept
            refused += len(candidates) - len(kept)
            await asyncio.sleep(0)  # a long batch shares the event loop
        return ExtractionResult(facts=tuple(facts), refused=refused)

    def _candidates(self, message: ExtractionMessage) -> Iterator[Fact]:
        speaker = speaker_of(message.name)
        seen: set[tuple[str, str, bool, Operation]] = set()
        for clause in clauses(own_words(message.text)):
            for fact in self._facts(clause, message, speaker):
                key = (fact.slot, fact.value, fact.is_negated, fact.operation)
                if key not in seen:
                    seen.add(key)
                    yield fact

    def _facts(
        self, clause: Clause, message: ExtractionMessage, speaker: Speaker
    ) -> Iterator[Fact]:
        request = requests.read(clause)
        if request is None:
            yield from self._stated(clause, message, speaker)
            return
        if request.slot:
            yield self._fact(
                Finding(FactType.FACT, request.slot, said=f"my {request.slot.replace('_', ' ')}"),
                bare(request.what), message, speaker, Operation.RETRACT,
            )  # fmt: skip
            return
        stated = [
            fact
            for inner in clauses(request.what.text)
            for fact in self._stated(_shifted(inner, request.what.start), message, speaker)
        ]
        # Two people who talk say "remember" to each other.
        if not stated and request.may_be_note and speaker == Speaker():
            note = Finding(FactType.FACT, "note", object=normalised(request.what.text)[:120])
            stated = [self._fact(note, bare(request.what), message, speaker)]
        for fact in stated:
            yield replace(
                fact, confidence=max(fact.confidence, ASKED_FOR), operation=request.operation
            )

    def _stated(
        self, clause: Clause, message: ExtractionMessage, speaker: Speaker
    ) -> Iterator[Fact]:
        if statement := read(clause):
            for finding in findings(statement):
                yield self._fact(finding, statement, message, speaker)

    def _fact(
        self,
        finding: Finding,
        statement: Statement,
        message: ExtractionMessage,
        speaker: Speaker,
        operation: Operation = Operation.ASSERT,
    ) -> Fact:
        said = finding.said or statement.said
        text = third_person(
            said, _with_companion(speaker, statement), is_about_other=bool(statement.relative)
        )
        dated = resolved(text, message.created_at)
        began_at = dated.began_at if finding.type is FactType.EXPERIENCE else None
        is_negated = statement.is_negated if finding.is_negated is None else finding.is_negated
        slot, value = _slot(finding, statement, speaker)
        return Fact(
            text=dated.text,
            type=FactType.RELATIONSHIP if statement.relative else finding.type,
            confidence=finding.confidence,
            slot=slot,
            value=value,
            is_negated=is_negated,
            operation=operation,
            provenance=Provenance(message.index, message.role, statement.start, statement.end),
            # What holds now holds since it was said; what happened, since it happened.
            valid_from=min(began_at, message.created_at) if began_at else message.created_at,
            extractor=self.name,
        )


def _slot(finding: Finding, statement: Statement, speaker: Speaker) -> tuple[str, str]:
    whose = f"{statement.relative.casefold()}." if statement.relative else ""
    slot = f"{speaker.slug}.{whose}{finding.attribute}"
    if finding.object:
        return f"{slot}:{one_line(finding.object)}", ""
    owner = statement.relative
    if finding.type is FactType.RELATIONSHIP and "." in finding.attribute:
        owner = finding.attribute.partition(".")[0]
    if owner and not is_unique(owner):
        return f"{slot}:{one_line(finding.value)}", ""  # there may be a second sister
    return slot, one_line(finding.value)


def _with_companion(speaker: Speaker, statement: Statement) -> Speaker:
    if not statement.companion:
        return speaker
    companion = statement.companion.split(" ", 1)[1]
    return replace(
        speaker, subject=f"{speaker.subject} and {speaker.within(speaker.possessive)} {companion}",
        is_plural=True,
    )  # fmt: skip


def _shifted(clause: Clause, offset: int) -> Clause:
    return Clause(clause.text, clause.start + offset, clause.end + offset)
