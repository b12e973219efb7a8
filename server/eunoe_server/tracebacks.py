"""Exceptions as log lines show them: what kind, where, and the codes that a driver gives.

What an exception says is left out. A database's quotes the row ("Key (id)=(…) already exists"), a
parser's the text it could not read, and either may be what somebody told a model in confidence. At
level `debug` the whole of it is logged, which is for a machine that holds nobody's memories.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import TextIO

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

#: SQLSTATE and the number of a system error: they name a fault and quote nothing.
_CODES = ("sqlstate", "errno")
_MAX_LINKS = 8


def without_messages(exc_info: ExcInfo) -> str:
    """The exception and what led to it, the first cause first."""
    chain = list(_links(exc_info[1]))
    return "\n".join(
        "".join(traceback.format_tb(each.__traceback__)) + _kind(each) for each in chain[::-1]
    )


def write_without_messages(stream: TextIO, exc_info: ExcInfo) -> None:
    """The same for a console."""
    stream.write("\n" + without_messages(exc_info))


def _links(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(_MAX_LINKS):
        if link is None:
            return
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _kind(error: BaseException) -> str:
    codes = [f"{name} {value}" for name in _CODES if (value := getattr(error, name, None))]
    if isinstance(error, BaseExceptionGroup):
        codes += [_kind(each) for each in error.exceptions]
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return f"{kind} ({'; '.join(codes)})" if codes else kind
