"""Numbers in words, as far as ages need them: "forty", "thirty-four"."""

from __future__ import annotations

_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ONES = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip

#: A pattern for "two" to "ninety-nine". "One" is mostly a pronoun.
NUMBER = rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(_ONES[:9])}))?|{'|'.join(_ONES[1:])})"


def number_of(words: str) -> int:
    """What digits or words such as `NUMBER` matches say."""
    if words.isdecimal():
        return int(words)
    tens, _, ones = words.casefold().replace(" ", "-").partition("-")
    if tens not in _TENS:
        return _ONES.index(tens) + 1
    return 10 * (_TENS.index(tens) + 2) + (_ONES.index(ones) + 1 if ones else 0)
