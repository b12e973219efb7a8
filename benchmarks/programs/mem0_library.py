"""mem0 as its users run it: a library in their process, with pgvector and a remote embedder.

Run by the interpreter of mem0's own environment, so it imports nothing of ours. It answers lines
of JSON with lines of JSON: `{"do": …, "asks": [[user, text], …], …}` with the milliseconds of each
call and how many things each gave back. No model is asked: `infer=False` stores texts as they are.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from mem0 import Memory

#: Rows of one bulk insert.
FILL_ROWS = 500


def open_memory(order: dict[str, Any]) -> Memory:
    """mem0, configured by its documentation."""
    return Memory.from_config(
        {
            "vector_store": {
                "provider": "pgvector",
                "config": {
                    "connection_string": order["dsn"],
                    "collection_name": "memories",
                    "embedding_model_dims": 256,
                    "hnsw": True,
                },
            },
            "embedder": {
                "provider": "openai",
                "config": {
                    "model": "wordllama",
                    "openai_base_url": order["embeddings"],
                    "api_key": "none",
                },
            },
            # Never asked.
            "llm": {"provider": "openai", "config": {"api_key": "none"}},
            "history_db_path": order["history"],
        }
    )


def fill(memory: Memory, asks: list[list[str]]) -> None:
    """Texts in bulk, through its own store: one at a time would take hours."""
    from mem0.utils.lemmatization import lemmatize_for_bm25  # noqa: PLC0415 - its internals

    for start in range(0, len(asks), FILL_ROWS):
        part = asks[start : start + FILL_ROWS]
        now = datetime.now(UTC).isoformat()
        memory.vector_store.insert(
            vectors=memory.embedding_model.embed_batch([text for _, text in part]),
            ids=[str(uuid.uuid4()) for _ in part],
            payloads=[
                {
                    "user_id": user,
                    "role": "user",
                    "data": text,
                    "hash": "",
                    "created_at": now,
                    "updated_at": now,
                    "text_lemmatized": lemmatize_for_bm25(text),
                }
                for user, text in part
            ],
        )


def timed(calls: list[Callable[[], int]]) -> dict[str, list[float]]:
    """Milliseconds and results of each call."""
    milliseconds, results = [], []
    for each in calls:
        before = time.perf_counter()
        results.append(float(each()))
        milliseconds.append(1000 * (time.perf_counter() - before))
    return {"milliseconds": milliseconds, "results": results}


def calls_of(memory: Memory, order: dict[str, Any]) -> list[Callable[[], int]]:
    """What an order asks for, call by call."""
    asks = [(user, text) for user, text in order["asks"]]

    def create(user: str, text: str) -> int:
        memory.add([{"role": "user", "content": text}], user_id=user, infer=False)
        return 1

    def batch(user: str, text: str) -> int:
        said = [{"role": "user", "content": f"{text} {n}"} for n in range(order["batch"])]
        return len(memory.add(said, user_id=user, infer=False)["results"])

    def listed(user: str, _: str) -> int:
        return len(memory.get_all(filters={"user_id": user}, top_k=50)["results"])

    def search(user: str, text: str) -> int:
        # Without a threshold, so that it gives back as many as it finds.
        found = memory.search(text, filters={"user_id": user}, top_k=10, threshold=0.0)
        return len(found["results"])

    def find_created(user: str, text: str) -> int:
        text = f"{text} {uuid.uuid4().hex}"
        said = [{"role": "user", "content": text}]
        (created,) = memory.add(said, user_id=user, infer=False)["results"]
        for searches in itertools.count(1):
            found = memory.search(text, filters={"user_id": user}, top_k=10, threshold=0.0)
            if any(each["id"] == created["id"] for each in found["results"]):
                return searches
        raise AssertionError("unreachable")

    kinds = {
        "list": listed,
        "search": search,
        "create": create,
        "find_created": find_created,
        "batch": batch,
    }
    return [partial(kinds[order["do"]], user, text) for user, text in asks]


def main() -> None:
    """Answers order after order."""
    memory = open_memory(json.loads(sys.stdin.readline()))
    print("{}", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "fill":
            fill(memory, order["asks"])
            print("{}", flush=True)
        else:
            print(json.dumps(timed(calls_of(memory, order))), flush=True)


if __name__ == "__main__":
    main()
