"""Requests made from the served OpenAPI document, right and wrong ones, at every operation (S10).

    python -m tests.reliability.fuzz_http [--requests 50000] [--seed 1]

schemathesis makes them and judges the answers: none is a 5xx, and each has a status, a content type
and a body that the document promises. Half are meant to be right and half to be wrong, and ids in
paths are often those of things that there are, so that not everything is answered 404. Sent over
one connection to a whole server with its built-in model.
"""

from __future__ import annotations

import math
import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase
from rich.progress import Progress
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fixtures.server import KEY, ServerProcess, serving
from tests.reliability.figures import Rows, main

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
#: Would end the key that all requests are made with.
_LEFT_OUT = frozenset({"AdminService.RevokeApiKey", "AdminService.RotateApiKey"})
_HEADERS = {"authorization": f"Bearer {KEY}"}
#: How often an id in a path is one that there is.
_KNOWN_ID_SHARE = 0.6
#: Ids remembered of a kind.
_MAX_KNOWN = 50


@dataclass(slots=True)
class Outcome:
    """What was sent, and what came back that should not have."""

    requests: int = 0
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    server_errors: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Known:
    """Ids that answers told, by the kind of thing."""

    choose: random.Random
    ids: dict[str, list[str]] = field(default_factory=dict)

    def learn(self, path: str, answer: object) -> None:
        """What was just made or shown can be asked for from now on."""
        if isinstance(answer, dict):
            for item in (answer, *answer.get("items", ())):
                if isinstance(item, dict) and isinstance(item.get("id"), str):
                    ids = self.ids.setdefault(_kind(path), [])
                    ids.append(item["id"])
                    del ids[:-_MAX_KNOWN]

    def put_into(self, path: str, values: dict[str, Any]) -> None:
        """Some of the path's values become ids that there are."""
        for name in values:
            kind = "message" if name == "message_id" else _kind(path.partition("{")[0])
            known = self.ids.get(kind, [])
            if known and self.choose.random() < _KNOWN_ID_SHARE:
                values[name] = self.choose.choice(known)


def _kind(path: str) -> str:
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    last = parts[-1] if parts else ""
    return "message" if last == "messages" else last


def run(server: ServerProcess, requests: int, seed: int, *, progress: bool = True) -> Outcome:
    """Sends that many requests; what one operation has no use for is shared among the next."""
    schema = schemathesis.openapi.from_url(f"{server.http}/openapi.json")
    found: list[Any] = list(schema.get_all_operations())
    every = [each.ok() for each in found]
    operations = [each for each in every if each.definition.raw["operationId"] not in _LEFT_OUT]
    assert len(every) - len(operations) == len(_LEFT_OUT)
    outcome = Outcome()
    known = _Known(random.Random(seed))  # noqa: S311 - no secret
    # Twice round, so that the second time there is something to ask for. What takes no parameters
    # is the same request again and again, and is sent once: so it goes first.
    operations.sort(key=lambda each: bool(each.body or any(each.iter_parameters())))
    turns = [
        (mode, operation)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        for operation in operations
    ]
    with Progress(disable=not progress, transient=True) as bar:
        task = bar.add_task("requests", total=requests)
        for left, (mode, operation) in zip(range(len(turns), 0, -1), turns, strict=True):
            share = math.ceil(max(0, requests - outcome.requests) / left) or 1
            _send(operation, mode, share, seed, server.http, known, outcome)
            bar.update(task, completed=outcome.requests)
    # Otherwise an unknown part of it was nothing but refusals of the key.
    with httpx2.Client(base_url=server.http, trust_env=False) as client:
        last = client.get("/memory", headers=_HEADERS)
    if last.status_code != 200:
        outcome.violations.append(f"the key no longer opens GET /memory: {last.status_code}")
    return outcome


def _send(
    operation: Any,
    mode: GenerationMode,
    count: int,
    seed: int,
    base_url: str,
    known: _Known,
    outcome: Outcome,
) -> None:
    name = f"{operation.method.upper()} {operation.path}"
    statuses = outcome.statuses.setdefault(name, Counter())

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def each(case: Any) -> None:
        known.put_into(operation.path, case.path_parameters)
        response = case.call(base_url=base_url, headers=_HEADERS, timeout=60)
        outcome.requests += 1
        statuses[response.status_code] += 1
        if response.status_code >= 500:
            outcome.server_errors.append(f"{name}: {response.status_code} {response.text[:300]}")
        try:
            case.validate_response(response, checks=CHECKS)
        except (Failure, FailureGroup) as failure:
            outcome.violations.append(f"{name}: {_first_line(failure)} {case.as_curl_command()}")
        if response.status_code == 200 and "json" in response.headers.get("content-type", ""):
            known.learn(operation.path, response.json())

    try:
        each()
    except hypothesis.errors.Unsatisfiable:
        # Nothing can be wrong about a request without parameters or body.
        return


def _first_line(failure: Failure | FailureGroup) -> str:
    parts = failure.exceptions if isinstance(failure, FailureGroup) else (failure,)
    return "; ".join(str(part).strip().replace("\n", " ")[:300] for part in parts)


def histogram(outcome: Outcome) -> Sequence[str]:
    """A line for each operation: which statuses came back how often."""
    return [
        f"{name:55} " + ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
        for name, codes in outcome.statuses.items()
    ]


async def measure(requests: int = 50_000, seed: int = 1) -> Rows:
    """Starts a server and sends."""
    outcome = Outcome()

    def work() -> None:
        nonlocal outcome
        with serving() as server:
            outcome = run(server, requests, seed)

    # hypothesis and requests are synchronous, and a loop runs in this thread.
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    print(*histogram(outcome), *outcome.server_errors[:20], *outcome.violations[:20], sep="\n")  # noqa: T201
    right = sum(codes[200] for codes in outcome.statuses.values())
    return [
        ("fuzzing HTTP: requests", f">= {requests:,}", f"{outcome.requests:,}"),
        ("fuzzing HTTP: answered 200", "", f"{right:,}"),
        ("fuzzing HTTP: answered 5xx", "0", str(len(outcome.server_errors))),
        ("fuzzing HTTP: against the document", "0", str(len(outcome.violations))),
    ]


if __name__ == "__main__":
    main(measure, __doc__, requests=50_000, seed=1)
