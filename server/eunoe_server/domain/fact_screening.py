"""Whether a candidate may become a fact: one check for every extractor.

Extractors are not trusted. A rule can misread, a model can invent, obey what it reads or be told to
poison a memory (mnemosyne#109, hindsight#3555), and a memory that stores what it injected grows by
itself (mem0#4573). So whatever an extractor says, a fact was said by the user, in their own words,
in the message it points to, and holds neither orders for the model nor secrets. A refusal has a
reason and is never repaired.
"""

from __future__ import annotations

import enum
import re
import unicodedata

from eunoe_server.domain.fact import ExtractionMessage, Fact, Operation
from eunoe_server.domain.secrets import is_card_number

#: A fact is a sentence. What is longer is a document.
MAXIMUM_TEXT_CHARACTERS = 400
MAXIMUM_SLOT_CHARACTERS = 200
#: What points to half a message points nowhere.
MAXIMUM_SPAN_CHARACTERS = 1000

#: The one role whose word about the user is taken. An assistant repeats, guesses and flatters; a
#: tool quotes the world.
TRUSTED_ROLE = "user"


class Refusal(enum.StrEnum):
    """Why a candidate is not a fact."""

    UNTRUSTED_ROLE = "untrusted_role"
    WRONG_PROVENANCE = "wrong_provenance"
    CONFIDENCE_OUT_OF_RANGE = "confidence_out_of_range"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    UNREADABLE = "unreadable"
    BAD_SLOT = "bad_slot"
    QUESTION = "question"
    INJECTED_NOTES = "injected_notes"
    INSTRUCTION = "instruction"
    SECRET = "secret"  # noqa: S105 - the name of a refusal
    NOT_IN_MESSAGE = "not_in_message"


def validate(fact: Fact, message: ExtractionMessage) -> Refusal | None:
    """Why `fact` may not be taken from `message`, or None when it may."""
    where = fact.provenance
    if message.role != TRUSTED_ROLE or where.role != TRUSTED_ROLE:
        return Refusal.UNTRUSTED_ROLE
    is_inside = 0 <= where.start < where.end <= len(message.text)
    if where.message_index != message.index or not is_inside:
        return Refusal.WRONG_PROVENANCE
    if not 0 <= fact.confidence <= 1:  # also refuses NaN
        return Refusal.CONFIDENCE_OUT_OF_RANGE
    said = message.text[where.start : where.end]
    return (
        _malformed(fact)
        or _unsafe(fact.text)
        or _unsafe(said)
        or (Refusal.INJECTED_NOTES if _is_in_notes(message.text, where.start, where.end) else None)
        or (Refusal.NOT_IN_MESSAGE if not _is_grounded(fact, said) else None)
    )


def _malformed(fact: Fact) -> Refusal | None:
    if not fact.text.strip() or not any(map(str.isalnum, fact.text)):
        return Refusal.EMPTY
    if len(fact.text) > MAXIMUM_TEXT_CHARACTERS or len(fact.slot) > MAXIMUM_SLOT_CHARACTERS:
        return Refusal.TOO_LONG
    span_characters = fact.provenance.end - fact.provenance.start
    if len(fact.value) > MAXIMUM_SLOT_CHARACTERS or span_characters > MAXIMUM_SPAN_CHARACTERS:
        return Refusal.TOO_LONG
    # Control, format (such as a direction override) and private characters, and lone surrogates.
    if any(unicodedata.category(character).startswith("C") for character in fact.text + fact.slot):
        return Refusal.UNREADABLE
    if not _SLOT.fullmatch(fact.slot):
        return Refusal.BAD_SLOT
    if fact.text.rstrip().endswith(("?", "\uff1f")):
        return Refusal.QUESTION
    return None


def _unsafe(text: str) -> Refusal | None:
    if _NOTES.search(text):
        return Refusal.INJECTED_NOTES
    if _INSTRUCTION.search(text):
        return Refusal.INSTRUCTION
    if _SECRET.search(text) or any(map(is_card_number, _LONG_NUMBER.findall(text))):
        return Refusal.SECRET
    return None


def _is_in_notes(text: str, start: int, end: int) -> bool:
    """True when the span touches a block of injected notes; an unclosed one reaches to the end."""
    is_open = False
    for marker in _NOTES_MARKER.finditer(text, 0, end):
        if marker.end() > start:
            return True
        is_open = marker[1] == ""
    return is_open


def _is_grounded(fact: Fact, said: str) -> bool:
    """True when at least half of what the fact says stands in the words it points to.

    Words count by their first letters, so that "gets" is found in "I get". Numbers and dates are
    left out, because a fact may say "in 2023" for "last year". A retraction that names only a slot
    ("forget where I live") has nothing of its own to find.
    """
    if fact.operation is Operation.RETRACT and fact.value == "" and fact.is_exclusive:
        return True
    claimed = _stems(fact.text) - _FRAME_WORDS - set(_stems(fact.subject))
    heard = tuple(_stems(said))
    found = [stem for stem in claimed if stem.startswith(heard) or _begins_any(stem, heard)]
    return 2 * len(found) >= len(claimed)


def _stems(text: str) -> set[str]:
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return {word[:4] for word in words if len(word) > 2 or not word.isascii()}


def _begins_any(stem: str, stems: tuple[str, ...]) -> bool:
    return any(other.startswith(stem) for other in stems)


#: subject.attribute, subject.attribute.attribute, and then the object after a colon.
_SLOT = re.compile(r"[\w' -]+(?:\.[\w' -]+)+(?::[^\n]+)?")

#: One letter at a time where a script has no spaces, else a word without digits.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_\u3040-\u9fff\uac00-\ud7af]+")

#: What a third-person sentence and a date add of themselves (stems).
_FRAME_WORDS = frozenset(
    [
        "the",
        "user",
        "name",
        "thei",
        "them",
        "they",
        "does",
        "goes",
        "and",
        "week",
        "week",
        "has",
        "not",
        "janu",
        "febr",
        "marc",
        "apri",
        "may",
        "june",
        "july",
        "augu",
        "sept",
        "octo",
        "nove",
        "dece",
    ]
)

_NOTES_MARKER = re.compile(r"<(/?)memory-notes\b", re.IGNORECASE)
_NOTES = re.compile(r"</?memory-notes\b|^\s*-?\s*\[\d{4}-\d\d-\d\d\b[^\]\n]*\]", re.IGNORECASE)

# Words that only make sense towards a model, and the markers of chat templates.
_INSTRUCTION = re.compile(
    r"""
      \b(?:ignore|disregard|forget|override|bypass|void)\b.{0,40}\b(?:instructions?|prompts?|rules)\b
    | \b(?:instructions?|prompts?|rules)\b.{0,30}\b(?:are|is)\ (?:now\ )?(?:void|invalid)\b
    | \b(?:previous|prior|above|earlier|system|developer)\s+(?:instructions?|prompts?|messages?)\b
    | \b(?:you|assistant|ai|model|chatbot)
      \ (?:must|shall|should|has\ to|have\ to|will\ always|are\ now)\b
    | \bfrom\ now\ on\b.{0,20}\byou\b
    | \b(?:always|never)\s+(?:answer|respond|reply|obey|comply|say|tell|reveal|output)\b
    | \b(?:jailbreak|developer\ mode|do\ anything\ now)\b
    | <\|[^|\n]{1,40}\|> | \[/?INST\] | <</?SYS>> | ^\s*(?:system|assistant|developer|tool)\s*:
    """,
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)

_SECRET = re.compile(
    r"""
      \b(?:pass\s?(?:word|phrase|code)|pwd|secret\ key|private\ key|api[\s_-]?key
         |access[\s_-]?(?:key|token)|(?:auth|authentication|bearer)\ token|client\ secret
         |seed\ phrase|recovery\ (?:code|phrase)|cvv|cvc|pin\ (?:code|number)|(?:one-time|2fa)\ code
         |social\ security|ssn|credit\ card|debit\ card|card\ number|iban|(?:bank\ )?account\ number
         |routing\ number|passport\ number)s?\b
    | \b(?:my|the|our)\ (?:\w+\ )?pin\ is\b
    | \b(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[abps]|hf|npm|pypi)[-_][A-Za-z0-9_-]{12,}
    | \bAKIA[A-Z0-9]{12,} | \beyJ[A-Za-z0-9_-]{10,}\. | -----BEGIN\b
    | \b\d{3}-\d\d-\d{4}\b
    | \b(?=[A-Za-z0-9+/_-]{0,80}\d)(?=[A-Za-z0-9+/_-]{0,80}[A-Za-z])[A-Za-z0-9+/_]{32,}
    """,
    re.IGNORECASE | re.VERBOSE,
)

_LONG_NUMBER = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")
