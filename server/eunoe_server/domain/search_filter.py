"""What found things must have: tags, and times of making and changing (`search.proto`).

A filter comes as a JSON document, in the forms that DialogueDB's search takes, or typed. Whatever
is not part of the language is refused by its path: a filter that is ignored finds too much.
Metadata has a language of its own: `metadata_filter`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from eunoe_server.domain.json_document import Parsed, parse
from eunoe_server.domain.limit_table import MAX_FILTER_BYTES
from eunoe_server.domain.time_phrase import EVER, TimeSpan, read_time
from eunoe_server.errors import InvalidInput, InvalidParameter


@dataclass(frozen=True, slots=True)
class TagFilter:
    """At least one of these, all of these, none of these; empty ones ask for nothing."""

    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """When it was made and last changed; whether it has an image, None: either."""

    created: TimeSpan = EVER
    modified: TimeSpan = EVER
    has_image: bool | None = None


NO_TAGS = TagFilter()
ANYTHING = SearchFilter()


def parse_filter(document: str, field: str) -> Parsed:
    """What a filter's document holds; None without one. Raises InvalidParameter."""
    if not document:
        return None
    if len(document.encode()) > MAX_FILTER_BYTES:
        refuse(field, f"must be at most {MAX_FILTER_BYTES // 1024} KiB")
    try:
        return parse(document, field)
    except InvalidInput as error:
        raise InvalidParameter(error.message, fields=error.fields) from None


def refuse(path: str, why: str) -> NoReturn:
    """Raises InvalidParameter."""
    raise InvalidParameter.of(path, why)


_TAG_OPERATORS = {"$in": "any_of", "$all": "all_of", "$nin": "none_of"}


def read_tags(document: str) -> TagFilter:
    """`"a"`, `["a", "b"]` (any of them) or `{"$in", "$all", "$nin"}`. Raises InvalidParameter."""
    match parse_filter(document, "tags"):
        case None:
            return NO_TAGS
        case str(tag):
            return TagFilter(any_of=(tag,))
        case list(tags):
            return TagFilter(any_of=_texts(tags, "tags"))
        case dict(operators):
            asked = {}
            for name, operand in operators.items():
                if name not in _TAG_OPERATORS:
                    refuse(f"tags.{name}", f"must be one of {', '.join(_TAG_OPERATORS)}")
                asked[_TAG_OPERATORS[name]] = _texts(operand, f"tags.{name}")
            return TagFilter(**asked)
        case _:
            refuse("tags", "must be an array of strings, or an object of $in, $all and $nin")


def _texts(tags: Parsed, path: str) -> tuple[str, ...]:
    if not isinstance(tags, list):
        refuse(path, "must be an array of strings")
    texts = tuple(tag for tag in tags if isinstance(tag, str))
    if len(texts) < len(tags):
        refuse(path, "must hold strings only")
    return texts


def read_filter(document: str, now: datetime) -> SearchFilter:
    """`{"created", "modified", "hasImage"}`. Phrases are read in the time zone of `now`.

    Raises InvalidParameter.
    """
    asked = parse_filter(document, "filter")
    if asked is None:
        return ANYTHING
    if not isinstance(asked, dict):
        refuse("filter", "must be an object of created, modified and hasImage")
    if unknown := asked.keys() - {"created", "modified", "hasImage"}:
        refuse(f"filter.{min(unknown)}", "must be one of created, modified, hasImage")
    has_image = asked.get("hasImage")
    if has_image is not None and not isinstance(has_image, bool):
        refuse("filter.hasImage", "must be true or false")
    return SearchFilter(
        _span(asked.get("created"), now, "filter.created"),
        _span(asked.get("modified"), now, "filter.modified"),
        has_image,
    )


def _span(asked: Parsed, now: datetime, path: str) -> TimeSpan:
    match asked:
        case None:
            return EVER
        case str(phrase):
            return read_time(phrase, now, path)
        case dict(bounds):
            span = EVER
            for name, said in bounds.items():
                if name not in _BOUNDS:
                    refuse(f"{path}.{name}", f"must be one of {', '.join(_BOUNDS)}")
                if not isinstance(said, str):
                    refuse(f"{path}.{name}", "must be a date, an instant or a phrase")
                said_span = read_time(said, now, f"{path}.{name}")
                span = span.within(bound(name, said_span))
            return span
        case _:
            refuse(path, f"must be a date, an instant, a phrase, or an object of {_BOUND_NAMES}")


_BOUNDS = ("gte", "gt", "lte", "lt")
_BOUND_NAMES = ", ".join(_BOUNDS)


def bound(name: str, said: TimeSpan) -> TimeSpan:
    """What lies on that side of a time that has a length: `lte` a day includes the day."""
    match name:
        case "gte":
            return TimeSpan(start=said.start)
        case "gt":
            return TimeSpan(start=said.end)
        case "lte":
            return TimeSpan(end=said.end)
        case _:
            return TimeSpan(end=said.start)
