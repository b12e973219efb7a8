"""Subject and predicate of a clause: who is spoken of, and what is said of them, yes or no.

"I really don't live in Paris anymore" and "I have never lived in Paris" speak of the speaker, deny,
and say "live in Paris". "My sister Ana lives in Rome" speaks of the sister Ana and says "live in
Rome". So a topic is written once, for everybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from eunoe_server.providers.extractors.english.clauses import Clause
from eunoe_server.providers.extractors.english.patterns import pattern
from eunoe_server.providers.extractors.english.person import ADVERBS, expanded, without_s
from eunoe_server.providers.extractors.english.relatives import RELATIVE
from eunoe_server.providers.extractors.english.wrapping import unwrapped


@dataclass(frozen=True, slots=True)
class Statement:
    """What a clause says of the speaker or of somebody who belongs to them."""

    #: The whole clause in the first person, contractions expanded: "I do not live in Paris".
    said: str
    start: int
    end: int
    #: What is said, with its verb as "I" takes it: "live in Paris". Empty where the subject is a
    #: thing of the speaker's ("my name", "Dune"), which rules over whole clauses read.
    predicate: str = ""
    is_negated: bool = False
    #: It was so and is not: "I used to live in Paris".
    is_past: bool = False
    #: True for "we": only what a household shares is read.
    is_shared: bool = False
    #: Who it is about, where that is not the speaker: "sister", "son Theo".
    relative: str = ""
    #: With whom the speaker shares the predicate: "my husband" in "my husband and I".
    companion: str = ""


def read(clause: Clause) -> Statement | None:
    """What `clause` states, or None where it states nothing for sure."""
    said = unwrapped(clause.text)
    if role := _AS_A.fullmatch(said):
        said = f"I am {role['what']}"
    elif headless := _HEADLESS.match(said):
        verb = "was" if headless["was"] else "am"
        said = f"I {verb} {_FAN.sub('a ', f'{said[0].lower()}{said[1:]}')}"
    base = Statement(said, clause.start, clause.end)
    if companion := _COMPANION.match(said):
        shared = replace(base, said=f"I {companion['rest']}", companion=companion["who"])
        return _with_predicate(shared, companion["rest"])
    if self_ := _SELF.match(said):
        return _with_predicate(base, self_["rest"])
    if we := _WE.match(said):
        rest = _ARE.sub("am ", we["rest"])
        return _with_predicate(replace(base, said=f"I {rest}", is_shared=True), rest)
    said = _OUR.sub("my ", said)
    base = replace(base, said=said)
    if relative := _RELATIVE_SUBJECT.match(said):
        who = f"{relative['who']} {relative['name'] or ''}".strip()
        # Whose "her" and "his" are, is told by the sentence itself.
        verb, _, rest = _THEIR_OWN.sub("", relative["rest"]).partition(" ")
        return _with_predicate(replace(base, relative=who), f"{without_s(verb)} {rest}".strip())
    return base


def bare(clause: Clause) -> Statement:
    """A statement of which only the words are known."""
    return Statement(expanded(clause.text), clause.start, clause.end)


def _with_predicate(statement: Statement, phrase: str) -> Statement | None:
    """`statement` with what `phrase` says; None where it is wished, possible or owed."""
    words = phrase.split()
    is_denied = _drop_adverbs(words, also=_AUXILIARIES)
    is_past = [word.casefold() for word in words[:2]] == ["used", "to"]
    if is_past:
        del words[:2]
        is_denied |= _drop_adverbs(words)
    if not words or words[0].casefold() in _UNREAL:
        return None
    verb = words.pop(0).casefold()
    if verb in _FORMS_OF_BE or verb in ("have", "has"):
        is_denied |= _drop_adverbs(words, also=("got",))
        verb = _FORMS_OF_BE.get(verb, "have")
        if words[:1] == ["no"] and verb == "have":
            words[0], is_denied = "any", True  # "I have no siblings"
    if verb == "have" and words:
        verb = _without_perfect(words, is_lasting=bool(_LASTING.search(phrase)))
        is_denied |= _drop_adverbs(words) if verb == "be" else False
    predicate = " ".join([verb, *words])
    still = _ANYMORE.sub("", predicate)
    return replace(
        statement,
        predicate=still,
        is_negated=is_denied or is_past or still != predicate,
        is_past=is_past,
    )


def _drop_adverbs(words: list[str], also: tuple[str, ...] = ()) -> bool:
    """Takes what stands before the verb off `words`; True when it denies."""
    is_denied = False
    while words:
        word = words[0].casefold().strip(",")
        following = words[1].casefold() if len(words) > 1 else ""
        if word == "no" and following == "longer":
            is_denied = True
            del words[:2]
        elif word in _NEGATIONS or (word == "cannot" and following not in ("stand", "bear")):
            is_denied = True
            del words[0]
        elif word in ADVERBS or (word in also and (word not in _DO or following in _AFTER_DO)):
            del words[0]
        else:
            break
    return is_denied


def _without_perfect(words: list[str], *, is_lasting: bool) -> str:
    """The verb after "have", taken off `words`, where the two say what is still so."""
    first = words[0].casefold()
    if first == "been":
        del words[0]
        return "be"
    if first in _STILL_SO and is_lasting:
        del words[0]
        return _STILL_SO[first]
    return "have"


# "As a nurse, I …"; what one was "as a child" or "as a student" is no more.
_AS_A = pattern(r"as (?P<what>an? (?!child|kid|teen|student|baby|result|user|boy|girl)[\w -]+)")
# "Allergic to peanuts." "Originally from Ghana, now based in Leeds."
_HEADLESS = pattern(r"""
    (?:(?:originally|currently|now|still|severely) )?
    (?:(?P<was>born (?:and raised )?(?:in|on))|allergic to|originally from
    |(?:currently|now) (?:living|based) in|based in|(?:a )?(?:big|huge) fan of
    |not a (?:big |huge )?fan of) \w
    """)
_FAN = re.compile(r"^(?=big fan|huge fan)")
_SELF = re.compile(r"I (?P<rest>\w.*)")
_WE = re.compile(r"we (?P<rest>\w.*)", re.IGNORECASE)
_ARE = re.compile(r"^are ", re.IGNORECASE)
_OUR = re.compile(r"^our ", re.IGNORECASE)
_COMPANION = re.compile(
    rf"(?P<who>my {RELATIVE}(?: [A-Z]\w+)?) and I (?P<rest>\w.*)", re.IGNORECASE
)
_RELATIVE_SUBJECT = re.compile(
    rf"[Mm]y (?P<who>(?i:{RELATIVE}))(?:,? (?P<name>(?!I\b)[A-Z][\w-]+),?)?"
    r"(?: from (?:school|college|university|work|home|uni|high school))? (?P<rest>[a-z].*)"
)
_THEIR_OWN = re.compile(r"\b(?:her|his|their|its) (?=\w)", re.IGNORECASE)

_FORMS_OF_BE = {"am": "be", "are": "be", "is": "be", "be": "be", "was": "was", "were": "was"}
_NEGATIONS = frozenset(("not", "never", "hardly", "rarely", "seldom"))
_DO = ("do", "does", "did")
_AUXILIARIES = (*_DO, "can")
# "do" in "do not like" and "do like", not in "do yoga".
_AFTER_DO = ("not", "really", "like", "love", "have", "enjoy", "prefer", "live")

# What is said with these is wished, possible or owed, not so.
_UNREAL = frozenset(
    ("could", "may", "might", "must", "shall", "should", "ought", "wish", "wished", "guess")
)

_STILL_SO = {
    "lived": "live", "loved": "love", "liked": "like", "hated": "hate", "enjoyed": "enjoy",
    "worked": "work", "played": "play", "studied": "study", "owned": "own", "had": "have",
    "wanted": "want", "disliked": "dislike", "preferred": "prefer", "taught": "teach",
    "spoken": "speak", "suffered": "suffer",
}  # fmt: skip
_LASTING = re.compile(
    r"\b(?:always|never|since|for (?:\d|a|the|many|several|over|almost|\w+ years))\b"
)
_ANYMORE = re.compile(r",?\s+(?:anymore|any longer|no more)\b", re.IGNORECASE)
