"""langchain-openai's `ChatOpenAI`, as applications use it. See `openai_package.py`."""

# The package is in an environment of its own.
# mypy: disable-error-code="import-not-found, untyped-decorator, no-any-unimported"
from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel
from scenario_run import QUESTION, Scenario, Target, run


class Player(BaseModel):
    """What a structured answer is read into."""

    name: str
    instrument: str


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"21 °C in {city}"


def asking(scenario: str) -> list[Any]:
    """The messages of a scenario."""
    return [SystemMessage("Be brief."), HumanMessage(f"{scenario}: {QUESTION}")]


def shown(message: AIMessage) -> Any:
    """A message without the ids that langchain makes up."""
    return message.model_dump(exclude={"id"})


async def invoke(model: ChatOpenAI) -> Any:
    """A plain answer."""
    return shown(await model.ainvoke(asking("create"))) | {
        "sync": model.invoke(asking("create")).text
    }


async def stream(model: ChatOpenAI) -> Any:
    """Chunks, sync and async, with usage where it is asked for."""
    chunks = [shown(chunk) async for chunk in model.astream(asking("stream"), stream_usage=True)]
    return [chunks, [shown(chunk) for chunk in model.stream(asking("stream"))]]


async def bind_tools(model: ChatOpenAI) -> Any:
    """A tool loop, plain and then streamed."""
    bound = model.bind_tools([weather])
    messages = asking("tools")
    called = await bound.ainvoke(messages)
    results = [
        ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
        for call in called.tool_calls
    ]
    answered = await bound.ainvoke([*messages, called, *results])
    streamed = [shown(chunk) async for chunk in bound.astream(asking("stream_tools"))]
    return [shown(called), shown(answered), streamed]


async def structured_output(model: ChatOpenAI) -> Any:
    """Into a type, by JSON schema."""
    player = await model.with_structured_output(Player).ainvoke(asking("parsed"))
    assert isinstance(player, Player)
    return player.model_dump()


async def responses(model: ChatOpenAI) -> Any:
    """Over the Responses API, plain and streamed."""
    over_responses = model.model_copy(update={"use_responses_api": True})
    whole = shown(await over_responses.ainvoke(asking("create")))
    return [whole, [shown(chunk) async for chunk in over_responses.astream(asking("stream"))]]


async def parts(model: ChatOpenAI) -> Any:
    """Text and an image."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    content = [{"type": "text", "text": f"peculiar: {QUESTION}"}, image]
    return shown(await model.ainvoke([HumanMessage(content)]))


async def rate_limited_once(model: ChatOpenAI) -> Any:
    """Repeated by itself."""
    return shown(await model.ainvoke(asking("rate_limited_once")))


async def bad_request(model: ChatOpenAI) -> Any:
    """Raised."""
    await model.ainvoke(asking("bad_request"))


async def stream_that_breaks(model: ChatOpenAI) -> Any:
    """Raised in the middle."""
    return [shown(chunk) async for chunk in model.astream(asking("stream_breaks"))]


PROGRAM: dict[str, Scenario] = {
    "create": invoke,
    "stream": stream,
    "tools": bind_tools,
    "parse": structured_output,
    "responses": responses,
    "peculiar": parts,
    "rate limited once": rate_limited_once,
    "bad request": bad_request,
    "stream that breaks": stream_that_breaks,
}


def connect(target: Target) -> ChatOpenAI:
    """The model there."""
    return ChatOpenAI(model="stand-in-1", timeout=20, **target)


run(PROGRAM, connect)
