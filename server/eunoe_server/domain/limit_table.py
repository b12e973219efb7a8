"""Every limit of what one request may hold: the numbers that the code enforces and the docs show.

What an operator may set (bodies, calls at a time, calls of a key) is in `settings.py`; what merely
keeps our own work bounded, and no caller can run into, stands where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["bytes", "characters", "levels", "items", "days"]

MAX_ID_CHARACTERS = 256
MAX_NAMESPACE_BYTES = 256
MAX_TAGS = 64
MAX_TAG_CHARACTERS = 128
MAX_METADATA_BYTES = 16 * 1024
MAX_LABEL_CHARACTERS = 256
MAX_DESCRIPTION_CHARACTERS = 4_096
MAX_VALUE_BYTES = 1024 * 1024
MAX_CONTENT_BYTES = 8 * 1024 * 1024
MAX_STATE_BYTES = 1024 * 1024
MAX_MEMORIES = 1_000
MAX_MESSAGES = 1_000
MAX_DEPTH = 128
MAX_NUMBER_CHARACTERS = 1_000
MAX_QUERY_CHARACTERS = 32_768
MAX_FILTER_BYTES = 16 * 1024
MAX_FILTER_FIELDS = 32
MAX_RESULTS = 200
MAX_PAGE_SIZE = 200
#: With ids and times a page stays below the 4 MiB that a gRPC client takes by default.
MAX_PAGE_BYTES = 2 * 1024 * 1024
MAX_PERIOD_DAYS = 366


@dataclass(frozen=True, slots=True)
class Limit:
    """One row: of what there may be so much, and what becomes of more."""

    of: str
    most: int
    unit: Unit
    #: The reason of the refusal; empty: more is lowered to this.
    reason: str = "INVALID_INPUT"


LIMITS = (
    Limit("An id of something new", MAX_ID_CHARACTERS, "characters"),
    Limit("A namespace's name", MAX_NAMESPACE_BYTES, "bytes", "INVALID_PARAMETER"),
    Limit("Tags of one thing", MAX_TAGS, "items"),
    Limit("A tag", MAX_TAG_CHARACTERS, "characters"),
    Limit("Metadata of one thing", MAX_METADATA_BYTES, "bytes"),
    Limit("A label", MAX_LABEL_CHARACTERS, "characters"),
    Limit("A memory's description", MAX_DESCRIPTION_CHARACTERS, "characters"),
    Limit("A memory's value", MAX_VALUE_BYTES, "bytes"),
    Limit("A message's content", MAX_CONTENT_BYTES, "bytes"),
    Limit("A dialogue's state", MAX_STATE_BYTES, "bytes"),
    Limit("Memories of one batch", MAX_MEMORIES, "items"),
    Limit("Messages of one call, but for chats", MAX_MESSAGES, "items"),
    Limit("Nesting of a JSON document", MAX_DEPTH, "levels"),
    Limit("A number in a JSON document", MAX_NUMBER_CHARACTERS, "characters"),
    Limit("A search's query", MAX_QUERY_CHARACTERS, "characters", "INVALID_PARAMETER"),
    Limit("A filter of a search", MAX_FILTER_BYTES, "bytes", "INVALID_PARAMETER"),
    Limit("Metadata fields of a filter", MAX_FILTER_FIELDS, "items", "INVALID_PARAMETER"),
    Limit("Results of a search", MAX_RESULTS, "items", ""),
    Limit("Items of a page", MAX_PAGE_SIZE, "items", ""),
    Limit(
        "What the items of a page or the results of a search hold, unless it is one",
        MAX_PAGE_BYTES,
        "bytes",
        "",
    ),
    Limit("A period of usage", MAX_PERIOD_DAYS, "days", "INVALID_PARAMETER"),
)
