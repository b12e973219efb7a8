"""Seed 002: what DialogueDB's document says of search, as raw HTTP.

The document prints one request, twice, and says three things about what it finds. The forms of
filters and of the answer are in `tests/contract/cases/search*.yaml`.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.fixtures.server import ServerProcess, call


class Api:
    """Calls as the document prints them."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer to a call that succeeds."""
        return call(self._server, method, path, body).done


@pytest.fixture
def api(server: ServerProcess) -> Api:
    return Api(server)


@pytest.mark.parametrize("query", ["user preferences", "dietary preferences"])
def test_the_printed_request_finds_what_is_stored_globally(api: Api, query: str) -> None:
    # Beside what other tests keep in the global namespace.
    word = uuid4().hex
    memory = api.call(
        "POST",
        "/memory",
        {
            "value": f"Vegetarian diet {word}",
            "tags": ["dietary", "preferences", "health"],
            "label": "Dietary Restriction",
        },
    )
    answer = api.call("POST", "/search", {"query": query, "object": "memory"})
    assert {result["object"] for result in answer["results"]} == {"memory"}
    mine = api.call("POST", "/search", {"query": f"{query} {word}", "object": "memory"})
    assert mine["results"][0]["item"] == memory
    assert 0 < mine["results"][0]["relevance"] <= 1
    # "Removes from search results."
    api.call("DELETE", f"/memory/{memory['id']}")
    gone = api.call("POST", "/search", {"query": f"{query} {word}", "object": "memory"})
    assert memory["id"] not in {result["item"]["id"] for result in gone["results"]}


def test_memories_and_messages_are_searchable_and_state_is_not(api: Api, namespace: str) -> None:
    api.call("POST", "/memory", {"value": "a pelican", "namespace": namespace})
    api.call(
        "POST",
        "/dialogue",
        {
            "namespace": namespace,
            "message": {"role": "user", "content": "another pelican"},
            "state": {"bird": "a third pelican"},
        },
    )
    found = {
        kind: [
            result["item"].get("value") or result["item"].get("content")
            for result in api.call(
                "POST", "/search", {"query": "pelican", "object": kind, "namespace": namespace}
            )["results"]
        ]
        for kind in ("memory", "message")
    }
    assert found == {"memory": ["a pelican"], "message": ["another pelican"]}


def test_a_namespace_isolates_one_user_from_another(api: Api, namespace: str) -> None:
    api.call("POST", "/memory", {"value": "Prefers morning appointments", "namespace": namespace})
    request = {"query": "appointments", "object": "memory", "namespace": f"{namespace}-other"}
    assert api.call("POST", "/search", request)["results"] == []
