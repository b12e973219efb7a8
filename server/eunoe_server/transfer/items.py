"""The JSON items of a file: its lines, or the elements of the one document that it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eunoe_server.domain.json_document import Parsed, parse
from eunoe_server.errors import InvalidInput
from eunoe_server.transfer.elements import MAX_ITEM_BYTES, elements
from eunoe_server.transfer.records import LeftOut, Place

_LINE_SUFFIXES = {".jsonl", ".ndjson"}
_PEEKED_BYTES = 1024
_MAX_FIRST_LINE_BYTES = 16 * 1024 * 1024
_ZIP = b"PK\x03\x04"
_TOO_LARGE = f"is larger than {MAX_ITEM_BYTES // 1024 // 1024} MiB; split it"
_CUT = "the file ends here, in the middle; what stands before is read"


@dataclass(frozen=True, slots=True)
class Item:
    """One JSON object; numbers are the characters they were written with."""

    place: Place
    members: dict[str, Parsed]


def read_items(path: Path) -> Iterator[Item | LeftOut]:
    """Every item of a file. Raises OSError."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) == _ZIP:
            yield LeftOut(Place(path.name, 0), "is a ZIP archive; unpack it and import its files")
            return
    yield from _lines(path) if _is_lines(path) else _elements(path)


def _is_lines(path: Path) -> bool:
    """Whether the first line is an object and others follow; a file's ending may say so as well."""
    if path.suffix.lower() in _LINE_SUFFIXES:
        return True
    with path.open("rb") as file:
        if not file.read(_PEEKED_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
            return False
        file.seek(0)
        first = b""
        while not first.strip() and (line := file.readline(_MAX_FIRST_LINE_BYTES)):
            first = line
        # A document of one line is the more usual the longer the line is.
        if not first.endswith(b"\n") or not any(
            part.strip() for part in iter(lambda: file.readline(_PEEKED_BYTES), b"")
        ):
            return False
    return isinstance(_read(first, Place(path.name, 0)), Item)


def _lines(path: Path) -> Iterator[Item | LeftOut]:
    number = bytes_read = 0
    with path.open("rb") as file:
        while line := file.readline(MAX_ITEM_BYTES):
            number += 1
            bytes_read += len(line)
            is_too_large = len(line) == MAX_ITEM_BYTES and not line.endswith(b"\n")
            while is_too_large and line and not line.endswith(b"\n"):
                line = file.readline(MAX_ITEM_BYTES)
                bytes_read += len(line)
            place = Place(f"{path.name}:{number}", bytes_read, number)
            if is_too_large:
                yield LeftOut(place, _TOO_LARGE)
            elif line.strip():
                yield _read(line, place)


def _elements(path: Path) -> Iterator[Item | LeftOut]:
    with path.open("rb") as file:
        for number, element in enumerate(elements(file), start=1):
            place = Place(f"{path.name}, item {number}", element.bytes_read, number)
            if element.is_too_large:
                yield LeftOut(place, _TOO_LARGE)
                continue
            read = _read(element.text, place)
            if isinstance(read, Item) or not element.is_cut:
                yield read
            if element.is_cut:
                yield LeftOut(place, _CUT)


def _read(text: bytes, place: Place) -> Item | LeftOut:
    try:
        parsed = parse(text.decode("utf-8-sig"), "JSON")
    except InvalidInput as error:
        return LeftOut(place, error.message)
    except UnicodeDecodeError:
        return LeftOut(place, "is not UTF-8; write the file anew in that encoding")
    if isinstance(parsed, dict):
        return Item(place, parsed)
    return LeftOut(place, "is no JSON object")
