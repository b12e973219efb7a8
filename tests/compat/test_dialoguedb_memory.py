"""Seed 002: DialogueDB's Memory API, example by example, as raw HTTP.

Bodies and paths are those that the document prints. What its tables say beyond the examples is
in `tests/contract/cases/memories_*.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.fixtures.server import KEY, ServerProcess, call

#: What "Response" lists for every memory; the rest is there when it was given.
ALWAYS = {"id", "value", "tags", "metadata", "created", "modified"}


class MemoryApi:
    """Calls as the document prints them. What was created is deleted at the end."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._created: list[str] = []

    def call(
        self, method: str, path: str, body: object = None, *, key: str | None = KEY
    ) -> tuple[int, Any]:
        """The status and the JSON answer."""
        answer = call(self._server, method, path, body, key=key)
        return answer.status, answer.body

    def create(self, body: dict[str, Any]) -> Any:
        """The memory that `POST /memory` answers."""
        status, memory = self.call("POST", "/memory", body)
        assert status == 200, memory
        self._created.append(memory["id"])
        return memory

    def clean_up(self) -> None:
        """The printed ids are free again for the next test."""
        for memory_id in self._created:
            self.call("DELETE", f"/memory/{memory_id}")


@pytest.fixture
def api(server: ServerProcess) -> Iterator[MemoryApi]:
    api = MemoryApi(server)
    yield api
    api.clean_up()


THEME = {
    "id": "user_789_theme",
    "value": {"theme": "dark", "fontSize": 16},
    "label": "UI Preferences",
    "namespace": "user_789",
    "tags": ["preferences", "notifications"],
}
PEANUTS = {
    "value": "User is allergic to peanuts",
    "label": "Dietary Restriction",
    "description": "Critical health information",
    "tags": ["health", "dietary"],
    "metadata": {"severity": "critical", "verified": True},
}
PROFILE = {
    "value": {"firstName": "Jane", "lastName": "Doe", "company": "Acme Corp"},
    "label": "User Profile",
    "namespace": "user_456",
    "tags": ["profile", "customer"],
}


@pytest.mark.parametrize("example", [THEME, PEANUTS, PROFILE], ids=["theme", "peanuts", "profile"])
def test_create_answers_the_memory(api: MemoryApi, example: dict[str, Any]) -> None:
    memory = api.create(example)
    assert memory.keys() == ALWAYS | example.keys()
    assert {name: memory[name] for name in example} == example
    assert memory["metadata"] == example.get("metadata", {})
    created, modified = (datetime.fromisoformat(memory[name]) for name in ("created", "modified"))
    assert created.utcoffset() is not None
    assert modified == created


def test_an_id_is_generated_when_none_is_given(api: MemoryApi) -> None:
    assert api.create(PEANUTS)["id"] != api.create(PEANUTS)["id"]


@pytest.mark.parametrize(
    "value",
    [
        "User prefers dark mode",
        42,
        True,
        {"theme": "dark", "language": "en"},
        ["feature_a", "feature_b"],
    ],
)
def test_a_value_keeps_its_type(api: MemoryApi, value: object) -> None:
    memory = api.create({"value": value})
    status, found = api.call("GET", f"/memory/{memory['id']}")
    assert status == 200
    assert found == memory
    assert found["value"] == value
    assert type(found["value"]) is type(value)


def test_an_id_is_unique_in_the_project(api: MemoryApi) -> None:
    api.create(THEME)
    for namespace in ("user_789", "user_456"):
        status, answer = api.call("POST", "/memory", {**THEME, "namespace": namespace})
        assert (status, answer["error"]["code"]) == (400, "DUPLICATE_ID")


def test_get_answers_the_memory(api: MemoryApi) -> None:
    memory = api.create(THEME)
    assert api.call("GET", "/memory/user_789_theme") == (200, memory)
    assert memory["value"] == {"theme": "dark", "fontSize": 16}


def test_a_custom_id_makes_access_predictable(api: MemoryApi) -> None:
    user_id = 123
    api.create({"id": f"user_{user_id}_theme", "value": {"theme": "dark"}})
    status, theme = api.call("GET", f"/memory/user_{user_id}_theme")
    assert (status, theme["value"]) == (200, {"theme": "dark"})


def test_list_answers_the_items_of_a_namespace(api: MemoryApi) -> None:
    theme = api.create(THEME)
    api.create(PROFILE)
    assert api.call("GET", "/memory?namespace=user_789&limit=50") == (200, {"items": [theme]})
    status, page = api.call("GET", "/memory?namespace=user_456")
    assert status == 200
    assert [item["value"] for item in page["items"]] == [PROFILE["value"]]


def test_list_goes_on_with_next(api: MemoryApi) -> None:
    created = [api.create({"value": number})["id"] for number in range(45)]
    status, first = api.call("GET", "/memory?limit=20&order=desc")
    assert status == 200
    assert len(first["items"]) == 20
    status, second = api.call("GET", f"/memory?limit=20&next={first['next']}")
    assert status == 200
    listed = [item["id"] for item in first["items"] + second["items"]]
    assert len(set(listed)) == 40
    # Others may have stored something meanwhile: the server is shared.
    ours = [memory_id for memory_id in listed if memory_id in created]
    assert ours == created[::-1][: len(ours)]


def test_list_is_narrowed_by_date(api: MemoryApi) -> None:
    memory = api.create({**THEME, "namespace": "dated"})
    created = memory["created"]
    day = created[:10]
    for filters in (f"created={created}", f"created={day}", f"startDate={day}"):
        assert api.call("GET", f"/memory?namespace=dated&{filters}") == (200, {"items": [memory]})
    for filters in ("created=2001-01-01", f"endDate={day}", "startDate=2999-01-01T00:00:00Z"):
        assert api.call("GET", f"/memory?namespace=dated&{filters}") == (200, {"items": []})


def test_update_replaces_the_tags_and_nothing_else(api: MemoryApi) -> None:
    memory = api.create({**PEANUTS, "id": "01HX5ZQXQY9J8K7F6E5D4C3B2A"})
    status, updated = api.call(
        "PUT",
        "/memory/01HX5ZQXQY9J8K7F6E5D4C3B2A",
        {"tags": ["preferences", "ui-settings", "active"]},
    )
    assert status == 200
    assert updated["tags"] == ["preferences", "ui-settings", "active"]
    assert datetime.fromisoformat(updated["modified"]) > datetime.fromisoformat(memory["modified"])
    changed = {"tags", "modified"}
    assert {key: updated[key] for key in updated.keys() - changed} == {
        key: memory[key] for key in memory.keys() - changed
    }


@pytest.mark.parametrize("field", ["value", "description", "label", "metadata", "created"])
def test_nothing_but_the_tags_can_be_updated(api: MemoryApi, field: str) -> None:
    memory = api.create(THEME)
    status, answer = api.call("PUT", "/memory/user_789_theme", {"tags": ["new"], field: "other"})
    assert (status, answer["error"]["code"]) == (400, "INVALID_INPUT")
    assert api.call("GET", "/memory/user_789_theme") == (200, memory)


def test_delete_answers_success_and_the_id(api: MemoryApi) -> None:
    api.create(THEME)
    assert api.call("DELETE", "/memory/user_789_theme") == (
        200,
        {"success": True, "id": "user_789_theme"},
    )
    assert api.call("GET", "/memory/user_789_theme")[0] == 404
    assert api.call("GET", "/memory?namespace=user_789") == (200, {"items": []})


def test_metadata_keeps_what_it_was_given(api: MemoryApi) -> None:
    metadata = {"tier": "enterprise", "signupDate": "2025-01-15", "verified": True}
    assert api.create({"value": "Enterprise account", "metadata": metadata})["metadata"] == metadata


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/memory", {"label": "no value"}, 400, "MISSING_PARAMETER"),
        ("POST", "/memory", {"value": 1, "tags": "health"}, 400, "INVALID_INPUT"),
        ("GET", "/memory/nothing_here", None, 404, "MEMORY_NOT_FOUND"),
        ("GET", "/memory?order=newest", None, 400, "INVALID_PARAMETER"),
        ("GET", "/memory?next=nonsense", None, 400, "INVALID_PARAMETER"),
        ("GET", "/memory?page=2", None, 400, "INVALID_PARAMETER"),
        ("PUT", "/memory/nothing_here", {}, 400, "MISSING_PARAMETER"),
        ("PUT", "/memory/nothing_here", {"tags": "active"}, 400, "INVALID_INPUT"),
        ("PUT", "/memory/nothing_here", {"tags": ["active"]}, 404, "MEMORY_NOT_FOUND"),
        ("DELETE", "/memory/nothing_here", None, 404, "MEMORY_NOT_FOUND"),
    ],
)
def test_errors_have_the_codes_of_the_tables(
    api: MemoryApi, method: str, path: str, body: object, status: int, code: str
) -> None:
    found, answer = api.call(method, path, body)
    error = answer["error"]
    assert (found, error["code"]) == (status, code)
    assert error["message"]
    assert error["requestId"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/memory", THEME),
        ("GET", "/memory/user_789_theme", None),
        ("GET", "/memory", None),
        ("PUT", "/memory/user_789_theme", {"tags": ["a"]}),
        ("DELETE", "/memory/user_789_theme", None),
    ],
)
@pytest.mark.parametrize("key", [None, "DIALOGUE_DB_API_KEY"])
def test_a_missing_or_invalid_key_is_unauthorized(
    api: MemoryApi, method: str, path: str, body: object, key: str | None
) -> None:
    assert api.call(method, path, body, key=key)[0] == 401
