"""The `openai` package for Python, 2.x or 3.x, sync or async: everything it offers for a chat.

Run by the tests in an environment of its own: reads targets from standard input, does the same
with each, prints what the package gave to the application. One text serves both clients: what the
async one awaits and the sync one simply has is taken by `result` and `each`.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import openai
from pydantic import BaseModel
from scenario_run import QUESTION, Scenario, Target, result, run

MODEL = "stand-in-1"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class Player(BaseModel):
    """What a structured answer is read into."""

    name: str
    instrument: str


async def each(stream: Any) -> AsyncIterator[Any]:
    """The items of a stream, of either client."""
    stream = await result(stream)
    if hasattr(stream, "__aiter__"):
        async for item in stream:
            yield item
    else:
        for item in stream:
            yield item


async def entered(stack: AsyncExitStack, manager: Any) -> Any:
    """A context manager of either client, left with the stack."""
    if isinstance(manager, AbstractAsyncContextManager) or hasattr(manager, "__aenter__"):
        return await stack.enter_async_context(manager)
    return stack.enter_context(manager)


def asking(scenario: str, *, system: bool = False) -> list[dict[str, Any]]:
    """The messages of a scenario."""
    question = {"role": "user", "content": f"{scenario}: {QUESTION}"}
    return [{"role": "system", "content": "Be brief."}, question] if system else [question]


async def create(client: Any) -> Any:
    """A plain answer, whole, with what the package does not know."""
    answer = await result(
        client.chat.completions.create(
            model=MODEL,
            messages=asking("create", system=True),
            temperature=0.1,
            seed=9007199254740993,
            logit_bias={"50256": -100},
            metadata={"trace": "t-1"},
            user="user-1",
            extra_body={"x_unknown": {"z": 1, "a": [1.0, None]}, "service_tier": None},
        )
    )
    return answer.model_dump()


async def peculiar(client: Any) -> Any:
    """Audio, log probabilities, reasoning and fields nobody documents, with parts of content."""
    parts = [
        {"type": "text", "text": f"peculiar: {QUESTION}"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    ]
    answer = await result(
        client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": parts}],
            modalities=["text", "audio"],
            audio={"voice": "alloy", "format": "wav"},
            logprobs=True,
        )
    )
    return answer.model_dump()


async def stream(client: Any) -> Any:
    """Chunks, with the usage at the end."""
    chunks = client.chat.completions.create(
        model=MODEL,
        messages=asking("stream"),
        stream=True,
        stream_options={"include_usage": True},
    )
    return [chunk.model_dump() async for chunk in each(chunks)]


async def stream_without_usage(client: Any) -> Any:
    """Chunks, and nothing that was not asked for."""
    chunks = client.chat.completions.create(model=MODEL, messages=asking("plain"), stream=True)
    return [chunk.model_dump() async for chunk in each(chunks)]


async def stream_of_azure(client: Any) -> Any:
    """Azure begins with a chunk without choices."""
    chunks = client.chat.completions.create(model=MODEL, messages=asking("azure"), stream=True)
    return [chunk.model_dump() async for chunk in each(chunks)]


async def helper(client: Any, scenario: str = "stream", **options: Any) -> Any:
    """`.stream()`: events, and the answer put together."""
    async with AsyncExitStack() as stack:
        events = await entered(
            stack,
            client.chat.completions.stream(model=MODEL, messages=asking(scenario), **options),
        )
        seen = [event.type async for event in each(events)]
        final = await result(events.get_final_completion())
    return [seen, final.model_dump()]


async def helper_with_tools(client: Any) -> Any:
    """`.stream()` over two tool calls at once."""
    return await helper(client, "stream_tools", tools=[WEATHER])


async def helper_with_a_type(client: Any) -> Any:
    """`.stream()` into a type."""
    return await helper(client, "parsed", response_format=Player)


async def parse(client: Any) -> Any:
    """`.parse()` into a type."""
    answer = await result(
        client.chat.completions.parse(
            model=MODEL, messages=asking("parsed"), response_format=Player
        )
    )
    return answer.model_dump()


async def parse_what_was_cut(client: Any) -> Any:
    """`.parse()` of an answer that ends too early raises."""
    await result(
        client.chat.completions.parse(model=MODEL, messages=asking("cut"), response_format=Player)
    )


async def parse_a_refusal(client: Any) -> Any:
    """`.parse()` of a refusal."""
    answer = await result(
        client.chat.completions.parse(
            model=MODEL, messages=asking("refused"), response_format=Player
        )
    )
    return answer.model_dump()


async def stream_of_a_refusal(client: Any) -> Any:
    """`.stream()` of a refusal."""
    return await helper(client, "refused")


async def raw(client: Any) -> Any:
    """`with_raw_response`: headers and body."""
    response = await result(
        client.chat.completions.with_raw_response.create(model=MODEL, messages=asking("raw"))
    )
    names = ("openai-processing-ms", "openai-version", "x-ratelimit-remaining-requests")
    answer = await result(response.parse())
    return [{name: response.headers.get(name) for name in names}, answer.model_dump()]


async def streaming_response(client: Any) -> Any:
    """`with_streaming_response`: the lines as they are."""
    async with AsyncExitStack() as stack:
        response = await entered(
            stack,
            client.chat.completions.with_streaming_response.create(
                model=MODEL, messages=asking("lines"), stream=True
            ),
        )
        lines = response.iter_lines()
        return [response.headers["content-type"], [line async for line in each(lines)]]


async def tools(client: Any) -> Any:
    """Two calls at once, their results, the answer."""
    messages: list[Any] = asking("tools", system=True)
    first = await result(
        client.chat.completions.create(
            model=MODEL, messages=messages, tools=[WEATHER], parallel_tool_calls=True
        )
    )
    said = first.choices[0].message
    messages.append(said.model_dump(exclude_none=True))
    messages += [
        {"role": "tool", "tool_call_id": call.id, "content": "21 °C"} for call in said.tool_calls
    ]
    second = await result(
        client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    )
    return [first.model_dump(), second.model_dump()]


async def several(client: Any) -> Any:
    """`n=2`, whole and streamed."""
    whole = await result(
        client.chat.completions.create(model=MODEL, messages=asking("several"), n=2)
    )
    chunks = client.chat.completions.create(
        model=MODEL, messages=asking("several"), n=2, stream=True
    )
    return [whole.model_dump(), [chunk.model_dump() async for chunk in each(chunks)]]


async def stream_that_breaks(client: Any) -> Any:
    """An error in the middle of a stream."""
    chunks = client.chat.completions.create(
        model=MODEL, messages=asking("stream_breaks"), stream=True
    )
    return [chunk.model_dump() async for chunk in each(chunks)]


async def stream_that_is_left(client: Any) -> Any:
    """The application stops reading."""
    chunks = await result(
        client.chat.completions.create(model=MODEL, messages=asking("stream_stalls"), stream=True)
    )
    first = await anext(aiter(each(chunks)))
    await result(chunks.close())
    return first.model_dump()


async def models(client: Any) -> Any:
    """The list, and one of it."""
    listed = [model.model_dump() async for model in each(client.models.list())]
    return [listed, (await result(client.models.retrieve(MODEL))).model_dump()]


async def responses(client: Any) -> Any:
    """The Responses API: whole, in events, and continued by the id."""
    first = await result(
        client.responses.create(model=MODEL, input=asking("create"), instructions="Be brief.")
    )
    events = client.responses.create(model=MODEL, input=asking("stream"), stream=True)
    seen = [event.model_dump() async for event in each(events)]
    more = await result(
        client.responses.create(
            model=MODEL, input=asking("create"), previous_response_id=first.id, store=True
        )
    )
    return [first.model_dump(), seen, more.model_dump()]


async def response_helpers(client: Any) -> Any:
    """`.stream()` and `.parse()` of the Responses API."""
    async with AsyncExitStack() as stack:
        events = await entered(stack, client.responses.stream(model=MODEL, input=asking("stream")))
        seen = [event.type async for event in each(events)]
        final = await result(events.get_final_response())
    parsed = await result(
        client.responses.parse(model=MODEL, input=asking("parsed"), text_format=Player)
    )
    return [seen, final.model_dump(), parsed.model_dump()]


async def response_tools(client: Any) -> Any:
    """A tool loop of the Responses API, resent item by item."""
    function = {**WEATHER["function"], "type": "function"}  # type: ignore[dict-item]
    items: list[Any] = asking("tools")
    first = await result(client.responses.create(model=MODEL, input=items, tools=[function]))
    items += [item.model_dump(exclude_none=True) for item in first.output]
    items += [
        {"type": "function_call_output", "call_id": item.call_id, "output": "21 °C"}
        for item in first.output
    ]
    second = await result(client.responses.create(model=MODEL, input=items, tools=[function]))
    return [first.model_dump(), second.model_dump()]


async def embeddings(client: Any) -> Any:
    """Vectors, which the package asks for as base64."""
    answer = await result(client.embeddings.create(model=MODEL, input=["a", "b"]))
    return answer.model_dump()


def failing(scenario: str, **options: Any) -> Scenario:
    """A plain request that the stand-in refuses, at least at first."""

    async def ask(client: Any) -> Any:
        answer = await result(
            client.with_options(**options).chat.completions.create(
                model=MODEL, messages=asking(scenario)
            )
        )
        return answer.model_dump()

    return ask


PROGRAM: dict[str, Scenario] = {
    "create": create,
    "peculiar": peculiar,
    "stream": stream,
    "stream without usage": stream_without_usage,
    "stream of azure": stream_of_azure,
    "helper": helper,
    "helper with tools": helper_with_tools,
    "helper with a type": helper_with_a_type,
    "parse": parse,
    "parse what was cut": parse_what_was_cut,
    "parse a refusal": parse_a_refusal,
    "stream of a refusal": stream_of_a_refusal,
    "raw": raw,
    "streaming response": streaming_response,
    "tools": tools,
    "several": several,
    "stream that breaks": stream_that_breaks,
    "stream that is left": stream_that_is_left,
    "models": models,
    "responses": responses,
    "response helpers": response_helpers,
    "response tools": response_tools,
    "embeddings": embeddings,
    "bad request": failing("bad_request"),
    "no such model": failing("no_such_model"),
    "conflict": failing("conflict"),
    "unprocessable": failing("unprocessable"),
    "rate limited": failing("rate_limited"),
    "rate limited once": failing("rate_limited_once"),
    "broken": failing("broken"),
    "busy once": failing("busy_once"),
    "no retries": failing("rate_limited", max_retries=0),
    "silent": failing("silent", timeout=0.4, max_retries=1),
}


def connect(target: Target) -> Any:
    """The client that the only argument names: `sync` or `async`."""
    make = {"sync": openai.OpenAI, "async": openai.AsyncOpenAI}[sys.argv[1]]
    return make(timeout=20, **target)


run(PROGRAM, connect)
