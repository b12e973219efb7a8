"""What a second server process gives on the cores that Postgres and the load use as well."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median

from benchmarks.figures import Outcome, Row, beside, take_turns
from benchmarks.processes import Failed
from benchmarks.programs.call_load import Call, CallOrder, CallReport, call
from benchmarks.programs.chat_load import ChatOrder, ChatReport, chat
from benchmarks.stage import Stage
from tests.fixtures.server import KEY

ONE, TWO = "1 worker", "2 workers"


def workers(stage: Stage) -> Outcome:
    """Chats and searches a second, with one worker and with two."""
    sides: dict[str, Callable[[], tuple[ChatReport, CallReport]]] = {
        name: partial(_with, stage, count) for name, count in ((ONE, 1), (TWO, 2))
    }
    reports = take_turns(sides, stage.plan.rounds)
    chats = {name: [one for one, _ in every] for name, every in reports.items()}
    found = {name: [other for _, other in every] for name, every in reports.items()}
    return Outcome((_row("chats", stage, chats), _row("searches", stage, found)))


def _with(stage: Stage, count: int) -> tuple[ChatReport, CallReport]:
    plan = stage.plan
    stage.say(f"{count} worker{'s' if count > 1 else ''}")
    with stage.remembering(EUNOE_SERVER__WORKERS=str(count)) as server:
        chats = chat(
            ChatOrder(
                f"{server.http}/v1/memory/chat/completions", KEY, stage.asks(),
                plan.many_callers, plan.seconds,
            )
        )  # fmt: skip
        if chats.errors:
            raise Failed(chats.errors[0])
        searches = call(
            CallOrder(
                Call.SEARCH, server.grpc, KEY, stage.asks(), plan.many_callers, plan.seconds,
                object="message",
            )
        )  # fmt: skip
    return chats, searches


def _row(
    what: str, stage: Stage, reports: dict[str, list[ChatReport]] | dict[str, list[CallReport]]
) -> Row:
    shares = [report.load_share for every in reports.values() for report in every]
    return beside(
        f"{what}, {TWO}, {stage.plan.many_callers} callers",
        "/s",
        [report.rate for report in reports[TWO]],
        ONE,
        [report.rate for report in reports[ONE]],
        note=f"the load used {median(shares):.0%} of a core",
    )
