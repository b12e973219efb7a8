"""The SQL of this server, read from `sql/*.sql`: named blocks, one for each method of a store.

A block begins with a line `-- name --` and ends with the next one. Comments stay in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from typing import LiteralString

_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)


def load_queries(subject: str) -> Mapping[str, LiteralString]:
    """The blocks of `sql/<subject>.sql` by name."""
    text = resources.files(__package__).joinpath("sql", f"{subject}.sql").read_text("utf-8")
    _, *parts = _NAME.split(text)
    # Whoever may write our package may write our code: the blocks are as literal as this line.
    return {
        name: _COMMENT.sub("", body).strip()
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }
