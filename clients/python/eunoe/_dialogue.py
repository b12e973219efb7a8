"""What a new dialogue may be given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from eunoe._json import JsonValue
from eunoe._message import NewMessage


class DialogueOptions(TypedDict, total=False):
    """All of it can be left out."""

    #: Left out: a new one is made.
    id: str
    label: str
    #: The first messages, up to 1,000.
    messages: Sequence[NewMessage]
    #: The first state.
    state: Mapping[str, JsonValue]
    #: Cannot change later.
    metadata: Mapping[str, JsonValue]
    tags: Sequence[str]
    #: For imports. Left out: the first message's, else now.
    created: datetime
    #: After how many idle seconds facts are taken from it and chats of the namespace recall it.
    commit_after_seconds: int
