"""Chats: what memory adds to them, how many there are a second, and how both grow.

Every chat has memory on: whose conversation, recall over 100,000 stored messages, notes, the
upstream, the exchange stored. The other sides go to the same upstream: the load itself, without
anything between; and the LiteLLM proxy, which forwards and remembers nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import mean, median

from benchmarks.figures import (
    Basis,
    Curve,
    Figure,
    Goal,
    Line,
    Outcome,
    Row,
    beside,
    percentile,
    take_turns,
)
from benchmarks.peers import LITELLM_KEY, litellm_proxy
from benchmarks.processes import Failed
from benchmarks.programs.chat_load import ChatOrder, ChatReport, chat
from benchmarks.stage import Stage
from tests.differential.environments import Missing
from tests.fixtures.server import KEY, ServerProcess

DIRECT, OURS, LITELLM = "the upstream directly", "ours", "LiteLLM proxy"

Side = Callable[..., ChatReport]


def added(stage: Stage) -> Outcome:
    """What a chat through us takes longer than one without us, one caller at a time."""
    plan = stage.plan
    with stage.remembering() as server:
        sides = _sides(stage, server)
        rows: list[Row] = []
        for what, stream in (("chat, whole answer", False), ("chat, first token", True)):
            stage.say(what)
            reports = _turns(stage, sides, callers=1, stream=stream)
            rows += _latency(what, reports)
        lines: dict[str, list[tuple[float, Figure]]] = {name: [] for name in sides}
        for messages in plan.dialogue_messages:
            stage.say(f"conversations of {messages} messages")
            reports = _turns(stage, sides, callers=1, dialogue_messages=messages)
            for name, every in reports.items():
                p50 = Figure.of(median(report.milliseconds) for report in every)
                lines[name].append((messages, p50))
    curve = Curve(
        "dialogue-length",
        "A chat in a conversation that is sent again whole",
        "messages of the conversation",
        "p50, ms",
        _lines(lines),
    )
    return Outcome(tuple(rows), (curve,))


def throughput(stage: Stage) -> Outcome:
    """Chats a second, beside the LiteLLM proxy; both with one worker."""
    plan = stage.plan
    skipped: list[str] = []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(stage.remembering())
        sides = dict(_sides(stage, server))
        stage.say("LiteLLM, which the first run installs")
        try:
            url = stack.enter_context(litellm_proxy(stage.upstream))
        except Missing as missing:
            skipped.append(f"beside LiteLLM: {missing}")
        else:
            sides[LITELLM] = partial(_chat, stage, f"{url}/chat/completions", LITELLM_KEY)
        rates: dict[str, list[tuple[float, Figure]]] = {name: [] for name in sides}
        times: dict[str, list[tuple[float, Figure]]] = {name: [] for name in sides}
        rows: list[Row] = []
        for callers in plan.callers:
            stage.say(f"{callers} callers at once")
            reports = _turns(stage, sides, callers=callers)
            for name, every in reports.items():
                rates[name].append((callers, Figure.of(report.rate for report in every)))
                p50 = Figure.of(median(report.milliseconds) for report in every)
                times[name].append((callers, p50))
            if LITELLM in reports and callers in {1, plan.many_callers}:
                rows += _beside_litellm(callers, callers == plan.many_callers, reports)
    curves = (
        Curve("callers-rate", "Chats by callers", "callers at once", "chats/s", _lines(rates)),
        Curve("callers-p50", "A chat by callers", "callers at once", "p50, ms", _lines(times)),
    )
    return Outcome(tuple(rows), curves, tuple(skipped))


def _sides(stage: Stage, server: ServerProcess) -> Mapping[str, Side]:
    ours = f"{server.http}/v1/memory/chat/completions"
    return {
        DIRECT: partial(_chat, stage, f"{stage.upstream}/chat/completions", "none"),
        OURS: partial(_chat, stage, ours, KEY),
    }


def _chat(stage: Stage, url: str, api_key: str, **order: object) -> ChatReport:
    report = chat(
        ChatOrder(url, api_key, stage.asks(), seconds=stage.plan.seconds, **order)  # type: ignore[arg-type]
    )
    if report.errors:
        raise Failed(f"{len(report.errors)} chats failed, the first: {report.errors[0]}")
    return report


def _turns(stage: Stage, sides: Mapping[str, Side], **order: object) -> dict[str, list[ChatReport]]:
    orders = {name: partial(side, **order) for name, side in sides.items()}
    return take_turns(orders, stage.plan.rounds)


def _latency(what: str, reports: Mapping[str, Sequence[ChatReport]]) -> list[Row]:
    goal = Goal(3.0, is_floor=False, basis=Basis.ADDED)
    is_first = "first" in what
    notes = mean(report.notes / len(report.chats) for report in reports[OURS])
    rows = []
    for percent in (50, 99):
        ours, direct = (
            [
                percentile(report.first_milliseconds if is_first else report.milliseconds, percent)
                for report in reports[name]
            ]
            for name in (OURS, DIRECT)
        )
        row = beside(
            f"{what}, 1 caller, p{percent}",
            "ms",
            ours,
            DIRECT,
            direct,
            goal=goal if percent == 50 else None,
            adds=True,
            note=f"{notes:.1f} notes a chat",
        )
        rows.append(row)
    return rows


def _beside_litellm(
    callers: int, is_goal: bool, reports: Mapping[str, Sequence[ChatReport]]
) -> list[Row]:
    share = median(report.load_share for report in reports[OURS])
    direct = median(report.rate for report in reports[DIRECT])
    return [
        beside(
            f"chats, {callers} caller{'s' if callers > 1 else ''}",
            "/s",
            [report.rate for report in reports[OURS]],
            LITELLM,
            [report.rate for report in reports[LITELLM]],
            goal=Goal(4.0, is_floor=True, basis=Basis.RATIO) if is_goal else None,
            note=f"the upstream directly {direct:,.0f}/s; the load used {share:.0%} of a core",
        )
    ]


def _lines(points: Mapping[str, Sequence[tuple[float, Figure]]]) -> tuple[Line, ...]:
    return tuple(Line(name, tuple(found)) for name, found in points.items())
