"""OpenAI's agents, over responses (their default) and chat completions. See `openai_package.py`."""

# The package is in an environment of its own.
# mypy: disable-error-code="import-not-found, untyped-decorator, no-any-unimported"
from __future__ import annotations

import sys
from typing import Any

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from pydantic import BaseModel
from scenario_run import QUESTION, Scenario, Target, run

MODEL = "stand-in-1"


class Player(BaseModel):
    """What a structured answer is read into."""

    name: str
    instrument: str


@function_tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"21 °C in {city}"


def asking(scenario: str) -> str:
    """The input of a scenario."""
    return f"{scenario}: {QUESTION}"


def agent(model: Any, **options: Any) -> Agent[Any]:
    """One that asks this model."""
    return Agent(name="Assistant", instructions="Be brief.", model=model, **options)


def shown(found: Any) -> Any:
    """What a run gave, item by item."""
    return [item.to_input_item() for item in found.new_items]


async def create(model: Any) -> Any:
    """A plain answer, and a turn that resends it."""
    first = await Runner.run(agent(model), asking("create"))
    more = [*first.to_input_list(), {"role": "user", "content": asking("create")}]
    return [shown(first), shown(await Runner.run(agent(model), more))]


async def stream(model: Any) -> Any:
    """Every event of the model's."""
    found = Runner.run_streamed(agent(model), asking("stream"))
    raw = [
        event.data async for event in found.stream_events() if event.type == "raw_response_event"
    ]
    return [[event.type for event in raw], found.final_output]


async def tools(model: Any) -> Any:
    """Two calls at once, their results, the answer."""
    return shown(await Runner.run(agent(model, tools=[weather]), asking("tools")))


async def output_type(model: Any) -> Any:
    """Into a type, by JSON schema."""
    found = await Runner.run(agent(model, output_type=Player), asking("parsed"))
    return found.final_output.model_dump()


async def rate_limited_once(model: Any) -> Any:
    """Repeated by itself."""
    return shown(await Runner.run(agent(model), asking("rate_limited_once")))


async def bad_request(model: Any) -> Any:
    """Raised."""
    await Runner.run(agent(model), asking("bad_request"))


PROGRAM: dict[str, Scenario] = {
    "create": create,
    "stream": stream,
    "tools": tools,
    "parse": output_type,
    "rate limited once": rate_limited_once,
    "bad request": bad_request,
}


def connect(target: Target) -> Any:
    """The model there, over the API that the only argument names: `responses` or `chats`."""
    kind = {"responses": OpenAIResponsesModel, "chats": OpenAIChatCompletionsModel}[sys.argv[1]]
    return kind(MODEL, openai_client=AsyncOpenAI(timeout=20, **target))


set_tracing_disabled(True)
run(PROGRAM, connect)
