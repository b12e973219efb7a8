"""What a phrase names: "the rain", "a Honda Civic", "hiking, swimming and rock climbing".

The name of a thing is what two statements about it share, so articles, case and remarks go. A
phrase that only the conversation explains ("the second one", "how you did that") names nothing.
"""

from __future__ import annotations

import re

from eunoe_server.providers.extractors.english.patterns import pattern

#: What is longer is a remark, not a name.
MAXIMUM_WORDS = 8
MAXIMUM_WORD_CHARACTERS = 40


def named(phrase: str) -> str:
    """The thing that `phrase` names, for a slot; empty where it names nothing that lasts."""
    head = head_of(phrase)
    if is_contextual(head):
        return ""
    name = _ARTICLE.sub("", _DEGREE.sub("", head)).strip(" .,;:!\"'`()-")
    name = " ".join(_QUOTES.sub("", name).casefold().split())
    words = name.split()
    is_name = 0 < len(words) <= MAXIMUM_WORDS and max(map(len, words)) <= MAXIMUM_WORD_CHARACTERS
    return name if is_name and any(map(str.isalnum, name)) else ""


def head_of(phrase: str) -> str:
    """`phrase` up to where a remark on it begins: "rainy days because …" is about rainy days."""
    return _REMARK.split(phrase, maxsplit=1)[0].strip()


def is_contextual(phrase: str) -> bool:
    """True when only this conversation tells what is meant."""
    return bool(_CONTEXTUAL.search(phrase) or _DEFINITE.match(phrase))


def items(phrase: str, *, is_always_list: bool = False) -> tuple[str, ...]:
    """The things listed in `phrase`: commas make a list, "and" alone only between equals.

    "Mac and cheese" is one thing; "hiking and swimming" and "Spain and Italy" are two. Where things
    are always named one by one (allergies, languages), so is every "and".
    """
    head = head_of(phrase)
    if " not " in f" {head} ":
        return (head,)
    parts = [part.strip() for part in _COMMA.split(head) if part.strip()]
    last = parts[-1:] and _AND.split(parts[-1])
    if len(parts) > 1 or (len(last) > 1 and (is_always_list or _are_equals(last))):
        listed = [*parts[:-1], *last]
        if all(len(item.split()) <= 4 for item in listed):
            return tuple(item.removeprefix("and ").strip() for item in listed if item.strip())
    return (head,)


def _are_equals(pair: list[str]) -> bool:
    heads = [words.split()[-1] if words.split() else "" for words in pair]
    are_gerunds = all(words.split()[:1] and words.split()[0].endswith("ing") for words in pair)
    return are_gerunds or (all(head[:1].isupper() for head in heads) and len(pair) == 2)


_QUOTES = re.compile('["\u201c\u201d`]')
_COMMA = re.compile(r"\s*,\s*")
_AND = re.compile(r"\s+(?:and|&|or)\s+")
_ARTICLE = re.compile(r"^(?:an?|the|my|our|some|any|all|all the|eating|drinking)\s+", re.IGNORECASE)
_DEGREE = pattern(r"""
    \s+(?:so much|very much|a lot|lots|these days|lately|now|again|the most|the best|at all
    |the least|more than anything.*|(?:every|each|all) (?:day|week|weekend|morning|evening|night
    |year|time|the time).*|on weekends|in general|in particular|especially.*|recently|right now
    |at the moment|either|way|better)$
    """)
_REMARK = pattern(r"""
    \s*[(;\x00]|\s+[-\u2013\u2014]+\s+|\s*,?\s+(?:because|since|so|but|which|who|whose|although
    |though|even though|even if|while|when|whenever|where|as I|and (?:it|they|he|she|I|we|my|am|have
    |that|this)|except|ever since|after|before|thanks to|due to)\b|(?<!\bto)(?<!\bin)(?<!\bof)
    (?<!\bfor)(?<!\bwith)(?<!\bat)(?<!\bon)(?<!\bfrom)(?<!\babout)\s+that\b|,\s+(?:not|it|they|he
    |she|I|we|my|a|an|the|very|so)\b
    """)
_CONTEXTUAL = pattern(r"""
    ^(?:to (?:see|hear|know|say|think|be|ask|bother|admit|break|point|believe|imagine|tell|disagree
    |interrupt|do)|how|what|when|where|why|who|which|whatever|being (?:able|told|asked)|the (?:way
    |fact|idea|thought|sound|look|feel)|both|all|everything|nothing|something|anything|none|most
    |many|much|more|less|each|neither|either|no|\d+\b(?!\w))\b|^to$|^(?:both|all|everything|most
    |some)$|\b(?:this|these|those|it|its|you|your|yours|u|ur|here|there|him|her|hers|them|their|they
    |he|she|his|one|ones|above|below|me|us|myself|something|someone|somebody|stuff|previous
    |following|former|latter|said)\b|(?<!so )\bthat\b|\b(?:option|version|answer|suggestion|approach
    |proposal|draft|solution|response|explanation|output|choice|alternative|result)\b
    """)
# "The new layout" is one of this conversation; "the Beatles" and "the sea" are there for everybody.
_DEFINITE = pattern(r"""
    the\s+(?!(?-i:[A-Z])|(?:outdoors|ocean|sea|beach|mountains?|rain|snow|cold|heat|sun|city
    |countryside|country|gym|water|desert|forest|woods|wilderness|piano|guitar|violin|cello|drums
    |flute|trumpet|saxophone|harp|viola|clarinet|banjo|ukulele|accordion|bass|harmonica|smell of
    |taste of|sound of|dark$|summer|winter|spring|autumn|fall|morning|night|theat(?:re|er)|opera
    |ballet|movies|cinema|library|dentist|news|weekend|internet|quiet|night sky)\b)
    """)
