"""Bytes that are no requests, or nearly, at every method of the server (S12).

    python -m tests.reliability.fuzz_grpc [--calls 20000] [--seed 1]

Sent through a stub that serialises nothing: random bytes, requests filled at random from the
contract, and such requests cut, flipped, repeated and with unknown fields in them; and metadata
that is as wild. Each must be answered with a status that says something, and with none of our own
words for what we did not expect; the server must go on, and say no more in its log than its one
line a call.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import message as protobuf
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rich.progress import Progress

from eunoe_server.transport.http.transcode import services
from tests.fixtures.server import KEY, ServerProcess, serving
from tests.reliability.figures import Rows, main

_DEADLINE_SECONDS = 30.0
#: Would take the key away that all calls are made with.
_LEFT_OUT = frozenset({"RevokeApiKey", "RotateApiKey"})
#: What Python says of itself.
_OURS = re.compile(r"Traceback|Exception (?!deserializing)|<class|object at 0x|\.py\b|psycopg|SQL")
_TEXTS = (
    "",
    "x",
    "bob",
    "id-1",
    "Ünï",
    "\u202e",
    "1e999",
    "self",
    "2024-02-30",
    "{}",
    '"a"',
    "[1]",
)


@dataclass(slots=True)
class Outcome:
    """What came back."""

    calls: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    log_lines: int = 0


def methods() -> Iterator[MethodDescriptor]:
    """Every method of the contract but a few."""
    for service in services():
        yield from (each for each in service.methods if each.name not in _LEFT_OUT)


def filled(message: protobuf.Message, choose: random.Random, depth: int = 0) -> None:
    """Sets fields of a message at random."""
    fields: list[Any] = list(message.DESCRIPTOR.fields)
    for each in fields:
        if choose.random() < 0.4:
            continue
        for _ in range(choose.randint(1, 3) if each.is_repeated else 1):
            _fill(message, each, choose, depth)


def _fill(
    message: protobuf.Message, each: FieldDescriptor, choose: random.Random, depth: int
) -> None:
    if each.message_type is not None:
        if depth > 3 or each.message_type.GetOptions().map_entry:
            return
        inner = getattr(message, each.name)
        filled(inner.add() if each.is_repeated else inner, choose, depth + 1)
        if not each.is_repeated:
            inner.SetInParent()
        return
    value = _scalar(each, choose)
    if each.is_repeated:
        getattr(message, each.name).append(value)
    else:
        setattr(message, each.name, value)


def _scalar(each: FieldDescriptor, choose: random.Random) -> object:
    if each.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        text = choose.choice(_TEXTS)
        return text.encode() if each.type == FieldDescriptor.TYPE_BYTES else text
    if each.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return choose.random() < 0.5
    if each.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return choose.randint(0, 9)
    if each.cpp_type in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
        return choose.choice((0.0, -1.0, 0.5, float("nan"), float("inf"), 1e308))
    is_long = each.cpp_type in {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}
    bits = 63 if is_long else 31
    return choose.choice((0, 1, -1, 10, 2**bits - 1, -(2**bits)))


def request_bytes(method: MethodDescriptor, choose: random.Random) -> bytes:
    """What is sent to a method."""
    kind = choose.randrange(8)
    if kind == 0:
        return choose.randbytes(choose.choice((1, 7, 100, 5_000)))
    message = message_factory.GetMessageClass(method.input_type)()
    filled(message, choose)
    good = message.SerializeToString()
    if kind == 1:
        return good[: choose.randint(0, len(good))]
    if kind == 2 and good:
        at = choose.randrange(len(good))
        return good[:at] + choose.randbytes(1) + good[at + 1 :]
    if kind == 3:  # an unknown field, a huge varint, a group that never ends
        return good + choose.choice((b"\xfa\x7f\x03abc", b"\x08" + b"\xff" * 10, b"\x0b" * 2_000))
    if kind == 4:  # text that is no UTF-8, in the first field
        return b"\x0a\x04\xff\xfe\xfd\xfc" + good
    if kind == 5:
        return good * choose.randint(2, 20)
    return good


def metadata(choose: random.Random) -> tuple[tuple[str, str | bytes], ...]:
    """A key that is good, beside what is not."""
    sent: list[tuple[str, str | bytes]] = [("authorization", f"Bearer {KEY}")]
    if choose.random() < 0.3:
        sent.append(("x-request-id", choose.choice(("a" * 5_000, "id with blank", "ok-1"))))
    if choose.random() < 0.3:
        sent.append(("grpc-trace-bin", choose.randbytes(30)))
    if choose.random() < 0.2:
        sent.append(("traceparent", "00-" + "z" * 32))
    if choose.random() < 0.1:
        sent.append(("authorization", "Bearer another"))
    return tuple(sent)


def run(server: ServerProcess, calls: int, seed: int, *, progress: bool = True) -> Outcome:
    """Sends that many calls, an equal share to each method."""
    choose = random.Random(seed)  # noqa: S311 - no secret
    outcome = Outcome()
    every = list(methods())
    with server.channel() as channel, Progress(disable=not progress, transient=True) as bar:
        task = bar.add_task("calls", total=calls)
        for number in range(calls):
            method = every[number % len(every)]
            _call(channel, method, choose, outcome)
            bar.update(task, advance=1)
        stub: Any = health_pb2_grpc.HealthStub(channel)
        health = stub.Check(health_pb2.HealthCheckRequest())
    if health.status != health_pb2.HealthCheckResponse.SERVING:
        outcome.wrong.append("the server does not serve any more")
    outcome.log_lines = server.announced.count("\n")
    if "Traceback" in server.announced or '"level":"error"' in server.announced:
        outcome.wrong.append("the log has errors")
    return outcome


def _call(
    channel: grpc.Channel, method: MethodDescriptor, choose: random.Random, outcome: Outcome
) -> None:
    service = method.containing_service
    make = channel.unary_stream if method.server_streaming else channel.unary_unary
    stub = make(
        f"/{service.full_name}/{method.name}",
        request_serializer=lambda data: data,
        response_deserializer=lambda data: data,
    )
    body = request_bytes(method, choose)
    name, text = "OK", ""
    try:
        answer = stub(body, metadata=metadata(choose), timeout=_DEADLINE_SECONDS)
        if method.server_streaming:
            list(answer)
    except grpc.RpcError as error:
        status: Any = error
        name, text = status.code().name, status.details() or ""
    outcome.calls += 1
    outcome.codes[name] += 1
    is_internal = name == "INTERNAL" and "deserializing" not in text
    if is_internal or name in {"UNKNOWN", "DEADLINE_EXCEEDED"} or _OURS.search(text):
        outcome.wrong.append(f"{method.name}: {name} {text[:200]} for {body[:200].hex()}")


async def measure(calls: int = 20_000, seed: int = 1) -> Rows:
    """Starts a server and calls."""
    with serving() as server:
        outcome = run(server, calls, seed)
    print(dict(outcome.codes), *outcome.wrong[:20], sep="\n")  # noqa: T201
    return [
        ("fuzzing gRPC: calls", f"{calls:,}", f"{outcome.calls:,}"),
        ("fuzzing gRPC: answers that say too much or nothing", "0", str(len(outcome.wrong))),
        ("fuzzing gRPC: log lines a call", "1", f"{outcome.log_lines / outcome.calls:.2f}"),
    ]


if __name__ == "__main__":
    main(measure, __doc__, calls=20_000, seed=1)
