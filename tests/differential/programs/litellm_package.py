"""litellm as a client: its `openai/` route to any compatible endpoint. See `openai_package.py`."""

# The package is in an environment of its own.
# mypy: disable-error-code="import-not-found, untyped-decorator, no-any-unimported"
from __future__ import annotations

from typing import Any

import litellm
from scenario_run import QUESTION, Scenario, Target, run

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def options(target: Target, scenario: str, **more: Any) -> dict[str, Any]:
    """What is said with every call."""
    return {
        "model": "openai/stand-in-1",
        "api_base": target["base_url"],
        "api_key": target["api_key"],
        "messages": [{"role": "user", "content": f"{scenario}: {QUESTION}"}],
        "timeout": 20,
        **more,
    }


def shown(response: Any) -> Any:
    """A response without the times that litellm makes up."""
    found = response.model_dump()
    found.pop("created", None)
    return found


async def completion(target: Target) -> Any:
    """A plain answer, sync and async."""
    sync = litellm.completion(**options(target, "create", user="user-1", seed=7))
    return [shown(sync), shown(await litellm.acompletion(**options(target, "create")))]


async def stream(target: Target) -> Any:
    """Chunks, sync and async, and what litellm builds of them."""
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    sync = [shown(chunk) for chunk in litellm.completion(**options(target, "stream", **usage))]
    chunks = [
        chunk async for chunk in await litellm.acompletion(**options(target, "stream", **usage))
    ]
    built = litellm.stream_chunk_builder(chunks)
    return [sync, [shown(chunk) for chunk in chunks], shown(built)]


async def tools(target: Target) -> Any:
    """Two calls at once, whole and streamed."""
    whole = await litellm.acompletion(**options(target, "tools", tools=[WEATHER]))
    chunks = await litellm.acompletion(
        **options(target, "stream_tools", tools=[WEATHER], stream=True)
    )
    return [shown(whole), [shown(chunk) async for chunk in chunks]]


async def rate_limited_once(target: Target) -> Any:
    """Repeated when asked to."""
    return shown(await litellm.acompletion(**options(target, "rate_limited_once", max_retries=2)))


async def bad_request(target: Target) -> Any:
    """Raised."""
    await litellm.acompletion(**options(target, "bad_request"))


PROGRAM: dict[str, Scenario] = {
    "create": completion,
    "stream": stream,
    "tools": tools,
    "rate limited once": rate_limited_once,
    "bad request": bad_request,
}


litellm.suppress_debug_info = True
run(PROGRAM, lambda target: target)
