"""Issue 4: conversations are recognised without ids. Never wrongly, and hardly ever missed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.chat_clients import CLIENTS, UNCERTAIN_CLIENTS, Client, Message
from tests.unit.conversation_simulation import Exchange, Filed, Tally, simulate, table
from tests.unit.reference_memory import ReferenceMemory


def _show(tallies: dict[str, Tally], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print("\n\n" + table(tallies))  # noqa: T201 - issue 4 asks for the table in the output


async def test_hundreds_of_conversations_are_told_apart_and_found_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tallies = await simulate(ReferenceMemory(), CLIENTS, seed=4)
    _show(tallies, capsys)
    assert sum(tally.follow_ups for tally in tallies.values()) > 2000
    for kind, tally in tallies.items():
        assert tally.precision == 1.0, kind
        assert tally.wrong == 0, kind
        assert tally.copies == 0, kind
        assert tally.recall >= 0.98, kind


async def test_where_content_cannot_tell_conversations_apart_none_are_mixed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tallies = await simulate(ReferenceMemory(), UNCERTAIN_CLIENTS, seed=4)
    _show(tallies, capsys)
    assert {kind: tally.wrong for kind, tally in tallies.items()} == dict.fromkeys(tallies, 0)


_rates = st.sampled_from((0.0, 0.0, 0.4))
_habits = st.fixed_dictionaries(
    {
        "edit_rate": _rates,
        "regenerate_rate": _rates,
        "retry_rate": _rates,
        "stop_rate": _rates,
        "instruct": st.sampled_from([client.instruct for client in CLIENTS if not client.examples]),
        "examples": st.sampled_from([client.examples for client in CLIENTS]),
    }
)


@st.composite
def _mixtures(draw: st.DrawFn) -> list[Client]:
    """Clients with habits that no client of the list has together."""
    kinds = draw(st.lists(st.sampled_from(CLIENTS), min_size=3, max_size=6, unique_by=id))
    habits: list[dict[str, Any]] = [draw(_habits) for _ in kinds]
    return [
        replace(client, conversations=8, **habit)
        for client, habit in zip(kinds, habits, strict=True)
    ]


@given(_mixtures(), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None, derandomize=True)
def test_no_mixture_of_habits_mixes_conversations(clients: list[Client], seed: int) -> None:
    tallies = asyncio.run(simulate(ReferenceMemory(), clients, seed))
    assert {kind: tally.wrong for kind, tally in tallies.items()} == dict.fromkeys(tallies, 0)


class _OneDialogue(ReferenceMemory):
    """Takes every request of a namespace for the same conversation."""

    async def chat(self, exchange: Exchange) -> Filed:
        await super().chat(exchange)
        return Filed("0", is_new=False)


class _NewDialogues(ReferenceMemory):
    """Takes every request for a new conversation."""

    async def chat(self, exchange: Exchange) -> Filed:
        return await super().chat(replace(exchange, messages=_as_first_request(exchange.messages)))


def _as_first_request(messages: Sequence[Message]) -> Sequence[Message]:
    return [{**message, "role": "user"} for message in messages]


async def test_the_simulation_notices_wrong_merges() -> None:
    tallies = await simulate(_OneDialogue(), CLIENTS[:1], seed=4)
    assert tallies[CLIENTS[0].kind].wrong > 10


async def test_the_simulation_notices_second_copies_and_missed_dialogues() -> None:
    tallies = await simulate(_NewDialogues(), CLIENTS[:1], seed=4)
    assert tallies[CLIENTS[0].kind].right == 0
    assert tallies[CLIENTS[0].kind].copies > 10
