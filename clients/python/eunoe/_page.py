"""One page of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list, and where it goes on."""

    items: tuple[T, ...]
    #: To be given as `next` to the same call; None on the last page.
    next: str | None
