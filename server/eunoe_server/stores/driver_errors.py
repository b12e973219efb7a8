"""What the driver raises, as what we raise: by SQLSTATE and constraint name, never by message.

Messages are for logs: they quote SQL and rows, and they change with version and language. What is
not in these tables is a bug of ours and stays what it is, so that it is logged whole and answered
short.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import psycopg_pool

from eunoe_server.errors import (
    DuplicateId,
    EunoeError,
    InvalidInput,
    NamespaceNotFound,
    Overloaded,
    StorageUnavailable,
)

#: When a caller may come back after a short fault.
RETRY_SECONDS = 1.0
#: When after one that somebody has to mend.
NO_SPACE_RETRY_SECONDS = 5.0


class LostRace(Overloaded):
    """Somebody else changed the same rows. Nothing was stored; try again."""


#: Constraints that callers can run into, and what that means.
DUPLICATES = {
    "resource_ids_unique": "A memory with this id already exists.",
    "memories_id_unique": "A memory with this id already exists.",
    "dialogues_id_unique": "A dialogue with this id already exists in this namespace.",
    "messages_id_unique": "A message with this id already exists in this dialogue.",
    "api_keys_pkey": "An API key with this id already exists.",
}
#: Two first requests of one session, or two appends, at the same moment.
RACES = {"dialogues_session_unique", "messages_position_unique"}
#: The namespace was deleted since its key was looked up.
GONE_NAMESPACES = {
    "dialogues_namespace",
    "memories_namespace",
    "resource_ids_namespace",
    "search_entries_namespace",
}


#: Values that no column can hold: NUL or a lone surrogate (as a character or escaped in JSON), a
#: number or a date out of range, a key too long for its index.
UNSTORABLE = {"22021", "22P05", "22P02", "22003", "22008", "54000"}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raises our errors for the driver's, with the driver's as cause."""
    try:
        yield
    except (psycopg.Error, UnicodeEncodeError) as exc:
        ours = translate(exc)
        if ours is None:
            raise
        raise ours from exc


def translate(error: psycopg.Error | UnicodeEncodeError) -> EunoeError | None:
    """Our error for `error`; None when it can only be a bug."""
    if isinstance(error, UnicodeEncodeError):
        # A lone surrogate reached a parameter.
        return InvalidInput("A text holds characters that are not Unicode.")
    if isinstance(error, psycopg_pool.PoolTimeout | psycopg_pool.TooManyRequests):
        return Overloaded(retry_after_seconds=RETRY_SECONDS)
    state = error.sqlstate or ""
    constraint = error.diag.constraint_name or ""
    match state[:2], state:
        case _, "23505" if constraint in DUPLICATES:
            return DuplicateId(DUPLICATES[constraint])
        case _, "23505" if constraint in RACES:
            return LostRace(retry_after_seconds=RETRY_SECONDS)
        case _, "23503" if constraint in GONE_NAMESPACES:
            return NamespaceNotFound()
        case _, "40001" | "40P01":  # serialization failure, deadlock
            return LostRace(retry_after_seconds=RETRY_SECONDS)
        case _, "57014":  # statement_timeout; our own cancellations never get here
            return StorageUnavailable(
                "The database took too long. Try again.", retry_after_seconds=RETRY_SECONDS
            )
        case _, "53300" | "55P03":  # too many connections, lock timeout
            return Overloaded(retry_after_seconds=RETRY_SECONDS)
        case _, "53100":
            return StorageUnavailable(
                "The database has no space left.", retry_after_seconds=NO_SPACE_RETRY_SECONDS
            )
        case _, "25006":
            return StorageUnavailable(
                "The database is read-only at the moment.", retry_after_seconds=RETRY_SECONDS
            )
        case _, "25P03":  # idle_in_transaction_session_timeout: this process stood still
            return StorageUnavailable(retry_after_seconds=RETRY_SECONDS)
        case "08" | "53" | "57" | "58", _:  # connection, resources, operator, system
            return StorageUnavailable(retry_after_seconds=RETRY_SECONDS)
        case _, state if state in UNSTORABLE:
            return InvalidInput("A value cannot be stored as it is.")
        case _, "":
            return _without_state(error)
    return None


def _without_state(error: psycopg.Error) -> EunoeError | None:
    if isinstance(error, psycopg.OperationalError):
        return StorageUnavailable(retry_after_seconds=RETRY_SECONDS)
    if isinstance(error, psycopg.DataError):
        return InvalidInput("A text holds a NUL character.")
    return None
