"""What the programs for Python share: every scenario against every target, and its outcome.

Imports nothing but the standard library, since it runs in each client's own environment.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

#: What the programs ask about; the tests' memory has something to say to it.
QUESTION = "Which instrument does my sister Ada play?"

#: `base_url` and `api_key`.
Target = dict[str, str]
Scenario = Callable[[Any], Any]

_TELLING = ("status_code", "code", "param", "type", "message", "body")


async def result(value: Any) -> Any:
    """What a call gives, of an async client or of a sync one."""
    return await value if inspect.isawaitable(value) else value


def run(program: Mapping[str, Scenario], connect: Callable[[Target], Any]) -> None:
    """Reads targets from standard input and prints, for each, the outcomes by scenario."""
    asyncio.run(_run(program, connect))


async def _run(program: Mapping[str, Scenario], connect: Callable[[Target], Any]) -> None:
    outcomes = [
        {name: await _outcome(scenario, client) for name, scenario in program.items()}
        for client in map(connect, json.load(sys.stdin))
    ]
    json.dump(outcomes, sys.stdout)


async def _outcome(scenario: Scenario, client: Any) -> Any:
    """What the application gets, or as much of an exception as it can tell."""
    try:
        return await result(scenario(client))
    except Exception as error:  # noqa: BLE001 - whatever an application would see
        told = {name: getattr(error, name, None) for name in _TELLING}
        return {"raised": type(error).__name__, "text": str(error), **told}
