"""How many tokens a text has, roughly, without any model's vocabulary.

Budgets need an estimate that errs on the large side; a real tokenizer would tie us to one model
and is downloaded at first use. Four characters a token is the usual figure for Latin scripts;
other scripts come close to one token a character.
"""

from __future__ import annotations


def estimate_tokens(text: str) -> int:
    """An estimate for `text`; 0 for the empty text."""
    if text.isascii():
        return (len(text) + 3) // 4
    latin = sum(1 for character in text if character < "\u0250")
    return (latin + 3) // 4 + (len(text) - latin)
