"""instructor, which asks again until an answer fits its type. See `openai_package.py`."""

# The package is in an environment of its own.
# mypy: disable-error-code="import-not-found, untyped-decorator, no-any-unimported"
from __future__ import annotations

from typing import Any

import instructor
from openai import AsyncOpenAI
from pydantic import BaseModel, field_validator
from scenario_run import QUESTION, Scenario, run

MODEL = "stand-in-1"


class Player(BaseModel):
    """What a structured answer is read into."""

    name: str
    instrument: str


class weather(BaseModel):  # noqa: N801 - the name of the tool that the stand-in calls
    """The weather in a city."""

    city: str

    @field_validator("city")
    @classmethod
    def is_by_the_sea(cls, city: str) -> str:
        """Lisbon, which the stand-in says first, is not quite."""
        if city == "Lisbon":
            raise ValueError("Lisbon is on a river")
        return city


def asking(scenario: str) -> list[Any]:
    """The messages of a scenario."""
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": f"{scenario}: {QUESTION}"},
    ]


async def by_a_tool_and_asked_again(client: AsyncOpenAI) -> Any:
    """The first answer does not validate; the second request says so."""
    patched = instructor.from_openai(client, mode=instructor.Mode.TOOLS)
    found = await patched.chat.completions.create(
        model=MODEL, messages=asking("corrected"), response_model=weather, max_retries=3
    )
    return found.model_dump()


async def by_json(client: AsyncOpenAI) -> Any:
    """The schema stands in the prompt, and the answer is JSON in text."""
    patched = instructor.from_openai(client, mode=instructor.Mode.JSON)
    found, completion = await patched.chat.completions.create_with_completion(
        model=MODEL, messages=asking("parsed"), response_model=Player
    )
    return [found.model_dump(), completion.model_dump()]


async def by_json_schema(client: AsyncOpenAI) -> Any:
    """The schema stands in `response_format`."""
    patched = instructor.from_openai(client, mode=instructor.Mode.JSON_SCHEMA)
    found = await patched.chat.completions.create(
        model=MODEL, messages=asking("parsed"), response_model=Player
    )
    return found.model_dump()


async def piece_by_piece(client: AsyncOpenAI) -> Any:
    """A streamed answer, read into the type as it grows."""
    patched = instructor.from_openai(client, mode=instructor.Mode.JSON)
    partial = patched.chat.completions.create_partial(
        model=MODEL, messages=asking("parsed"), response_model=Player
    )
    return [each.model_dump() async for each in partial]


async def bad_request(client: AsyncOpenAI) -> Any:
    """Raised."""
    patched = instructor.from_openai(client)
    await patched.chat.completions.create(
        model=MODEL, messages=asking("bad_request"), response_model=Player, max_retries=1
    )


PROGRAM: dict[str, Scenario] = {
    "tools": by_a_tool_and_asked_again,
    "json": by_json,
    "json schema": by_json_schema,
    "partial": piece_by_piece,
    "bad request": bad_request,
}


run(PROGRAM, lambda target: AsyncOpenAI(timeout=20, **target))
