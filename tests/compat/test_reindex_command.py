"""`eunoe reindex` as operators use it: beside a server that serves, stopped and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import grpc

from eunoe.v1 import memory_pb2, memory_pb2_grpc, search_pb2, search_pb2_grpc
from tests.compat.test_command_line import eunoe
from tests.fixtures.server import METADATA, PATIENCE_SECONDS, ServerProcess, serving
from tests.fixtures.upstream import Pause, ReceivedRequest, Reply, Upstream, default_reply

TEXTS = [f"Note {number}: the kettle number {number} is blue." for number in range(600)]


class SlowUpstream(Upstream):
    """Takes its time over each batch, so that a signal arrives while one is under way."""

    def __init__(self) -> None:
        super().__init__(reply_to=self._slowly)

    def _slowly(self, request: ReceivedRequest) -> Reply:
        reply = default_reply(request)
        return Reply(reply.status, reply.headers, reply.body, before=(Pause(0.2),))

    def embedded(self) -> list[str]:
        return [text for request in self.requests for text in request.document["input"]]


def remote_embedder(upstream: Upstream) -> dict[str, str]:
    return {
        "EUNOE_EMBEDDER__PROVIDER": "openai",
        "EUNOE_EMBEDDER__BASE_URL": upstream.base_url,
        "EUNOE_EMBEDDER__MODEL": "small",
        "EUNOE_EMBEDDER__DIMENSION": "8",
    }


def store(channel: grpc.Channel) -> None:
    memories = memory_pb2_grpc.MemoryServiceStub(channel)
    batch = memory_pb2.BatchCreateMemoriesRequest(namespace="kitchen")
    for text in TEXTS:
        batch.memories.add(value_json=json.dumps(text))
    memories.BatchCreateMemories(batch, metadata=METADATA)


def search(channel: grpc.Channel, mode: str = "") -> search_pb2.SearchResponse:
    return search_pb2_grpc.SearchServiceStub(channel).Search(
        search_pb2.SearchRequest(
            query=TEXTS[77], object="memory", namespace="kitchen", mode=mode, explain=True
        ),
        metadata=METADATA,
    )


def meanings(answer: search_pb2.SearchResponse) -> list[float]:
    """What each result owes to its vector; 0 where it has none of the server's embedder."""
    return [
        round(signal.contribution, 2)
        for each in answer.results
        for signal in each.explanation.signals
        if signal.name == "meaning"
    ]


def interrupted(data_dir: Path, upstream: SlowUpstream, *arguments: str) -> tuple[int, str]:
    """Runs it, and presses Ctrl-C when the first batch is with the embedder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EUNOE_")}
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "eunoe_server", "reindex", *arguments],
        env=clean | {"EUNOE_DATA_DIR": str(data_dir)} | remote_embedder(upstream),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        upstream.wait_for_requests(1)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return process.returncode, said


def test_texts_move_to_another_embedder_while_the_server_serves() -> None:
    with SlowUpstream() as upstream, serving() as server:
        with server.channel() as channel:
            store(channel)
            done, misses, searches = threading.Event(), 0, 0

            def keep_searching() -> None:
                nonlocal misses, searches
                while not done.is_set():
                    answer = search(channel)
                    misses += answer.results[0].memory.value_json != json.dumps(TEXTS[77])
                    misses += len(answer.results) != 10 or 0.0 in meanings(answer)
                    searches += 1

            searcher = threading.Thread(target=keep_searching)
            searcher.start()
            try:
                # Ctrl-C: what is under way is finished, nothing is lost.
                status, said = interrupted(server.data_dir, upstream, "--prepare")
                assert (status, "stopped; the same command goes on" in said) == (1, True), said
                assert "Traceback" not in said
                status, said = eunoe(
                    "reindex",
                    "--prepare",
                    data_dir=server.data_dir,
                    **remote_embedder(upstream),
                )
                assert status == 0, said
                assert "600 texts have vectors of openai/small/8" in said
            finally:
                done.set()
                searcher.join()
        # With its old embedder the server has missed nothing, and no text was embedded twice.
        assert (misses, searches > 0) == (0, True)
        assert sorted(upstream.embedded()) == sorted(TEXTS)


def test_a_server_with_another_embedder_says_so_and_searches_by_words_until_then() -> None:
    with Upstream() as upstream, serving() as server:
        with server.channel() as channel:
            store(channel)
        server.stop()
        settings = remote_embedder(upstream)
        moved = ServerProcess(server.data_dir, settings).start()
        try:
            assert "found by their words only until `eunoe reindex`" in moved.announced
            status, said = eunoe("doctor", data_dir=server.data_dir, **settings)
            assert status == 1
            assert "600 of wordllama/l2_supercat_256, found by their words only" in said
            with moved.channel() as channel:
                answer = search(channel)
                assert answer.results[0].memory.value_json == json.dumps(TEXTS[77])
                assert set(meanings(answer)) <= {0.0}
                status, said = eunoe("reindex", data_dir=server.data_dir, **settings)
                assert (status, "600 texts have vectors" in said) == (0, True), said
                assert max(meanings(search(channel, mode="vector"))) == 1.0
            status, said = eunoe("doctor", data_dir=server.data_dir, **settings)
            assert (status, "600 texts of openai/small/8" in said) == (0, True), said
        finally:
            moved.stop()
