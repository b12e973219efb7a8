"""Says whether a database transaction is open here, so that nothing slow is begun inside one.

A connection held while a model thinks is a connection that nobody else has; enough of them and the
server stands still. Stores mark their transactions, providers refuse to be called within a mark.
It knows nothing of either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_open: ContextVar[bool] = ContextVar("eunoe_transaction_is_open", default=False)


class TransactionIsOpen(AssertionError):
    """A provider was called while this task holds a database connection. This is a bug of ours."""


@contextmanager
def marked_open() -> Iterator[None]:
    """Marks the current task, and the tasks it starts meanwhile, as being in a transaction."""
    token = _is_open.set(True)
    try:
        yield
    finally:
        _is_open.reset(token)


def assert_no_transaction() -> None:
    """Raises TransactionIsOpen when a transaction is open in this task."""
    if _is_open.get():
        raise TransactionIsOpen(TransactionIsOpen.__doc__)
