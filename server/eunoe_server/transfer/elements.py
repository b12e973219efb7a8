"""One JSON document taken apart into its items while it is read, so that its size does not matter.

An export of years may be larger than memory. So nothing is parsed here: brackets and quotes are
counted, and each item is given as the bytes it is, whoever parses it then. An item alone has to
fit into memory; one that is larger than any that a server takes is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

#: A dialogue with all its messages may be one item.
MAX_ITEM_BYTES = 256 * 1024 * 1024

#: What a document may call the list of its items.
_LISTS = frozenset({b'"items"', b'"dialogues"', b'"memories"', b'"conversations"'})

_CHUNK_BYTES = 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_IN_TEXT = re.compile(rb'["\\]')
_BETWEEN_ITEMS = re.compile(rb'["\[\]{},]')
_IN_ITEM = re.compile(rb'["\[\]{}]')


@dataclass(frozen=True, slots=True)
class Element:
    """One item of a document, or the whole document when it holds no list of items."""

    #: JSON, if the document is; empty when it is too large.
    text: bytes
    bytes_read: int
    is_too_large: bool = False
    #: The file ends within it.
    is_cut: bool = False


def elements(file: BinaryIO, *, max_bytes: int = MAX_ITEM_BYTES) -> Iterator[Element]:
    """Every item, in order; the last one says so if the file ends too early."""
    splitter = _Splitter(max_bytes)
    bytes_read = 0
    while chunk := file.read(_CHUNK_BYTES):
        if bytes_read == 0:
            bytes_read += len(_BYTE_ORDER_MARK) if chunk.startswith(_BYTE_ORDER_MARK) else 0
            chunk = chunk.removeprefix(_BYTE_ORDER_MARK)
        yield from splitter.feed(chunk, bytes_read)
        bytes_read += len(chunk)
    yield from splitter.end(bytes_read)


class _Splitter:
    """Where in the document the reading is."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept = bytearray()
        self._is_too_large = False
        #: How many brackets are open, and how many are while a list of items is.
        self._depth = 0
        self._list_depth = 0
        self._has_list = False
        self._is_first = True
        self._is_in_text = self._is_escaped = False
        #: The last text of the outermost object, which before a list is its name.
        self._name = bytearray()

    def feed(self, chunk: bytes, offset: int) -> Iterator[Element]:
        """The items that end in this part of the document, which begins at `offset`."""
        at = start = 0
        while at < len(chunk):
            if self._is_in_text:
                at = self._read_text(chunk, at)
                continue
            is_between = self._depth == self._list_depth
            found = (_BETWEEN_ITEMS if is_between else _IN_ITEM).search(chunk, at)
            if found is None:
                break
            at = found.end()
            match found[0]:
                case b'"':
                    self._is_in_text = True
                    if self._depth == 1:
                        self._name = bytearray(b'"')
                case b"[" | b"{":
                    self._depth += 1
                    is_list = self._opens_list(found[0])
                    self._is_first = False
                    if is_list:
                        self._list_depth, self._has_list = self._depth, True
                        self._forget()
                        start = at
                case b",":
                    if self._list_depth:
                        self._keep(chunk[start : at - 1])
                        yield self._take(offset + at)
                        start = at
                case _:
                    if is_between and self._list_depth:
                        self._keep(chunk[start : at - 1])
                        if self._kept.strip() or self._is_too_large:
                            yield self._take(offset + at)
                        self._list_depth = 0
                        self._forget()
                        start = at
                    self._depth -= 1
        # Beside a list of items, only the names of other lists matter.
        if self._list_depth or not self._has_list:
            self._keep(chunk[start:])

    def end(self, bytes_read: int) -> Iterator[Element]:
        """What is left at the end of the file."""
        if self._has_list and self._depth > 0:
            yield Element(bytes(self._kept), bytes_read, is_cut=True)
        elif not self._has_list:
            is_cut = self._depth > 0 or self._is_in_text
            yield Element(bytes(self._kept), bytes_read, self._is_too_large, is_cut)

    def _read_text(self, chunk: bytes, at: int) -> int:
        """Goes on to the end of a text, or of the chunk."""
        begin = at
        if self._is_escaped:
            self._is_escaped = False
            at += 1
        while True:
            found = _IN_TEXT.search(chunk, at)
            if found is None:
                at = len(chunk)
                break
            at = found.end()
            if found[0] == b'"':
                self._is_in_text = False
                break
            if at == len(chunk):
                self._is_escaped = True
                break
            at += 1
        if self._depth == 1 and len(self._name) < max(map(len, _LISTS)) + 1:
            self._name += chunk[begin:at]
        return at

    def _opens_list(self, bracket: bytes) -> bool:
        if bracket != b"[" or self._list_depth:
            return False
        return self._is_first or (self._depth == 2 and bytes(self._name) in _LISTS)

    def _keep(self, part: bytes) -> None:
        if self._is_too_large or len(self._kept) + len(part) > self._max_bytes:
            self._is_too_large = True
            self._kept.clear()
        else:
            self._kept += part

    def _forget(self) -> None:
        self._kept.clear()
        self._is_too_large = False

    def _take(self, bytes_read: int) -> Element:
        element = Element(bytes(self._kept), bytes_read, self._is_too_large)
        self._forget()
        return element
