"""Whose rows a piece of work may see.

A tenant is a scope, not a permission: that a caller may act in it was decided before. Postgres
enforces it once more, under row level security, for every statement of a transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self


@dataclass(frozen=True, slots=True)
class Tenant:
    """A project, or one namespace of it."""

    project_id: int
    #: None: every namespace of the project (lists over all users, keys, namespaces).
    namespace_key: int | None = None
    #: Whether the key was looked up a while ago, so that the namespace may have been erased since.
    #: A transaction then begins by making sure.
    is_remembered: bool = False

    def confirmed(self) -> Self:
        """The same, after a transaction has found it there."""
        return replace(self, is_remembered=False)


@dataclass(frozen=True, slots=True)
class Namespace:
    """One isolated space of a project, usually one end user. The name "" is the shared one."""

    namespace_key: int
    name: str
    created_at: datetime
    #: Days after which what nobody uses is erased; 0: never; None: as the server is set.
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class Holdings:
    """How much lies in a namespace."""

    memories: int
    dialogues: int
    messages: int
