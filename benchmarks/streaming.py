"""What a stream costs on its way through the server: CPU for each chunk, memory for each stream.

    python -m benchmarks.streaming [--chunks 2000] [--rounds 5] [--streams 100]

The upstream is a stand-in in this process, so what is counted is the server's process alone: shim,
gRPC, chat service and provider, without Postgres. A stream of so many chunks is read as fast as it
comes, with memory on, as chat completions and as responses; then so many streams are held open in
the middle of their answers.
"""

from __future__ import annotations

import argparse
import http.client
import json
import time
from collections.abc import Sequence
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks.processes import cpu_seconds, resident_mebibytes
from tests.fixtures.server import KEY, ServerProcess, serving
from tests.fixtures.upstream import (
    DONE,
    Stall,
    Upstream,
    event,
    named_event,
    response_events,
    response_of,
    sse_reply,
)

CHAT, RESPONSES = "/chat/completions", "/responses"


def chat_steps(chunks: int) -> list[bytes]:
    """A chat of so many chunks, of a size as models send them."""

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return event(
            {
                "id": "chatcmpl-BenchmarkOfStreaming0000",
                "object": "chat.completion.chunk",
                "created": 1_700_000_000,
                "model": "stand-in-1",
                "service_tier": "default",
                "system_fingerprint": "fp_0123456789",
                "choices": [choice],
            }
        )

    words = [chunk({"content": f" word{number}"}) for number in range(chunks - 2)]
    return [chunk({"role": "assistant", "content": ""}), *words, chunk({}, "stop"), DONE]


def response_steps(chunks: int) -> list[bytes]:
    """A response of about as many events."""
    # Six characters make a delta, and eight events are none.
    return [named_event(each) for each in response_events(response_of("word. " * (chunks - 8)))]


class Reader:
    """A client without any package: what it costs is not the server's."""

    def __init__(self, server: ServerProcess, path: str, number: int) -> None:
        address = urlsplit(server.http)
        assert address.hostname is not None
        self._connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        question = f"Question {number}"
        asked = (
            {"messages": [{"role": "user", "content": question}]}
            if path == CHAT
            else {"input": question}
        )
        self._connection.request(
            "POST",
            f"/v1/memory{path}",
            json.dumps({"model": "stand-in-1", "stream": True, **asked}).encode(),
            {"authorization": f"Bearer {KEY}"},
        )
        self._response = self._connection.getresponse()
        assert self._response.status == 200

    def events(self) -> int:
        """Reads to the end; how many events came."""
        return self._response.read().count(b"\n\n")

    def first(self) -> None:
        """Waits for the first event."""
        assert self._response.readline()

    def leave(self) -> None:
        """Closes the connection."""
        self._connection.close()


def stream_figures(
    server: ServerProcess, upstream: Upstream, path: str, steps: Sequence[bytes], rounds: int
) -> str:
    """One line of the table."""
    costs, walls, count = [], [], 0
    for number in range(rounds + 1):
        upstream.script(sse_reply(*steps), path=f"/v1{path}")
        before, started = cpu_seconds(server.pid), time.perf_counter()
        reader = Reader(server, path, number)
        count = reader.events()
        reader.leave()
        if number:  # the first one warms up
            costs.append((cpu_seconds(server.pid) - before) / count * 1000)
            walls.append((time.perf_counter() - started) / count * 1000)
    return f"{path:18} {count:7} {median(costs):12.3f} {max(costs):12.3f} {median(walls):12.3f}"


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--chunks", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=100)
    options = parser.parse_args()

    with Upstream() as upstream, serving({"EUNOE_UPSTREAM_BASE_URL": upstream.base_url}) as server:
        print(f"{'stream of':18} {'events':>7} {'CPU ms/event':>12} {'worst':>12} {'wall ms':>12}")
        for path, steps in (
            (CHAT, chat_steps(options.chunks)),
            (RESPONSES, response_steps(options.chunks)),
        ):
            print(stream_figures(server, upstream, path, steps, options.rounds))

        first = chat_steps(3)[:2]
        idle = resident_mebibytes(server.pid)
        upstream.script(*[sse_reply(*first, Stall())] * options.streams)
        readers = [Reader(server, CHAT, number) for number in range(options.streams)]
        for reader in readers:
            reader.first()
        held = resident_mebibytes(server.pid)
        for reader in readers:
            reader.leave()
        print(
            f"{options.streams} open streams: {held - idle:.1f} MiB above the {idle:.1f} MiB "
            "before them"
        )


if __name__ == "__main__":
    main()
