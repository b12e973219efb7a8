"""pydantic-ai's agents, over chat completions and over responses. See `openai_package.py`."""

# The package is in an environment of its own.
# mypy: disable-error-code="import-not-found, untyped-decorator, no-any-unimported"
from __future__ import annotations

import dataclasses
from typing import Any

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from scenario_run import QUESTION, Scenario, Target, run

MODEL = "stand-in-1"


class Player(BaseModel):
    """What a structured answer is read into."""

    name: str
    instrument: str


def weather(city: str) -> str:
    """The weather in a city."""
    return f"21 °C in {city}"


def asking(scenario: str) -> str:
    """The prompt of a scenario."""
    return f"{scenario}: {QUESTION}"


def agent(provider: OpenAIProvider, **options: Any) -> Agent[None, Any]:
    """One over chat completions."""
    return Agent(OpenAIChatModel(MODEL, provider=provider), instructions="Be brief.", **options)


def shown(found: Any) -> Any:
    """An output, and what it cost."""
    return [found.output, dataclasses.asdict(found.usage)]


async def create(provider: OpenAIProvider) -> Any:
    """A plain answer, and a turn that continues it."""
    first = await agent(provider).run(asking("create"))
    second = await agent(provider).run(asking("create"), message_history=first.all_messages())
    return [shown(first), shown(second)]


async def stream(provider: OpenAIProvider) -> Any:
    """Pieces of text."""
    async with agent(provider).run_stream(asking("stream")) as found:
        pieces = [piece async for piece in found.stream_text(delta=True, debounce_by=None)]
        return [pieces, await found.get_output(), dataclasses.asdict(found.usage)]


async def tools(provider: OpenAIProvider) -> Any:
    """Two calls at once, their results, the answer."""
    return shown(await agent(provider, tools=[weather]).run(asking("tools")))


async def native_output(provider: OpenAIProvider) -> Any:
    """Into a type, by JSON schema."""
    found = await agent(provider, output_type=NativeOutput(Player)).run(asking("parsed"))
    return found.output.model_dump()


async def responses(provider: OpenAIProvider) -> Any:
    """Over the Responses API: plain, streamed, with tools."""
    model = OpenAIResponsesModel(MODEL, provider=provider)
    plain = await Agent(model).run(asking("create"))
    with_tools = await Agent(model, tools=[weather]).run(asking("tools"))
    async with Agent(model).run_stream(asking("stream")) as found:
        streamed = await found.get_output()
    return [shown(plain), shown(with_tools), streamed]


async def rate_limited_once(provider: OpenAIProvider) -> Any:
    """Repeated by itself."""
    return shown(await agent(provider).run(asking("rate_limited_once")))


async def bad_request(provider: OpenAIProvider) -> Any:
    """Raised."""
    await agent(provider).run(asking("bad_request"))


PROGRAM: dict[str, Scenario] = {
    "create": create,
    "stream": stream,
    "tools": tools,
    "parse": native_output,
    "responses": responses,
    "rate limited once": rate_limited_once,
    "bad request": bad_request,
}


def connect(target: Target) -> OpenAIProvider:
    """What its models ask."""
    return OpenAIProvider(**target)


run(PROGRAM, connect)
