"""All rules, in the order they are tried, and how a statement is read with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from eunoe_server.providers.extractors.english.statement import Statement
from eunoe_server.providers.extractors.english.topics import (
    Finding,
    Reading,
    Rule,
    belongings,
    experiences,
    goals,
    health,
    identity,
    likes,
    living,
    people,
    work,
)

#: Narrow topics first: "I have a cat" is about a companion before it is about a thing owned.
_TOPICS = tuple(
    module.TOPIC
    for module in (
        health, people, living, work, goals, experiences, belongings, likes, identity,
    )
)  # fmt: skip

_OF_SPEAKER = tuple(rule for topic in _TOPICS for rule in topic.predicate_rules)
_OF_RELATIVES = tuple(rule for rule in _OF_SPEAKER if rule.of_relatives)
_OF_HOUSEHOLD = tuple(rule for rule in _OF_SPEAKER if rule.of_household)
_OF_CLAUSES = tuple(rule for topic in _TOPICS for rule in topic.clause_rules)


def findings(statement: Statement) -> tuple[Finding, ...]:
    """What the first rule that reads `statement` finds; nothing where none does."""
    if not statement.predicate:
        return _first(_OF_CLAUSES, statement.said, statement)
    if statement.is_shared:
        return _first(_OF_HOUSEHOLD, statement.predicate, statement)
    if not statement.relative:
        return _first(_OF_SPEAKER, statement.predicate, statement)
    return _first(_OF_RELATIVES, statement.predicate, statement) or _first(
        _OF_CLAUSES, statement.said, replace(statement, relative="")
    )


def _first(rules: Iterable[Rule], text: str, statement: Statement) -> tuple[Finding, ...]:
    for rule in rules:
        if match := rule.pattern.match(text):
            found = rule.read(Reading(statement, match))
            listed = (found,) if isinstance(found, Finding) else tuple(found or ())
            if listed:
                return listed
    return ()
