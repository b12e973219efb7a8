"""From the first person to the third: "I'm allergic to nuts", "The user is allergic to nuts".

The user is "they" in what follows, so that only the first verb has to agree. Nothing here decides
whether a clause is a fact.
"""

from __future__ import annotations

import re

from eunoe_server.providers.extractors.english.patterns import words
from eunoe_server.providers.extractors.speakers import Speaker


def expanded(clause: str) -> str:
    """`clause` without contractions and chat spellings: "im" is "I am", "don't" is "do not"."""
    clause = clause.replace("\u2019", "'").replace("\u2018", "'")
    for pattern, replacement in _EXPANSIONS:
        clause = pattern.sub(replacement, clause)
    return clause


def third_person(clause: str, speaker: Speaker, *, is_about_other: bool = False) -> str:
    """An expanded clause ("I …", "my …", "X is my …") as a sentence about the speaker.

    In one about another ("my sister …"), "they" would be the other, so the speaker is named anew.
    """
    turn = _of_self if clause.startswith("I ") else _of_other if is_about_other else _of_own
    sentence = turn(clause, speaker).strip(" ,;:-\u2013\u2014")
    return f"{sentence[:1].upper()}{sentence[1:]}{'' if sentence.endswith('.') else '.'}"


def is_past(verb: str) -> bool:
    """True for "moved" and "went", false for "need"."""
    verb = verb.casefold()
    return verb in _IRREGULAR_PAST or (verb.endswith("ed") and verb not in _BASE_IN_ED)


def with_s(verb: str) -> str:
    """The verb as "the user" takes it: "study" gives "studies"."""
    lower = verb.casefold()
    if lower in _AGREEMENT:
        return _AGREEMENT[lower]
    if lower in _UNCHANGED or is_past(verb):
        return verb
    if lower.endswith("y") and lower[-2:-1] not in "aeiou":
        return f"{verb[:-1]}ies"
    return f"{verb}es" if lower.endswith(("s", "sh", "ch", "x", "z", "o")) else f"{verb}s"


def without_s(verb: str) -> str:
    """The verb as "I" takes it: "studies" gives "study", "is" gives "be"; others stay."""
    lower = verb.casefold()
    if lower in _BASE_FORMS:
        return _BASE_FORMS[lower]
    if lower.endswith("ies") and len(lower) > 4:
        return f"{verb[:-3]}y"
    if lower.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")):
        return verb[:-2]
    return verb[:-1] if lower.endswith("s") and not lower.endswith(("ss", "us", "is")) else verb


#: What may stand between "I" and its verb.
ADVERBS = words("""
    absolutely actually also already always basically both certainly clearly completely currently
    definitely deeply either especially even ever exclusively finally formerly frequently fully
    generally genuinely greatly hardly honestly just lately literally mainly mostly much naturally
    never normally not now occasionally officially often only originally particularly personally
    previously primarily quite rarely really recently regularly seldom seriously severely simply
    sincerely so sometimes soon still strongly strictly successfully then too totally truly
    typically usually utterly very
    """)
_BEFORE_VERB = ADVERBS | {"no", "longer"}


def _of_self(clause: str, speaker: Speaker) -> str:
    """ "I really love my dog": the verb agrees, then the user is "they"."""
    said = clause.split(" ")
    verb = 1
    while verb < len(said) - 1 and said[verb].strip(",").casefold() in _BEFORE_VERB:
        verb += 1
    verbs = [verb]
    if said[verb + 1 : verb + 2] == ["and"] and verb + 2 < len(said):
        verbs.append(verb + 2)  # "I cook and bake"
    if not speaker.is_plural:
        for position in verbs:
            said[position] = with_s(said[position])
    rest = " ".join(said[verbs[-1] + 1 :])
    return f"{speaker.subject} {' '.join(said[1 : verbs[-1] + 1])} {_as_they(rest)}"


def _of_own(clause: str, speaker: Speaker) -> str:
    """ "My goal is to trust my dog": named once, then "they"."""
    owned = _OWN.search(clause)
    if owned is None:
        return clause
    possessive = speaker.possessive if owned.start() == 0 else speaker.within(speaker.possessive)
    return f"{clause[: owned.start()]}{possessive}{_as_they(clause[owned.end() :])}"


def _of_other(clause: str, speaker: Speaker) -> str:
    """ "My sister says I cook": "they" would be the sister."""
    clause = _I_DO.sub(lambda said: f"{speaker.within(speaker.subject)} {with_s(said[1])}", clause)
    clause = _ME.sub(speaker.within(speaker.subject), clause)
    return _OWN.sub(speaker.within(speaker.possessive), clause)


def _as_they(text: str) -> str:
    return _SELF.sub(lambda said: _THEY[said[0].casefold()], text)


_THEY = {
    "i am": "they are", "i was": "they were", "i": "they", "me": "them", "my": "their",
    "mine": "theirs", "myself": "themselves", "we": "they", "us": "them", "our": "their",
    "ours": "theirs", "ourselves": "themselves",
}  # fmt: skip
_SELF = re.compile(rf"\b(?:{'|'.join(_THEY)})\b", re.IGNORECASE)
_OWN = re.compile(r"\b(?:my|our)\b", re.IGNORECASE)
_ME = re.compile(r"\b(?:me|us|myself)\b", re.IGNORECASE)
_I_DO = re.compile(r"\bI (\w+)", re.IGNORECASE)

_AGREEMENT = {"am": "is", "are": "is", "were": "was", "have": "has", "do": "does"}
_BASE_FORMS = {"is": "be", "are": "be", "am": "be", "has": "have", "does": "do", "was": "was"}
_UNCHANGED = words("can cannot could will would shall should may might must used")
_BASE_IN_ED = words("""
    need feed breed bleed speed seed weed exceed proceed succeed embed shed shred wed
    """)
_IRREGULAR_PAST = words("""
    ate became began bought broke brought built came caught chose cut did drank drew drove fell felt
    flew forgot fought found froze gave got grew had heard held hurt kept knew led left lent lost
    made met paid put quit ran rode sang sat saw sent set shot slept sold spent spoke spilt stood
    swam taught thought threw told took tore understood used was went woke won wore wrote
    """)


def _compiled(*pairs: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern, re.IGNORECASE), text) for pattern, text in pairs)


# "'d" is "had" before a participle; what is left is "would". "'s" after a noun is "is" only where
# no possessive can stand.
_EXPANSIONS = _compiled(
    (r"\bi'?m\b", "I am"),
    (r"\bi'?ve\b", "I have"),
    (r"\bi'?d (?=been|never|always|already|just|gone|had)", "I had "),
    (r"\bi(?:'d|d(?= (?:love|like|rather|prefer|move|go)\b))(?!\w)", "I would"),
    (r"\bi'll\b", "I will"),
    (r"\bwe're\b", "we are"),
    (r"\bwe've\b", "we have"),
    (r"\bwe'll\b", "we will"),
    (r"\bthey're\b", "they are"),
    (r"\b(it|he|she|that|there|who)'s (?=been|got|had|gotten)", r"\1 has "),
    (r"\b(it|he|she|that|there|who)'s\b", r"\1 is"),
    (r"\bi\b(?!\.)", "I"),
    (r"\bcan'?t\b|\bcan not\b", "cannot"),
    (r"\bwon'?t\b", "will not"),
    (r"\b(do|does|did|is|are|was|were|have|has|had|would|could|should)n'?t\b", r"\1 not"),
    (r"\bain't\b", "am not"),
    (r"\bgonna\b", "going to"),
    (r"\bwanna\b", "want to"),
    (r"\bgotta\b", "have to"),
    (r"\b((?:my|our) \w+)'s (?=(?:a|an|called|named|from|allergic|\d+)\b)", r"\1 is "),
    (r"\b(my (?:name|birthday|hometown))'s\b", r"\1 is"),
    (r"\bmy names (?=\w)", "my name is "),
    (r"\ball?erg(?:ic|ik)\b", "allergic"),
    (r"\bany more\b", "anymore"),
    (r"\bmy gf\b", "my girlfriend"),
    (r"\bmy bf\b", "my boyfriend"),
    (r"\bmy bff\b", "my best friend"),
    (r"\bmy hubby\b", "my husband"),
)
