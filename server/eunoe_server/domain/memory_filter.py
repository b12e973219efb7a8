"""The filters of a list of memories, as a caller gives them, made into one MemoryFilter."""

from __future__ import annotations

from datetime import datetime

from eunoe_server.domain.fact import FactType
from eunoe_server.domain.memory import MemoryFilter
from eunoe_server.errors import InvalidParameter


def memory_filter(
    *,
    created_from: datetime | None = None,
    created_before: datetime | None = None,
    facts_only: bool = False,
    fact_type: str = "",
    min_confidence: float | None = None,
    as_of: datetime | None = None,
    include_superseded: bool = False,
) -> MemoryFilter:
    """Filters narrow together. Raises InvalidParameter."""
    if fact_type not in {"", *FactType}:
        raise InvalidParameter.of("memoryType", f"must be one of {', '.join(FactType)}")
    # Written so that NaN, which compares false with everything, is refused as well.
    if min_confidence is not None and not 0 <= min_confidence <= 1:
        raise InvalidParameter.of("minConfidence", "must be from 0 to 1")
    if as_of is not None and include_superseded:
        raise InvalidParameter.of("includeSuperseded", "not together with asOf")
    return MemoryFilter(
        created_from=created_from,
        created_before=created_before,
        is_fact=True if facts_only else None,
        fact_type=fact_type or None,
        min_confidence=min_confidence,
        as_of=as_of,
        include_superseded=include_superseded,
    )
