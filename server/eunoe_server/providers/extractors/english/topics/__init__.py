"""Topics: what a predicate says about somebody.

Each module holds the rules of one topic, in the order they are tried; the first rule that reads a
statement decides. A rule is a pattern, matched at the start of the predicate, and the function
below it, which turns a match into findings, or into nothing where a closer look says so. Clauses
are short and their number is bounded (`clauses`, `own_words`), so no pattern has room to run away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from eunoe_server.domain.fact import FactType
from eunoe_server.providers.extractors.english.objects import head_of, items
from eunoe_server.providers.extractors.english.patterns import pattern
from eunoe_server.providers.extractors.english.statement import Statement

#: Said plainly, in so many words (seed 004 shows 0.90 for "I love TypeScript").
PLAIN = 0.9
#: Read between the lines a little: a habit, a past liking, a name from a greeting.
LIKELY = 0.8


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found in a statement, before it is a fact."""

    type: FactType
    #: What it is about: `home`, `likes`.
    attribute: str
    #: Which one, where there may be many: `typescript`. Empty: there is one, and `value` fills it.
    object: str = ""
    value: str = ""
    #: The wording in the first person, where it is not the statement's own.
    said: str = ""
    #: None: as the statement is.
    is_negated: bool | None = None
    confidence: float = PLAIN


@dataclass(frozen=True, slots=True)
class Reading:
    """A statement, and how a pattern matched it."""

    statement: Statement
    match: re.Match[str]

    def restated(self, what: str) -> str:
        """The subject with another predicate: "I am …", "my sister is …"."""
        relative = self.statement.relative
        return f"my {relative} is {what}" if relative else f"I am {what}"

    @property
    def words(self) -> str:
        """All that was matched."""
        return self.match[0]

    def __getitem__(self, group: str) -> str:
        """What a named group matched; empty where it took no part."""
        return self.match.groupdict().get(group) or ""


Read = Callable[[Reading], "Finding | Iterable[Finding] | None"]
_Read = TypeVar("_Read", bound=Read)


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern and what a match of it means."""

    pattern: re.Pattern[str]
    read: Read
    #: May be said of a relative: "my sister is vegan".
    of_relatives: bool = False
    #: May be said by "we": "we live in Rome".
    of_household: bool = False


class Topic:
    """The rules of one topic, collected as its module is read."""

    def __init__(self) -> None:
        #: Over predicates ("live in Paris"), whoever the subject is.
        self.predicate_rules: list[Rule] = []
        #: Over whole clauses whose subject is a thing of the speaker's ("my name is Alice").
        self.clause_rules: list[Rule] = []

    def predicate(
        self, *texts: str, of_relatives: bool = False, of_household: bool = False
    ) -> Callable[[_Read], _Read]:
        """The function below reads predicates that match one of `texts`."""

        def register(read: _Read) -> _Read:
            self.predicate_rules += (
                Rule(pattern(text), read, of_relatives, of_household) for text in texts
            )
            return read

        return register

    def clause(self, *texts: str) -> Callable[[_Read], _Read]:
        """The function below reads clauses that match one of `texts`."""

        def register(read: _Read) -> _Read:
            self.clause_rules += (Rule(pattern(text), read) for text in texts)
            return read

        return register


def one_by_one(
    phrase: str, statement: Statement, *, is_always_list: bool = False
) -> Iterator[tuple[str, str]]:
    """Each thing listed in `phrase`, and the statement's wording with this thing alone."""
    head = head_of(phrase)
    listed = items(phrase, is_always_list=is_always_list)
    for item in listed:
        yield item, statement.said.replace(head, item) if len(listed) > 1 else statement.said


def one_line(words: str) -> str:
    """`words` as the object or the value of a slot, whose colon they must not hold."""
    return " ".join(words.casefold().replace(":", " ").split())[:120]
