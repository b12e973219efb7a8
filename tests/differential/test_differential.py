"""The same program against the model endpoint directly and through us: no client can tell.

Each client runs once, in an environment of its own, and does everything twice: with the stand-in
model itself, and with a server before it whose memory has something to say to every request. What
the client asks, what its application gets, every byte of every answer, and the number of attempts
must be the same; what reaches the model differs by the one message of notes, and by nothing else.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.differential.environments import (
    Environment,
    NodeEnvironment,
    OwnEnvironment,
    PythonEnvironment,
    require,
)
from tests.differential.scenarios import QUESTION, STATEMENT, Scenarios
from tests.differential.tap import Exchange, Tap
from tests.fixtures.server import KEY, ServerProcess, serving, wait_until
from tests.fixtures.upstream import DONE, ReceivedRequest, Upstream

#: Making the environments takes most of it, and only once.
pytestmark = pytest.mark.timeout(1_200)

PROGRAMS = Path(__file__).parent / "programs"
PROGRAM_SECONDS = 120.0

OPENAI_2 = PythonEnvironment("openai-2", ("openai>=2,<3",))
OPENAI_3 = OwnEnvironment("openai-3")
LANGCHAIN = PythonEnvironment("langchain", ("langchain-openai>=1.7,<2",))
LLAMA_INDEX = PythonEnvironment("llama-index", ("llama-index-llms-openai-like>=0.8,<0.9",))
LITELLM = PythonEnvironment("litellm", ("litellm>=1.100,<2", "mcp"))
INSTRUCTOR = PythonEnvironment("instructor", ("instructor>=1.17,<2",))
PYDANTIC_AI = PythonEnvironment("pydantic-ai", ("pydantic-ai-slim[openai]>=2.60,<3",))
OPENAI_AGENTS = PythonEnvironment("openai-agents", ("openai-agents>=0.24,<0.25",))
#: What runs on Node 20. A name of its own for each of two versions of one package.
NODE = NodeEnvironment(
    "node",
    (
        "openai-6@npm:openai@6",
        "openai-7@npm:openai@7",
        "ai@6",
        "@ai-sdk/openai-compatible@2",
        "@ai-sdk/openai@3",
        "@langchain/core@1",
        "@langchain/openai@1",
    ),
)

#: Headers that tell a client something about the answer, and must be the model's own.
TELLING_HEADERS = re.compile(
    r"content-type|retry-after(-ms)?|x-should-retry|x-ratelimit-.*|openai-.*"
)

#: The one message that memory adds: a JSON string holds no quote but an escaped one.
NOTES = re.compile(rb'\{"role":"user","content":"<memory-notes>(?:[^"\\]|\\.)*"\},')


@dataclass(frozen=True, slots=True)
class Client:
    """A client, and the program that does with it what its users do."""

    name: str
    environment: Environment
    program: str
    arguments: tuple[str, ...] = ()


CLIENTS = [
    Client("openai 3, sync", OPENAI_3, "openai_package.py", ("sync",)),
    Client("openai 3, async", OPENAI_3, "openai_package.py", ("async",)),
    Client("openai 2, sync", OPENAI_2, "openai_package.py", ("sync",)),
    Client("openai 2, async", OPENAI_2, "openai_package.py", ("async",)),
    Client("langchain", LANGCHAIN, "langchain_package.py"),
    Client("llama-index", LLAMA_INDEX, "llama_index_package.py"),
    Client("litellm", LITELLM, "litellm_package.py"),
    Client("instructor", INSTRUCTOR, "instructor_package.py"),
    Client("pydantic-ai", PYDANTIC_AI, "pydantic_ai_package.py"),
    Client("openai-agents, responses", OPENAI_AGENTS, "openai_agents_package.py", ("responses",)),
    Client("openai-agents, chats", OPENAI_AGENTS, "openai_agents_package.py", ("chats",)),
    Client("openai 6 for Node", NODE, "openai_package.mjs", ("openai-6",)),
    Client("openai 7 for Node", NODE, "openai_package.mjs", ("openai-7",)),
    Client("langchain for Node", NODE, "langchain_package.mjs"),
    Client("ai, openai-compatible", NODE, "ai_package.mjs", ("compatible",)),
    Client("ai, openai chats", NODE, "ai_package.mjs", ("openai",)),
    Client("ai, openai responses", NODE, "ai_package.mjs", ("responses",)),
]


@dataclass(frozen=True, slots=True)
class Run:
    """What one client did with one target, and what came of it."""

    #: What its application got, by scenario.
    outcomes: dict[str, Any]
    #: What went over its wire.
    exchanges: list[Exchange]
    #: What reached the stand-in.
    received: list[ReceivedRequest]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The two runs of one client."""

    direct: Run
    through_us: Run


@pytest.fixture(scope="module")
def behind() -> Iterator[Upstream]:
    """The stand-in that the server asks."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def server_before(behind: Upstream) -> Iterator[ServerProcess]:
    """A server before it. What the programs say is not committed while they run."""
    settings = {
        "EUNOE_UPSTREAM_BASE_URL": behind.base_url,
        "EUNOE_UPSTREAM_API_KEY": "upstream-key",
        "EUNOE_CHAT__COMMIT_AFTER_SECONDS": "86400",
        "EUNOE_CHAT__MEMORY_DEADLINE_SECONDS": "30",
    }
    with serving(settings) as server:
        yield server


def teach(server: ServerProcess, behind: Upstream, namespace: str) -> None:
    """Commits what every question of the programs is about."""
    with server.openai(default_query={"namespace": namespace}) as client:

        def ask(text: str, **query: object) -> None:
            client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": text}], extra_query=query
            )

        def is_recalled() -> bool:
            ask(QUESTION, memory="read")
            return b"<memory-notes>" in behind.requests[-1].body

        ask(STATEMENT, commit_after=0)
        wait_until(is_recalled, "the commit")


@pytest.fixture(scope="module")
def environments(request: pytest.FixtureRequest) -> None:
    """Makes those of all selected tests, a few at the same time: each waits for its registry."""
    selected = {
        client.environment
        for client in CLIENTS
        if any(f"[{client.name}]" in item.nodeid for item in request.session.items)
    }
    with ThreadPoolExecutor(max_workers=3) as pool:
        for made in [pool.submit(each.make) for each in selected]:
            made.exception()  # whose tests it concerns will say so


@pytest.fixture(scope="module", params=CLIENTS, ids=lambda client: client.name)
def comparison(
    request: pytest.FixtureRequest,
    server_before: ServerProcess,
    behind: Upstream,
    environments: None,
) -> Comparison:
    """One client's program, run against both."""
    client: Client = request.param
    require(client.environment)
    namespace = re.sub(r"\W+", "-", client.name)
    teach(server_before, behind, namespace)
    before = len(behind.requests)
    with ExitStack() as stack:
        stand_in = stack.enter_context(Upstream(Scenarios().reply_to))
        behind.reply_to = Scenarios().reply_to
        taps = [
            stack.enter_context(Tap(stand_in.base_url)),
            stack.enter_context(Tap(server_before.http)),
        ]
        targets = [
            {"base_url": f"{taps[0].url}/v1", "api_key": KEY},
            {"base_url": f"{taps[1].url}/v1/memory/ns/{namespace}", "api_key": KEY},
        ]
        done = subprocess.run(  # noqa: S603 - our own program
            [*client.environment.command(PROGRAMS / client.program), *client.arguments],
            input=json.dumps(targets).encode(),
            capture_output=True,
            timeout=PROGRAM_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-4_000:]
        direct, through_us = json.loads(done.stdout)
    return Comparison(
        Run(direct, taps[0].exchanges, stand_in.requests),
        Run(through_us, taps[1].exchanges, behind.requests[before:]),
    )


def test_an_application_gets_the_same(comparison: Comparison) -> None:
    for name, outcome in comparison.direct.outcomes.items():
        assert comparison.through_us.outcomes[name] == outcome, name


def test_no_scenario_fails_by_itself(comparison: Comparison) -> None:
    """An equal failure on both sides would prove nothing."""
    failed = {
        name: outcome
        for name, outcome in comparison.direct.outcomes.items()
        if isinstance(outcome, dict) and "raised" in outcome
    }
    assert failed == {name: failed[name] for name in failed if name in EXPECTED_FAILURES}


EXPECTED_FAILURES = {
    "parse what was cut",
    "stream that breaks",
    "bad request",
    "no such model",
    "unprocessable",
    "rate limited",
    "broken",
    "no retries",
    "silent",
}


def test_a_client_asks_as_often_and_for_the_same(comparison: Comparison) -> None:
    def asked(exchange: Exchange) -> tuple[str, str, bytes]:
        path = re.sub(r"^/v1(/memory/ns/[^/]+)?", "", exchange.target)
        return exchange.method, path, exchange.body

    direct = [asked(exchange) for exchange in comparison.direct.exchanges]
    assert [asked(exchange) for exchange in comparison.through_us.exchanges] == direct


def test_every_answer_is_the_same_to_the_byte(comparison: Comparison) -> None:
    pairs = zip(comparison.direct.exchanges, comparison.through_us.exchanges, strict=True)
    for direct, through_us in pairs:
        assert through_us.status == direct.status
        if was_read(direct) and was_read(through_us):
            assert through_us.answer == direct.answer
        else:  # how much of what it leaves a client has read is chance
            shorter, longer = sorted((direct.answer, through_us.answer), key=len)
            assert longer.startswith(shorter)
        assert telling(through_us) == telling(direct)


def was_read(exchange: Exchange) -> bool:
    """To its end; the packages close a stream once they have read `[DONE]`."""
    return exchange.is_complete or exchange.answer.endswith(DONE)


def telling(exchange: Exchange) -> dict[str, str]:
    """The headers that matter to a client."""
    return {
        name: value for name, value in exchange.headers.items() if TELLING_HEADERS.fullmatch(name)
    }


def test_every_answer_names_the_request_here_and_at_the_model(comparison: Comparison) -> None:
    pairs = zip(comparison.direct.exchanges, comparison.through_us.exchanges, strict=True)
    for direct, through_us in pairs:
        if through_us.status:
            assert through_us.headers["x-request-id"]
        at_the_model = direct.headers.get("x-request-id")
        if direct.status and direct.method == "POST":
            assert through_us.headers.get("x-upstream-request-id") == at_the_model


def test_each_attempt_of_a_client_is_one_at_the_model(comparison: Comparison) -> None:
    received = [each for each in comparison.through_us.received if each.method == "POST"]
    assert [each for _, each in with_what_reached_the_model(comparison) if each] == received


def test_what_reaches_the_model_differs_by_the_notes_alone(comparison: Comparison) -> None:
    for exchange, request in with_what_reached_the_model(comparison):
        if request is not None:
            without, count = NOTES.subn(b"", request.body)
            assert count == (0 if exchange.target.endswith("/embeddings") else 1)
            assert without == exchange.body


def with_what_reached_the_model(
    comparison: Comparison,
) -> Iterator[tuple[Exchange, ReceivedRequest | None]]:
    """Each attempt of a client's and what the model was asked for it.

    None where the client gave up before the model was asked, which a busy machine makes happen.
    """
    received = deque(each for each in comparison.through_us.received if each.method == "POST")
    for exchange in comparison.through_us.exchanges:
        if exchange.method == "POST":
            is_next = received and NOTES.sub(b"", received[0].body) == exchange.body
            yield exchange, received.popleft() if is_next or exchange.status else None
