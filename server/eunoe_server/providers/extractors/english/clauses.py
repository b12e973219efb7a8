"""Sentences, and the clauses in them that may state something.

"I'm allergic to nuts, can you suggest a snack?" holds one statement and one question; "If I lived
in Rome, I'd walk more" holds none. What is asked, supposed, doubted or told of others is dropped
here, so that no rule has to think of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from eunoe_server.providers.extractors.english.own_words import MASKED
from eunoe_server.providers.extractors.english.patterns import pattern
from eunoe_server.providers.extractors.english.relatives import RELATIVE

#: What is longer is not a sentence that somebody wrote in a chat, and is not read.
MAXIMUM_SENTENCE_CHARACTERS = 600
MAXIMUM_CLAUSE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause, and where it was written."""

    #: As written, but with a subject: "I work as a nurse" in "I live in Rome and work as …".
    text: str
    start: int
    end: int


def clauses(own_words: str) -> Iterator[Clause]:
    """The clauses that may state something, in order."""
    for start, end, is_question in _sentences(own_words):
        sentence = own_words[start:end]
        is_about_self = _SPEAKS_OF_SELF.search(sentence) or _HEADLESS.match(sentence)
        if is_about_self and end - start <= MAXIMUM_SENTENCE_CHARACTERS:
            yield from _statements(sentence, start, is_question)


def _sentences(text: str) -> Iterator[tuple[int, int, bool]]:
    start = 0
    for stop in _STOP.finditer(text):
        word = text[max(start, stop.start() - 12) : stop.start()]
        if stop[0] == "." and _ABBREVIATION.search(word):
            continue
        yield start, stop.start(), "?" in stop[0]
        start = stop.end()
    yield start, len(text), False


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a sentence that has a verb of its own."""

    text: str
    start: int
    end: int
    #: What joins it to the part before: ", and".
    joint: str
    #: True after a colon that somebody else's words may follow.
    is_quoted: bool


def _statements(sentence: str, offset: int, is_question: bool) -> Iterator[Clause]:
    if _NOT_STATED.search(sentence):
        return
    # To remember something is asked for whole: "remember that I park on level 3 and pay monthly".
    is_whole = _MEMORY_REQUEST.match(sentence)
    pieces = [_Piece(sentence, 0, len(sentence), "", False)] if is_whole else _pieces(sentence)
    stated, has_other_part = _stated(pieces)
    if is_question and not has_other_part:
        return  # no part of it reads as the question, so all of it is asked
    for piece in stated:
        yield Clause(piece.text, offset + piece.start, offset + piece.end)


def _stated(pieces: Iterable[_Piece]) -> tuple[list[_Piece], bool]:
    """The pieces that state something, and whether a question or a condition ends them.

    What follows a question belongs to it, what follows a condition hangs on it, and what is told of
    others goes on until a "but".
    """
    stated: list[_Piece] = []
    is_told = False
    for piece in pieces:
        if piece.is_quoted or _QUESTION.match(piece.text) or _CONDITION.match(piece.text):
            return stated, True
        is_told = is_told and not _TURN.search(piece.joint)
        is_told = is_told or bool(_TOLD_BY_OTHERS.search(piece.text))
        if _SECOND_THOUGHT.fullmatch(piece.text):
            del stated[-1:]
        elif not is_told and _is_plain(piece.text):
            stated.append(piece)
    return stated, False


def _is_plain(text: str) -> bool:
    is_doubtful = _HANGING_CONDITION.search(text) or _DOUBT.search(text)
    return not is_doubtful and MASKED not in text and len(text) <= MAXIMUM_CLAUSE_CHARACTERS


def _pieces(sentence: str) -> Iterator[_Piece]:
    start = 0
    joint = subject = ""
    for boundary in _BOUNDARY.finditer(sentence):
        is_bare_verb = boundary.lastgroup == "verb"
        before = f"{subject}{sentence[start : boundary.start()]}"
        # "I like to cook and enjoy …": a bare verb after an infinitive goes with the infinitive;
        # "my husband and I" is one subject.
        is_inside = _INFINITIVE.search if is_bare_verb else _HALF_A_SUBJECT.fullmatch
        if boundary.start() == start or is_inside(before):
            continue
        yield _piece(sentence, before, start, boundary.start(), joint)
        shared = _SUBJECT.search(before)
        subject = f"{shared[0]} " if is_bare_verb and shared else ""
        start, joint = boundary.end(), boundary[0]
    yield _piece(sentence, f"{subject}{sentence[start:]}", start, len(sentence), joint)


def _piece(sentence: str, text: str, start: int, end: int, joint: str) -> _Piece:
    # "Complete the lyric: I love …" is no statement, "about me: I love …" is.
    is_quoted = ":" in joint and not _OWN_LABEL.fullmatch(sentence[:start].rstrip(" :"))
    return _Piece(text, start, end, joint, is_quoted)


_STOP = re.compile(r"[.!?\u2026]+(?:[\"')\u201d\u2019]+)?(?=\s|$)\s*|\n\s*|\x00+")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|e\.g|i\.e|no|approx|inc|ltd|[a-z])$"
    r"|\b[a-z](?:\.[a-z])+$",
    re.IGNORECASE,
)
_SPEAKS_OF_SELF = re.compile(
    r"\b(?:i|i['\u2019]?m|i['\u2019]?ve|my|me|we|our|remember|forget|note|keep in mind)\b"
    r"|\bi['\u2019](?:d|ll)\b|\bwe['\u2019]",
    re.IGNORECASE,
)
# "Allergic to peanuts", "originally from Ghana": said of oneself without a subject.
_HEADLESS = pattern(r"""
    ^\W*(?:(?:severely )?allergic to|born (?:and raised )?(?:in|on)|originally from
    |(?:currently |now )?based in|(?:currently|now) living in
    |(?:not )?(?:a )?(?:big |huge )?fan of|(?:it['\u2019]?s|this is) (?-i:[A-Z])\w+ here)\b
    """)
_MEMORY_REQUEST = re.compile(
    r"\W*(?:(?:ok|okay|hey|also|and|so|now|please|pls|just|can you|could you)[,\s]+)*"
    r"(?:remember|forget|don['\u2019]?t forget|do not forget|keep in mind|note that)\b",
    re.IGNORECASE,
)

_SELF = r"(?:i|i['\u2019]?(?:m|ve)|i['\u2019](?:d|ll)|my|we|we['\u2019](?:re|ve|ll)|our)\b"
_ASKING = (
    r"(?:what|which|who|whom|whose|where|why|how|any|is|are|am|was|were|do|does|did|can|could"
    r"|would|will|should|shall|may|might|has|have)(?:['\u2019](?:s|re|d))?\s+(?!known\b)"
    r"(?:i|you|u|we|it|there|that|this|the|a|an|my|your|any|some|one|anyone|someone|somebody"
    r"|people|these|those|they|he|she|is|are|was|were|do|does|did|can|could|would|should|much|many"
    r"|long|often|old|far|else|about|kind|type|sort|suggestions?|recommendations?|ideas?|tips"
    r"|advice|to|restaurants?|places?|books?|good)\b"
)
_TAG_QUESTION = (
    r"(?:right|yes|no|correct|eh|huh|isn['\u2019]?t it|(?:don|wouldn)['\u2019]?t you)\W*$"
)
_QUESTION = pattern(rf"""
    [\s,]*(?:(?:and|but|so|or|then|also|well|hey|hi|hello|ok|okay|please|now)[,\s]+)*
    (?:{_ASKING}|(?:what|who|why|how|where|which|whose)\b|{_TAG_QUESTION})
    """)
_VERB_OF_STATE = (
    r"(?:(?:work|live|love|like(?!\s(?:I|an?)\b)|hate|enjoy|prefer|speak|drive|own|play|run)s?"
    r"|study|studies|teach(?:es)?|am|is|moved|have|has|used to|grew up|got|don['\u2019]?t"
    r"|doesn['\u2019]?t|can['\u2019]?t)"
)
# Where one statement ends and the next begins. A bare verb ("and work as …") shares its subject.
_BOUNDARY = pattern(rf"""
    \s*;\s+
    |\s+[-\u2013\u2014]+\s+
    |\s*\u2014\s*
    |:\s+(?={_SELF})
    |,\s+(?={_SELF}|{_ASKING}|{_TAG_QUESTION})
    |,\s*so\s+
    |,\s+(?=(?:now|currently) (?:living|based))
    |\s+but\s+(?:now\s+)?
    |(?:,\s*|\s+)(?:and|but|so|plus|yet|also|whereas|though|because)\s+
        (?:(?:also|now|then|currently|recently|yes|sometimes|actually)\s+)?(?={_SELF}|{_ASKING})
    |(?:,\s*|\s+)(?P<verb>and\s+(?:(?:also|now|then|currently|really)\s+)?(?={_VERB_OF_STATE}\b))
    """)
_SUBJECT = re.compile(rf"\b(?:I|we|my {RELATIVE}(?: (?-i:[A-Z])\w+)?)\b", re.IGNORECASE)
_HALF_A_SUBJECT = pattern(rf"""
    \W*(?:\w+\W+){{0,3}}?my {RELATIVE}(?: (?-i:[A-Z])\w+)?
    """)
_SECOND_THOUGHT = pattern(r"""
    \W*(?:or )?(?:I (?:think|guess|suppose|believe|hope)|maybe|not sure|if I remember (?:correctly
    |right)|I am not sure|I['\u2019]m not sure|just kidding|not)\W*
    """)
_INFINITIVE = re.compile(r"\bto\s+(?:\w+\s+){0,3}\w*$", re.IGNORECASE)

# What may stand before a colon when the speaker goes on in their own name.
_OWN_LABEL = pattern(r"""
    \W*(?:(?:some|more|quick|a bit of|just|only|one|the|my|for|another|other|here(?:['\u2019]?s| is)
    |also|so|ok|okay|hi|hey|hello|first|second|last)[,\s]+)*
    (?:about me|background|context|notes?|fyi|ps|info|information|update|intro|introduction|details?
    |facts?(?: about me)?|situation|thing|things to know|deal|problem|issue|question|profile
    |preferences?|diet|allergies|me|reminder|disclaimer|caveat|edit|constraints?|truth|answer)\W*
    """)

# "If", and whatever else makes the rest of the sentence depend on it.
_CONDITION = pattern(r"""
    [\s,]*(?:(?:and|but|so|or|even|only)\s+)*(?:if|whenever|unless|once|whether|in case|as long as
    |provided|supposing|until|when|(?:before|after) (?!i forget\b)(?:i|we|my)|should i|had i|were i
    |as if|as though|the day|every time|each time)\b
    """)
_HANGING_CONDITION = pattern(r"""
    \s(?:if|unless|whether|as if|as though|in case|provided that)\s(?!(?:that|it|this)\s(?:helps
    |matters|is relevant|makes)|it['\u2019]?s relevant|you need (?:to know|it)
    |you (?:were |are )?wonder)
    """)
_DOUBT = re.compile(
    r"\b(?:maybe|perhaps|probably|possibly|presumably|supposedly|apparently|allegedly|kinda|sorta"
    r"|kind of|sort of|i think|i guess|i suppose|i assume|i doubt|not sure|unsure|i wonder|i wish"
    r"|i feel like|i believe|or something|or whatever|might|almost|nearly|practically|basically"
    r"|let['\u2019]?s say|for example|for instance|e\.g|wouldn['\u2019]?t mind)\b",
    re.IGNORECASE,
)
_TOLD_BY_OTHERS = re.compile(
    r"\b(?:says?|saying|said|told|tells?|thinks?|thought|claims?|claimed|believes?|wrote|writes"
    r"|reads?\s*:|asked|asks|insists?|jokes?|joked|quotes?|quoted|texted|replied|according to"
    r"|heard|rumou?r|accus\w+|assumes?|convinced)\b(?!\s+about\b)",
    re.IGNORECASE,
)

_TURN = re.compile(r"\bbut\b|;", re.IGNORECASE)

# Said for effect. A smiley may turn a sentence round, and nothing in the words would tell.
_NOT_STATED = pattern(r"""
    (?:^|\s)/s\b|\U0001F644|\U0001F643|\byeah,? right\b|\bas (?:if|though)\b|\bobviously\b
    |\bjust (?:love|adore)\b|\blol jk\b|\bjust kidding\b|\bjk\b
    |^\W*(?:sure|right|oh,? great|great|wow|oh,? joy|fantastic)\s*,
    |^\s*["\u201c\u2018]
    """)
