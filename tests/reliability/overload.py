"""Overload: what can be served is served, the rest is refused at once, and then all is as before.

    python -m tests.reliability.overload [--seconds 60] [--seed 0]

The ceiling is found with closed loops. Then four times as much is offered, by processes of their
own, and afterwards a fifth, until answers are as quick as they were. Everything, the load and the
database too, shares the machine's cores: what four times the ceiling costs to offer is taken from
what can be served.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tests.fixtures.server import ServerProcess, serving
from tests.fixtures.upstream import Pause, ReceivedRequest, Reply, Upstream, default_reply
from tests.reliability.figures import Rows, main, percentile
from tests.reliability.load import Order, Report, fill

_ROOT = Path(__file__).parents[2]

CLOSED_LOOPS = (8, 32)
CHAT_LOOPS = (100, 200)
OVERLOAD = 4.0
#: What a model takes to answer.
UPSTREAM_SECONDS = 0.2
_WINDOW_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """One phase: every call that was made."""

    seconds: float
    report: Report

    @property
    def goodput(self) -> float:
        """Answers a second until the last had come: a backlog that is served later is none."""
        last = max((at + took / 1000 for at, took in self.report.answered), default=0.0)
        return len(self.report.answered) / max(self.seconds, last)

    @property
    def offered(self) -> float:
        """Calls a second, whatever came of them."""
        report = self.report
        wrong = sum(report.wrong.values())
        return (len(report.answered) + len(report.refused) + wrong) / self.seconds

    @property
    def dropped(self) -> int:
        """Calls that the server's gRPC library took from its own line (`_MAX_PENDING_CALLS`)."""
        wrong = self.report.wrong
        return sum(count for what, count in wrong.items() if "CANCELLED" in what)

    def answered_ms(self, share: float) -> float:
        return percentile([took for _, took in self.report.answered], share)

    def refused_ms(self, share: float) -> float:
        return percentile([took for _, took in self.report.refused], share)


async def run_load(order: Order, processes: int = 1) -> Outcome:
    """Makes the load in so many processes, which share it."""
    shared = replace(
        order,
        calls_per_second=order.calls_per_second / processes,
        callers=order.callers // processes,
    )
    reports = await asyncio.gather(
        *(_in_process(replace(shared, seed=order.seed * 100 + n)) for n in range(processes))
    )
    whole = Report()
    for report in reports:
        whole.answered += report.answered
        whole.refused += report.refused
        for what, count in report.wrong.items():
            whole.wrong[what] = whole.wrong.get(what, 0) + count
        whole.degraded += report.degraded
        whole.unsent += report.unsent
        whole.late += report.late
    return Outcome(order.seconds, whole)


async def _in_process(order: Order) -> Report:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.reliability.load",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=_ROOT,
    )  # fmt: skip
    written, _ = await process.communicate(json.dumps(asdict(order)).encode())
    if process.returncode:
        raise AssertionError("the load broke off")
    return Report(**json.loads(written))


def seconds_until_normal(outcome: Outcome, normal_ms: float) -> float:
    """From when on no window has a refusal or a p99 over three times the normal one."""
    windows: dict[int, list[float]] = {}
    for at, took in outcome.report.answered:
        windows.setdefault(int(at / _WINDOW_SECONDS), []).append(took)
    bad = {int(at / _WINDOW_SECONDS) for at, _ in outcome.report.refused}
    bad |= {number for number, times in windows.items() if percentile(times, 0.99) > 3 * normal_ms}
    return (max(bad) + 1) * _WINDOW_SECONDS if bad else 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """The four phases."""

    unloaded: Outcome
    ceiling: Outcome
    overload: Outcome
    after: Outcome

    def rows(self, subject: str) -> Rows:
        normal = self.unloaded.answered_ms(0.99)
        over = self.overload
        return [
            (f"{subject}: ceiling, answers a second", "", f"{self.ceiling.goodput:.0f}"),
            (
                f"{subject}: offered, calls a second",
                f"{OVERLOAD:.0f}x the ceiling",
                f"{over.offered:.0f} ({over.offered / self.ceiling.goodput:.1f}x)",
            ),
            (
                f"{subject}: the load's own delay, p50 / p99",
                "",
                " / ".join(f"{percentile(over.report.late, share):.1f}" for share in (0.5, 0.99))
                + " ms",
            ),
            (
                f"{subject}: goodput of the ceiling under overload",
                ">= 80 %",
                f"{over.goodput / self.ceiling.goodput:.0%}",
            ),
            (
                f"{subject}: refusals, p50 / p99",
                "< 50 ms",
                f"{over.refused_ms(0.5):.1f} / {over.refused_ms(0.99):.1f} ms",
            ),
            (
                f"{subject}: answers p99, alone / at the ceiling / overloaded",
                "",
                " / ".join(
                    f"{each.answered_ms(0.99):.1f}" for each in (self.unloaded, self.ceiling, over)
                )
                + " ms",
            ),
            (
                f"{subject}: dropped by the gRPC library, without a reason",
                "0",
                str(over.dropped),
            ),
            (
                f"{subject}: any other failure",
                "0",
                str(sum(over.report.wrong.values()) - over.dropped),
            ),
            (f"{subject}: not offered, too many unanswered", "0", str(over.report.unsent)),
            (
                f"{subject}: normal again after",
                "<= 5 s",
                f"{seconds_until_normal(self.after, normal):.1f} s",
            ),
        ]


async def overload(address: str, kind: str, seconds: float, seed: int) -> Run:
    """Finds the ceiling, goes over it and comes back."""
    order = Order(address, seconds / 6, seed, kind)
    loops = CHAT_LOOPS if kind == "chats" else CLOSED_LOOPS
    unloaded = await run_load(replace(order, callers=1))
    found = [await run_load(replace(order, callers=each)) for each in loops]
    ceiling = max(found, key=lambda each: each.goodput)
    over = replace(order, seconds=seconds, calls_per_second=OVERLOAD * ceiling.goodput)
    overloaded = await run_load(over, processes=2)
    after = await run_load(
        replace(order, seconds=max(5.0, seconds / 6), calls_per_second=ceiling.goodput / 5)
    )
    return Run(unloaded, ceiling, overloaded, after)


@contextlib.contextmanager
def server_with_slow_model(settings: Mapping[str, str] | None = None) -> Iterator[ServerProcess]:
    """A server whose model answers after `UPSTREAM_SECONDS`."""

    def slowly(request: ReceivedRequest) -> Reply:
        return replace(default_reply(request), before=(Pause(UPSTREAM_SECONDS),))

    with Upstream(slowly) as upstream:
        environment = {
            "EUNOE_UPSTREAM_BASE_URL": upstream.base_url,
            "EUNOE_UPSTREAM_API_KEY": "stand-in",
            "EUNOE_SERVER__LOG_LEVEL": "warning",
            **(settings or {}),
        }
        with serving(environment) as server:
            yield server


async def measure(seconds: float = 60.0, seed: int = 0) -> Rows:
    """Reading, writing and searching, and chats, with what that did to their memory."""
    with server_with_slow_model() as server:
        await fill(server.grpc)
        memories = await overload(server.grpc, "memories", seconds, seed)
        over_http = await overload(server.http, "memories", seconds, seed)
        chats = await overload(server.grpc, "chats", seconds, seed)
    return [
        *memories.rows("memories"),
        *over_http.rows("memories over HTTP"),
        *chats.rows("chats"),
        ("chats: answered without memory", "0", str(chats.overload.report.degraded)),
    ]


if __name__ == "__main__":
    main(measure, __doc__, seconds=60.0, seed=0)
