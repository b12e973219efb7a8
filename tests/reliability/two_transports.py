"""One call over gRPC and over HTTP, held against each other.

What changes nothing is asked over both and must be answered alike; what changes something is done
over one, and over the other as well when it was refused: a refusal changes nothing, and must have
the same reason. The callers are the contract's, which know nothing of the server's own conversion.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import grpc

from tests.contract.callers import Caller, Failure, GrpcCaller, HttpCaller
from tests.contract.case import TRANSPORTS, Step
from tests.contract.matching import is_same
from tests.fixtures.server import KEY, ServerProcess

#: What the server may change by itself between two readings.
_PASSING = frozenset({"isCommitted"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason, and the fields that were named."""

    reason: str
    fields: tuple[str, ...]


class TwoTransports:
    """Makes calls, and counts what came of them."""

    def __init__(self, server: ServerProcess, channel: grpc.Channel) -> None:
        self._callers: dict[str, Caller] = {
            "grpc": GrpcCaller(channel),
            "http": HttpCaller(server.http),
        }
        self.calls: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()

    def read(self, rpc: str, **request: Any) -> Any:
        """What both answer: a body or a Refusal."""
        found = {transport: self._call(transport, rpc, request) for transport in TRANSPORTS}
        first, second = (_comparable(found[transport]) for transport in TRANSPORTS)
        assert is_same(first, second), f"{rpc} {request}: {found}"
        return found["grpc"]

    def ask(self, transport: str, rpc: str, **request: Any) -> Any:
        """What one answers; the other must refuse it alike when it was refused."""
        found = self._call(transport, rpc, request)
        if isinstance(found, Refusal):
            (other,) = set(TRANSPORTS) - {transport}
            again = self._call(other, rpc, request)
            assert found == again, f"{rpc} {request}: {transport} {found}, {other} {again}"
        return found

    def _call(self, transport: str, rpc: str, request: dict[str, Any]) -> Any:
        given = {name: value for name, value in request.items() if value is not None}
        answer = self._callers[transport].call(Step(rpc=rpc, request=given, save={}), KEY)
        self.calls[rpc] += 1
        if isinstance(answer, Failure):
            self.outcomes[answer.reason] += 1
            return Refusal(answer.reason, answer.fields)
        self.outcomes["OK"] += 1
        return answer.body


def _comparable(found: Any) -> Any:
    """Without what is not always written: lists inside of lists when they are empty."""
    if isinstance(found, dict):
        return {
            name: _comparable(value)
            for name, value in sorted(found.items())
            if name not in _PASSING and value != []
        }
    if isinstance(found, list):
        return [_comparable(item) for item in found]
    return found
