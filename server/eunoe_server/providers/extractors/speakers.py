"""Who speaks: "the user", or a person by name where people talk with each other."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who says "I", in the sentences about them."""

    #: "The user", or a name.
    subject: str = "The user"
    #: The first part of their slots.
    slug: str = "user"
    #: Several people, whose verbs need no ending: "The user and the user's husband live".
    is_plural: bool = False

    @property
    def possessive(self) -> str:
        """ "The user's", "James's"."""
        return f"{self.subject}'s"

    def within(self, words: str) -> str:
        """`words` as they stand inside a sentence: "the user's"; a name is a name anywhere."""
        return f"the{words[3:]}" if words.startswith("The ") else words


def speaker_of(name: str) -> Speaker:
    """The speaker called `name`, where that is what people are called; else "the user".

    Applications also send `user`, `user_123` or a key in its place.
    """
    name = " ".join(name.replace("_", " ").split())
    if not _PERSON.fullmatch(name) or name.casefold() in _ANYBODY:
        return Speaker()
    shown = name.title() if name.islower() else name
    return Speaker(subject=shown, slug=shown.casefold().replace(".", "").replace("\u2019", "'"))


_PERSON = re.compile(r"[^\W\d_]+(?:[ .'\u2019-]{1,2}[^\W\d_]+){0,3}\.?")
_ANYBODY = frozenset(
    ("user", "human", "customer", "me", "client", "guest", "person", "speaker", "anonymous")
)
