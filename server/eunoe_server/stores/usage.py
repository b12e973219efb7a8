"""Usage: sums that only grow, a row for each key, namespace and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, fields
from datetime import date
from typing import Any

from eunoe_server.domain.usage import Account, Days, Usage
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store

_SQL = load_queries("usage")
_SUMS = tuple(each.name for each in fields(Usage))


class UsageSums(Store):
    """Of one project; the transaction is project-wide."""

    __slots__ = ()

    async def add(self, used: Mapping[Account, Usage]) -> None:
        """Adds to the sums. A namespace that does not exist counts as none."""
        rows = zip(*map(astuple, used.values()), strict=True)
        sums: dict[str, Any] = {
            name: list(column) for name, column in zip(_SUMS, rows, strict=True)
        }
        await self._execute(
            _SQL["add"],
            namespaces=[_name(account) for account in used],
            namespace_keys=[_key(account) for account in used],
            key_ids=[account.key_id for account in used],
            days=[account.day for account in used],
            **sums,
        )

    async def add_calls(
        self, calls: Mapping[tuple[str, date], int]
    ) -> Mapping[tuple[str, date], int]:
        """Adds to the months' calls, by key id and month; gives what they are now."""
        return dict(
            await self._all(
                _SQL["add_calls"],
                _month_and_calls,
                key_ids=[key_id for key_id, _ in calls],
                months=[month for _, month in calls],
                calls=list(calls.values()),
            )
        )

    async def calls_in(self, key_id: str, month: date) -> int:
        """How many calls a key has made in a month."""
        return await self._one(_SQL["calls_in"], _calls, key_id=key_id, month=month) or 0

    async def by_day(
        self, days: Days, *, in_namespace: int | None, key_id: str | None
    ) -> Mapping[date, Usage]:
        """The sums of those days on which there are any, the earliest first."""
        return dict(
            await self._all(
                _SQL["by_day"],
                _day_and_usage,
                first=days.first,
                last=days.last,
                in_namespace=in_namespace,
                key_id=key_id,
            )
        )


def _name(account: Account) -> str | None:
    return account.namespace if isinstance(account.namespace, str) else None


def _key(account: Account) -> int | None:
    return account.namespace if isinstance(account.namespace, int) else None


def _month_and_calls(key_id: str, month: date, calls: int) -> tuple[tuple[str, date], int]:
    return (key_id, month), calls


def _calls(calls: int) -> int:
    return calls


def _day_and_usage(day: date, **sums: int) -> tuple[date, Usage]:
    return day, Usage(**sums)
