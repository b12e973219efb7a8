"""Regular expressions and lists of words that fit on a page.

A pattern over English is long lines of words. Here a line break and the blanks around it are layout
and leave no trace; every other blank counts, so that phrases stay readable as phrases. A blank that
counts at the edge of a line is written `[ ]`.
"""

from __future__ import annotations

import re


def pattern(text: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    """`text` compiled, blind to case unless `flags` say otherwise."""
    return re.compile(joined(text), flags)


def joined(text: str) -> str:
    """`text` without its layout, to be part of a pattern."""
    return _LAYOUT.sub("", text)


def words(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


_LAYOUT = re.compile(r"[ ]*\n[ ]*")
