"""Projects: the outermost wall. Found by name, before any tenant is known."""

from __future__ import annotations

from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store

_SQL = load_queries("projects")


class Projects(Store):
    """Works only where the transaction names the project (`Database.open_project`)."""

    __slots__ = ()

    async def resolve(self, name: str, *, create: bool = False) -> int | None:
        """The key of the project of this name, made if asked; None when there is none."""
        project_id = await self._one(_SQL["find"], _project_id, name=name)
        if project_id is None and create:
            # Without a row, somebody else has just made it.
            project_id = await self._one(_SQL["insert"], _project_id, name=name)
            project_id = project_id or await self._one(_SQL["find"], _project_id, name=name)
        return project_id


def _project_id(project_id: int) -> int:
    return project_id
