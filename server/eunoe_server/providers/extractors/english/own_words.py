"""What in a message are the speaker's own words about themselves; the rest is masked.

Masked are code, blocks of notes that were injected, quotations, pasted letters, transcripts and
logs, and whatever follows a request to pretend, suppose or invent. A text that the message asks to
translate, correct or rewrite is nobody's statement, and masks it all. Masking keeps every
position, so that spans point into the message as it was sent.

Only what may hold a statement is worth a look: a fact about somebody is said early, and what goes
on for pages is a document. So the work is bounded, and every pattern runs in time linear in its
text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from eunoe_server.providers.extractors.english.patterns import pattern

#: Stands for a character that is not to be read. No text that is stored can hold it.
MASKED = "\x00"

#: How much of one message is read.
MAXIMUM_CHARACTERS = 10_000

#: A message with more tags than this is markup.
MAXIMUM_TAGS = 64


def own_words(text: str) -> str:
    """The beginning of `text`, everything that is not the speaker's own statement masked."""
    words = _beginning(text).replace(MASKED, " ")
    for find in (_code, _tagged, _letters, _pasted_lines, _quotations, _inventions):
        words = _masked(words, find(words))
    return "" if _TEXT_WORK.search(words) else words


def _beginning(text: str) -> str:
    """The first whole sentences of `text`: half a sentence may say what the whole does not."""
    if len(text) <= MAXIMUM_CHARACTERS:
        return text
    text = text[:MAXIMUM_CHARACTERS]
    return text[: max(map(text.rfind, ".!?\n")) + 1]


def _masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    pieces: list[str] = []
    at = 0
    for start, end in spans:
        if end > at:
            pieces += text[at:start], MASKED * (end - max(start, at))
            at = end
    return text if not pieces else "".join(pieces) + text[at:]


def _code(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while (start := text.find("`", at)) >= 0:
        fence = "```" if text.startswith("```", start) else "`"
        end = text.find(fence, start + len(fence))
        if fence == "`" and (end < 0 or "\n" in text[start:end]):
            at = start + 1  # a stray backtick
            continue
        at = len(text) if end < 0 else end + len(fence)
        if fence == "```" or " " in text[start:at]:
            yield start, at  # `vim` is a name, `I love cats` is code


def _tagged(text: str) -> Iterator[tuple[int, int]]:
    if "<" not in text:
        return
    lower = text.lower()
    at = 0
    for count, tag in enumerate(_TAG.finditer(text)):
        if count > MAXIMUM_TAGS:
            yield tag.start(), len(text)
            return
        if tag.start() < at:
            continue
        closing = lower.find(f"</{tag[1].lower()}", tag.end())
        if closing >= 0:
            at = lower.find(">", closing) + 1 or len(text)
        else:
            # An unclosed block of notes was cut off; any other lone tag is a typo.
            at = len(text) if "notes" in tag[1].lower() else tag.end()
        yield tag.start(), at


def _pasted_lines(text: str) -> Iterator[tuple[int, int]]:
    labelled = list(_LABELLED_LINE.finditer(text))
    lines = [*_PASTED_LINE.finditer(text), *(labelled if len(labelled) > 1 else ())]
    return iter(sorted(line.span() for line in lines))


def _letters(text: str) -> Iterator[tuple[int, int]]:
    return ((letter.start(), len(text)) for letter in _LETTER.finditer(text))


def _quotations(text: str) -> Iterator[tuple[int, int]]:
    spans = [*_pairs(text, '"', '"'), *_pairs(text, "\u201c", "\u201d")]
    spans += [*_pairs(text, "\u00ab", "\u00bb"), *_pairs(text, "\u2018", "\u2019")]
    spans += (single.span() for single in _SINGLE_QUOTED.finditer(text))
    return iter(sorted(span for span in spans if not _is_title(text[span[0] + 1 : span[1] - 1])))


def _pairs(text: str, opening: str, closing: str) -> Iterator[tuple[int, int]]:
    """Quotations, which may run over sentences and lines; an unclosed one ends its paragraph."""
    at = 0
    while (start := text.find(opening, at)) >= 0:
        end = text.find(closing, start + 1)
        if end < 0:
            paragraph_end = text.find("\n\n", start)
            end = len(text) - 1 if paragraph_end < 0 else paragraph_end
        at = end + 1
        yield start, at


def _is_title(quoted: str) -> bool:
    """ "Dune" is the name of something, "I love jazz" is somebody's sentence."""
    return len(quoted.split()) <= 8 and not _SENTENCE_LIKE.search(quoted)


def _inventions(text: str) -> Iterator[tuple[int, int]]:
    for draft in _DRAFT.finditer(text):
        end = _SENTENCE_END.search(text, draft.end())
        yield draft.start(), end.start() if end else len(text)
    if invention := _INVENTION.search(text):
        yield invention.start(), len(text)


_TAG = re.compile(r"<([A-Za-z][\w-]*)(?:\s[^<>]*)?>")
_SENTENCE_LIKE = re.compile(r"\b(?:i|i['\u2019]?m|my|me|we|our)\b|[.!?]\s|[.!?,]$", re.IGNORECASE)
_SINGLE_QUOTED = re.compile(r"(?<![\w'])'(?=\w)[^'\n]{0,200}(?:'\w[^'\n]{0,200}){0,8}'(?!\w)")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")

# Block quotes, tables, prompts, data, log lines, headings of recalled notes.
_PASTED_LINE = pattern(
    r"""
    ^[ \t]*(?:
    (?:>|\||\$ |[{}\[\]]|//|/\*|#include|import |from \w+ import|def |class \w+[:(])
    |-? *\[\d{4}-\d\d-\d\d
    |\d{4}-\d\d-\d\d[T ]\d\d:
    ).*$
    """,
    re.MULTILINE,
)

# "Alice: …" twice or more is a transcript.
_LABELLED_LINE = re.compile(
    r"^[ \t]*(?:[\[(]?\d\d?:\d\d[^\s]*\s)?(?!About|Note|Edit|Update|Background|Context|PS|P\.S)"
    r"(?:[A-Z][\w.-]*(?:[ ][A-Z0-9][\w.-]*)?|user|assistant|me|him|her|you)[ \t]?:[ \t].*$",
    re.MULTILINE,
)
_LETTER = re.compile(
    r"^[ \t]*(?:dear\s+\w|to whom it may concern|(?:from|to|cc|subject): )",
    re.IGNORECASE | re.MULTILINE,
)

# A request, wherever a sentence or a part of it may begin.
_ASKED = (
    r"(?:^|[.!?\n,;:-]\s{0,4}|\b(?:please|can you|could you|would you|will you|help me(?: to)?"
    r"|let'?s|let us|now|just|you to|(?:need|want|have|like|trying) to)\s{1,4})"
)

# From here on somebody speaks who is not the speaker, or of what is not so.
_INVENTION = pattern(
    rf"""
    \b(?:role-?\s?play(?:ing)?|pretend|pretending|hypothetically|once upon a time|imagine
        |my character|act(?:ing)? as (?:a|an|the|my|if)|play the (?:role|part)
        |you(?:'re| are) (?:now )?(?:a|an|the|my) \w+|lyrics|persona|fan ?fiction)\b
    |(?:^|[.!?\n]\s{{0,4}})(?:please )?be (?:an?|my|the) \w+
    |\bin (?:my|the|a|this|that|our) (?:\w+ )?(?:novel|story|book|game|dream|movie|film|play
        |script|song|poem|comic|screenplay|campaign|scenario|example|simulation)\b
    |{_ASKED}(?:suppose|supposing|assume|assuming|let'?s say|say|what if)\b
        (?: that)? (?:I|my|we|you|there)\b
    |{_ASKED}(?:write|compose|create|generate|tell|make|continue|invent|draft) (?:me |us )?
        (?:\w+ ){{0,4}}(?:story|stories|poem|song|haiku|joke|script|dialogue|dialog|monologue
        |scene|chapter|limerick|rap|fable|tale|sketch|examples?|sentences?|riddle|parody)\b
    |\b(?:example|sample|sentence|phrase|quote|line|lyric|input|output|prompt|passage|excerpt|caption
        |statement|test case|review|comment|tweet|transcript|log|script|dialogue)s?
        (?:\s(?:is|was|reads|says))?\s?:
    """,
    re.IGNORECASE | re.MULTILINE,
)

# What a draft is asked to say belongs to the draft; the next sentence may be its author's own.
_DRAFT = pattern(
    rf"""
    {_ASKED}(?:write|compose|create|generate|draft|make) (?:me |us )?(?:\w+ ){{0,4}}
    (?:letter|bio|biography|essay|e-?mail|post|tweet|review|profile|resume|cv|speech|caption
    |paragraph|article|message|reply|statement|toast|blurb|headline|slogan|text)\b
    """,
    re.IGNORECASE | re.MULTILINE,
)

# The whole message is material.
_TEXT_WORK = pattern(
    rf"""
    {_ASKED}(?:translate|proofread|re-?write|rephrase|reword|paraphrase|summari[sz]e|transcribe
        |annotate)\b
    |{_ASKED}(?:fix|edit|improve|polish|shorten|classify|analy[sz]e|parse|check|spell-?check|label
        |correct)\b[^.!?\n:]{{0,40}}\b(?:grammar|spelling|punctuation|sentences?|paragraph|text
        |essay|letter|passage|e-?mail|wording|phrasing|sentiment|following|translation|english)\b
    |\bhow (?:do|would|can) (?:you|i|we) (?:say|write|spell|pronounce|translate)\b
    |\bwhat (?:does|do) .{{0,80}}\bmean\b
    |\b(?:wrong|incorrect|mistakes?|errors?) (?:with|in) (?:this|the|my) (?:\w+ )?
        (?:sentence|paragraph|text|phrase|grammar)\b
    |\b(?:is|are) (?:this|these) (?:sentences?|phrases?|text)\b
    """,
    re.IGNORECASE | re.MULTILINE,
)
