"""As much English as the built-in model needs: sentences, clauses, whose words they are, stems.

Rules a page long, so that they can be read and predicted. They know nothing about any person and
prefer leaving a sentence as it is to turning it into something nobody said.
"""

from __future__ import annotations

import re

_ABBREVIATION = re.compile(r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|St|vs|etc|e\.g|i\.e|[A-Z]))\.$")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"')\]]*\s+(?=[^\sa-z])|(?<=[。！？])|\n+")  # noqa: RUF001 - Chinese and Japanese sentence ends


def sentences(text: str) -> list[str]:
    """The sentences of a text, without the marks of a list."""
    found: list[str] = []
    for piece in _SENTENCE_END.split(text):
        piece = piece.strip().removeprefix("- ").removeprefix("* ").strip()
        if not piece:
            continue
        if found and len(found[-1]) < 200 and _ABBREVIATION.search(found[-1]):
            found[-1] += " " + piece
        else:
            found.append(piece)
    return found


_VERB = (
    r"(?:is|are|was|were|isn't|aren't|has|have|had|will|can|can't|does|lives?|works?|likes?|loves?|"
    r"hates?|comes?|goes|turns?|got|called)"
)
# Where another statement begins: a subject with its verb.
_SUBJECT = (
    r"(?:(?:I|we|he|she|they|it)(?:'\w+)?\s+\w|"
    rf"(?:my|our|his|her|their)\s+(?:[\w'-]+\s+){{1,3}}?{_VERB}\b)"
)
_CLAUSE_START = re.compile(
    rf"(?:,\s*|\s+)(?:and|but|so|plus)\s+(?:also\s+)?(?={_SUBJECT})|\s*[,;]\s+(?={_SUBJECT})",
    re.IGNORECASE,
)
_SUBORDINATE = re.compile(
    r"(?:when|if|because|although|since|while|after|before|as|once)\b", re.IGNORECASE
)


def clauses(sentence: str) -> list[str]:
    """`My name is Ada and I am a nurse.` says two things; `When I was ten, I moved.` says one."""
    if _SUBORDINATE.match(sentence):
        return [sentence]
    return [clause.strip(" ,;") for clause in _CLAUSE_START.split(sentence) if clause.strip(" ,;")]


_OTHER_SIDE = {
    "i am": "you are",
    "i'm": "you're",
    "i was": "you were",
    "i wasn't": "you weren't",
    "i've": "you've",
    "i'd": "you'd",
    "i'll": "you'll",
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "we": "you",
    "we're": "you're",
    "we've": "you've",
    "we'd": "you'd",
    "we'll": "you'll",
    "us": "you",
    "our": "your",
    "ours": "yours",
    "ourselves": "yourselves",
    "and am": "and are",
    "and was": "and were",
    "and wasn't": "and weren't",
    "you are": "I am",
    "you're": "I'm",
    "you were": "I was",
    "you've": "I've",
    "you'd": "I'd",
    "you'll": "I'll",
    "you": "me",
    "your": "my",
    "yours": "mine",
    "yourself": "myself",
}
_SIDES = re.compile(
    r"\b(?:" + "|".join(sorted(map(re.escape, _OTHER_SIDE), key=len, reverse=True)) + r")\b(?!')",
    re.IGNORECASE,
)
_YOU_AS_SUBJECT = re.compile(r"^you\b(?!')(?! (?:are|were)\b)", re.IGNORECASE)
_ABOUT_THE_USER = re.compile(r"\b(?:the )?user(?P<owner>'s)?\b(?: (?P<verb>\w+))?", re.IGNORECASE)
_AGREEING = {"is": "are", "was": "were", "has": "have", "does": "do", "isn't": "aren't"}


def to_second_person(clause: str) -> str:
    """What the user said, as one says it to them: `I love my cat` is `you love your cat`."""
    subject, rest = ("I", clause[3:]) if _YOU_AS_SUBJECT.match(clause) else ("", clause)
    is_of_the_user = rest.lower().startswith(("i ", "i'"))

    def turn(match: re.Match[str]) -> str:
        word = match[0]
        if word == "US" or (word == "mine" and rest[: match.start()].endswith((" a ", " the "))):
            return word  # the country; the pit
        if word.lower().startswith("and ") and not is_of_the_user:
            return word
        return _OTHER_SIDE[word.lower()]

    return subject + _SIDES.sub(turn, rest)


def about_the_user(clause: str) -> str:
    """A note in the third person: `User likes tea` is `you like tea`, `the user's`, `your`."""

    def turn(match: re.Match[str]) -> str:
        verb = match["verb"]
        if match["owner"]:
            return "your" + (f" {verb}" if verb else "")
        if verb is None:
            return "you"
        return f"you {_AGREEING.get(verb.lower()) or _without_s(verb)}"

    return _ABOUT_THE_USER.sub(turn, clause)


def as_sentence(clause: str) -> str:
    """With a capital at the front and a stop at the end."""
    clause = clause.strip()
    if not clause:
        return ""
    end = "" if clause[-1] in ".!?…\"'" else "."
    return clause[0].upper() + clause[1:] + end


def _without_s(verb: str) -> str:
    if verb.endswith("ies"):
        return verb[:-3] + "y"
    if verb.endswith(("ches", "shes", "sses", "xes", "oes")):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else verb


_IRREGULAR = {
    "ate": "eat", "eaten": "eat", "began": "begin", "bought": "buy", "broke": "break",
    "broken": "break", "brought": "bring", "built": "build", "came": "come", "caught": "catch",
    "children": "child", "chose": "choose", "colour": "color", "colours": "color", "dad": "father",
    "drank": "drink", "drove": "drive", "favourite": "favorite", "feet": "foot", "fell": "fall",
    "felt": "feel", "flew": "fly", "forgot": "forget", "found": "find", "gave": "give",
    "gone": "go", "got": "get", "grew": "grow", "grown": "grow", "heard": "hear", "held": "hold",
    "kept": "keep", "kid": "child", "kids": "child", "knew": "know", "learnt": "learn",
    "left": "leave", "lost": "lose", "made": "make", "men": "man", "met": "meet", "mom": "mother",
    "mum": "mother", "paid": "pay", "people": "person", "ran": "run", "rode": "ride",
    "said": "say", "sang": "sing", "saw": "see", "seen": "see", "sent": "send", "slept": "sleep",
    "sold": "sell", "spent": "spend", "spoke": "speak", "stole": "steal", "swam": "swim",
    "taught": "teach", "thought": "think", "told": "tell", "took": "take", "went": "go",
    "wives": "wife", "women": "woman", "won": "win", "wore": "wear", "written": "write",
    "wrote": "write",
}  # fmt: skip

_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


def straight(text: str) -> str:
    """With plain apostrophes, as the rules spell them."""
    return text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


def words(text: str) -> list[str]:
    return _WORD.findall(straight(text))


def stem(word: str) -> str:
    """The same for the forms of one word, mostly."""
    word = word.lower().removesuffix("'s").removesuffix("'")
    word = _IRREGULAR.get(word, word)
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    for suffix in ("ing", "ed"):
        if word.endswith(suffix) and len(word) > len(suffix) + 2:
            root = word.removesuffix(suffix)
            if root[-1] == root[-2] and root[-1] not in "ls":
                root = root[:-1]
            return root.removesuffix("e")
    word = _without_s(word) if len(word) > 3 else word
    return word.removesuffix("e") if len(word) > 3 else word
