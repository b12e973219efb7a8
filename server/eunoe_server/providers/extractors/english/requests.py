"""What a user asks to have remembered or forgotten.

"Remember that I park on level 3" is worth keeping because it was asked for, even where no rule
reads it. "Forget that …" takes back what was said; "forget it" means nothing of the kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from eunoe_server.domain.fact import Operation
from eunoe_server.providers.extractors.english.clauses import Clause
from eunoe_server.providers.extractors.english.objects import is_contextual
from eunoe_server.providers.extractors.english.patterns import pattern


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be remembered or forgotten."""

    operation: Operation
    what: Clause
    #: The attribute whose value is to be forgotten, whatever it is: `home` for "where I live".
    slot: str = ""
    #: True when the words themselves may be kept where no rule reads them.
    may_be_note: bool = False


def read(clause: Clause) -> Request | None:
    """The request that `clause` is, or None when it is none."""
    opening = _OPENING.match(clause.text)
    if opening is None:
        return None
    operation = Operation.RETRACT if opening["forget"] else Operation.ASSERT
    start = clause.start + opening.end()
    what = Clause(clause.text[opening.end() :].rstrip(" ,;"), start, clause.end)
    if operation is Operation.RETRACT and (attribute := _attribute(what.text)):
        return Request(operation, what, slot=attribute)
    is_explicit = bool(opening["that"] or (opening["keep"] and _OWN.match(what.text)))
    is_asked = bool(opening["keep"] or opening["forget"])
    may_be_note = is_asked and is_explicit and _is_note(what.text)
    return Request(operation, what, may_be_note=may_be_note)


def _is_note(text: str) -> bool:
    return (
        3 <= len(text.split()) <= 40
        and not _NO_NOTE.search(text)
        and not is_contextual(re.sub(r"^(?:the|my|our) ", "", text))
    )


def _attribute(text: str) -> str:
    return next((slot for named, slot in _ATTRIBUTES if named.fullmatch(text.strip(" ."))), "")


_OPENING = pattern(r"""
    \W*(?:(?:ok|okay|hey|hi|also|and|so|now|please|pls|plz|just|actually|can you|could you)[,\s]+)*
    (?:
    (?P<keep>(?:always )?remember(?: this)?|(?:don['\u2019]?t|do not|never) forget|make a note
        |save to memory|memorize)
    |(?P<forget>forget(?: what I said)?(?: about)?(?: the fact)?)
    |(?:keep|bear) in mind|note
    )(?: (?:please|for (?:me|later|next time)))?
    (?:(?P<that>\s*:\s*(?:that )?|,?\s+that\s+)|,?\s+)(?=\S)
    """)
_OWN = re.compile(r"(?:I|i['\u2019]?m|my|we|our)\b", re.IGNORECASE)
_NO_NOTE = pattern(r"""
    \b(?:you|your|assistant|always|never answer|respond|reply|instructions?|prompts?|rules|previous
    |above|below)\b|^(?:to|when|how|what|why|who|where|the time|me|it|this|that|us|if|about
    |everything|all)\b|\?
    """)
_ATTRIBUTES = tuple(
    (pattern(text), slot)
    for text, slot in (
        (r"my name|what I['\u2019]?m called", "name"),
        (r"my age|how old I am", "age"),
        (r"my (?:birthday|date of birth)|when (?:I was born|my birthday is)", "birthday"),
        (r"where I live|my (?:home|address|location|city|home address)", "home"),
        (r"my (?:employer|company|workplace)|where I work", "employer"),
        (r"my (?:job|profession|occupation)|what I do(?: for a living)?", "job"),
        (r"my diet", "diet"),
        (r"my hometown|where I grew up", "hometown"),
        (r"my (?:marital|relationship) status", "marital_status"),
    )
)
