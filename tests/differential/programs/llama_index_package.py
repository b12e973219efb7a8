"""llama-index's `OpenAILike`, as applications use it. See `openai_package.py`."""

# The package is in an environment of its own.
# mypy: disable-error-code="import-not-found, untyped-decorator, no-any-unimported"
from __future__ import annotations

from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from scenario_run import QUESTION, Scenario, Target, run


def weather(city: str) -> str:
    """The weather in a city."""
    return f"21 °C in {city}"


WEATHER = FunctionTool.from_defaults(weather)


def asking(scenario: str) -> list[ChatMessage]:
    """The messages of a scenario."""
    return [
        ChatMessage(role="system", content="Be brief."),
        ChatMessage(role="user", content=f"{scenario}: {QUESTION}"),
    ]


def shown(response: Any) -> Any:
    """What a response says."""
    return [response.delta, response.message.model_dump(mode="json")]


async def chat(model: OpenAILike) -> Any:
    """A plain answer, sync and async."""
    return [shown(model.chat(asking("create"))), shown(await model.achat(asking("create")))]


async def stream(model: OpenAILike) -> Any:
    """Chunks, sync and async."""
    sync = [shown(response) for response in model.stream_chat(asking("stream"))]
    responses = await model.astream_chat(asking("stream"))
    return [sync, [shown(response) async for response in responses]]


async def tools(model: OpenAILike) -> Any:
    """Two calls, their results, the answer."""
    messages = asking("tools")
    first = await model.achat_with_tools([WEATHER], chat_history=messages)
    results = [
        ChatMessage(
            role="tool",
            content=str(WEATHER(**call.tool_kwargs)),
            additional_kwargs={"tool_call_id": call.tool_id},
        )
        for call in model.get_tool_calls_from_response(first)
    ]
    second = await model.achat([*messages, first.message, *results])
    return [shown(first), shown(second)]


async def rate_limited_once(model: OpenAILike) -> Any:
    """Repeated by itself."""
    return shown(await model.achat(asking("rate_limited_once")))


async def bad_request(model: OpenAILike) -> Any:
    """Raised."""
    await model.achat(asking("bad_request"))


PROGRAM: dict[str, Scenario] = {
    "create": chat,
    "stream": stream,
    "tools": tools,
    "rate limited once": rate_limited_once,
    "bad request": bad_request,
}


def connect(target: Target) -> OpenAILike:
    """The model there."""
    return OpenAILike(
        model="stand-in-1",
        api_base=target["base_url"],
        api_key=target["api_key"],
        is_chat_model=True,
        is_function_calling_model=True,
        timeout=20,
    )


run(PROGRAM, connect)
