"""Every case of `cases/*.yaml`, over gRPC and over HTTP, against a whole server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from uuid import uuid4

import grpc
import pytest

from tests.contract.callers import METHODS, Caller, Failure, GrpcCaller, HttpCaller
from tests.contract.case import Case, Step, WantedError, all_cases, filled
from tests.contract.matching import differences, part
from tests.fixtures.server import KEY, ServerProcess

CASES = [(case, transport) for case in all_cases() for transport in case.over]


@pytest.fixture(scope="session")
def callers(server: ServerProcess) -> Iterator[Mapping[str, Caller]]:
    """One way for each transport."""
    channel: grpc.Channel
    with server.channel() as channel:
        yield {"grpc": GrpcCaller(channel), "http": HttpCaller(server.http)}


@pytest.mark.parametrize(
    ("case", "transport"), CASES, ids=[f"{each[1]}: {each[0].name}" for each in CASES]
)
def test_case(
    case: Case, transport: str, callers: Mapping[str, Caller], server: ServerProcess
) -> None:
    word = uuid4().hex[:12]
    names = {"unique": word, "namespace": f"ns-{word}", "other": f"other-{word}"}
    names |= {name: mint(server, filled(bound, names)) for name, bound in case.keys.items()}
    for step in case.steps:
        run(step, transport, callers[transport], names)


def mint(server: ServerProcess, options: Mapping[str, str]) -> str:
    """A new key, made beside the running server as its operator would."""
    command = [sys.executable, "-m", "eunoe_server", "keys", "create"]
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    made = subprocess.run(  # noqa: S603 - our own command
        [*command, "--data-dir", str(server.data_dir), *flags],
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout.strip()


def run(step: Step, transport: str, caller: Caller, names: dict[str, str]) -> None:
    """Makes the call and compares; what the step saves is added to `names`."""
    what = step.rpc or step.http
    key = filled(step.key, names) if step.key else KEY
    step = replace(
        step,
        request=filled(step.request, names),
        http=filled(step.http, names),
        body=filled(step.body, names),
        once=filled(step.once, names),
    )
    answer = caller.call(step, None if key == "none" else key)
    if isinstance(answer, Failure):
        assert step.want_error is not None, f"{what} failed: {answer}"
        compare_failure(answer, step.want_error, transport)
        return
    assert step.want_error is None, f"{what} succeeded: {answer.text[:500]}"
    wrong = list(differences(filled(step.want, names), answer.body, answer.text))
    assert step.want is None or not wrong, f"{what}: {wrong}"
    for name, path in step.save.items():
        names[name] = part(answer.body, path)


def compare_failure(failure: Failure, wanted: WantedError, transport: str) -> None:
    """The reason, what it is on this transport, and the field."""
    status = wanted.grpc if transport == "grpc" else str(wanted.http)
    assert (failure.reason, failure.status) == (wanted.reason, status), failure
    assert wanted.field is None or wanted.field in failure.fields, failure


def test_a_case_repeats_every_method_that_takes_an_idempotency_key() -> None:
    repeated = {
        step.rpc
        for case, _ in CASES
        for step in case.steps
        if step.once
        and sum((each.rpc, each.once) == (step.rpc, step.once) for each in case.steps) > 1
    }
    takes_key = {
        name for name, method in METHODS.items() if "request_id" in method.input_type.fields_by_name
    }
    assert takes_key == repeated


def test_every_method_that_cases_name_exists() -> None:
    named = {step.rpc for case, _ in CASES for step in case.steps if step.rpc}
    assert named <= set(METHODS)
