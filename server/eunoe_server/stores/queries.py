"""The SQL of this server, read from `sql/*.sql`: named blocks, one for each method of a store.

A block begins with a line `-- name --` and ends with the next one. One that is named in braces,
`-- {name} --`, is a part: it stands in for `{name}` in other blocks. Comments stay in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from typing import LiteralString

_NAME = re.compile(r"^-- (\w+|\{\w+\}) --$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)


def load_queries(subject: str) -> Mapping[str, LiteralString]:
    """The blocks of `sql/<subject>.sql` by name."""
    text = resources.files(__package__).joinpath("sql", f"{subject}.sql").read_text("utf-8")
    _, *named = _NAME.split(text)
    # Whoever may write our package may write our code: the blocks are as literal as this line.
    blocks: dict[str, LiteralString] = {
        name: _COMMENT.sub("", body).strip()
        for name, body in zip(named[::2], named[1::2], strict=True)
    }
    parts = {name: part for name, part in blocks.items() if name.startswith("{")}
    return {name: _whole(block, parts) for name, block in blocks.items() if name not in parts}


def _whole(block: LiteralString, parts: Mapping[str, LiteralString]) -> LiteralString:
    for name, part in parts.items():
        if name in block:
            block = block.replace(name, _whole(part, parts))
    return block
