"""Seed 004: the Memories API, example by example, as raw HTTP against a whole server."""

from __future__ import annotations

import itertools
import re
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest

from tests.fixtures.server import KEY, ServerProcess, call

PATH = "/api/v1/memories"

#: The answer's fields as the document prints them, in its order.
CREATED = ["success", "memories_created", "memory_ids", "owner_id", "user_id"]
LISTED = ["success", "count", "next_cursor", "results"]
RESULT = [
    "id", "owner_clerk_id", "end_user_id", "content", "memory_type", "confidence", "metadata",
    "source_type", "created_at", "updated_at",
]  # fmt: skip
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

TYPESCRIPT = [
    {"role": "user", "content": "I love TypeScript"},
    {"role": "assistant", "content": "TypeScript is great!"},
]
ABOUT_ALICE = (
    "My name is Alice. I live in Paris. I love hiking. I hate olives. My sister is called Mia. "
    "I want to learn Spanish. I visited Japan in 2019."
)


class MemoriesApi:
    """Calls as the document prints them."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server

    def call(
        self, method: str, path: str, body: object = None, *, key: str | None = KEY
    ) -> tuple[int, Any]:
        """The status and the JSON answer."""
        answer = call(self._server, method, path, body, key=key)
        return answer.status, answer.body

    def learn(self, user: str | None, *said: str, **more: object) -> Any:
        """What `POST` answers when the user says this."""
        body = {"messages": [{"role": "user", "content": text} for text in said]} | more
        status, answer = self.call("POST", PATH, body | ({"user_id": user} if user else {}))
        assert status == 200, answer
        return answer

    def page(self, **query: object) -> Any:
        """What `GET` answers."""
        status, answer = self.call("GET", f"{PATH}?{urlencode(query)}")
        assert status == 200, answer
        return answer

    def contents(self, **query: object) -> list[str]:
        """What is known, in the order of the list."""
        return [result["content"] for result in self.page(**query)["results"]]


@pytest.fixture
def api(server: ServerProcess) -> MemoriesApi:
    return MemoriesApi(server)


@pytest.fixture
def user() -> str:
    return f"user_{uuid4().hex[:12]}"


def test_the_example_request_teaches_one_preference_with_every_field(
    api: MemoriesApi, user: str
) -> None:
    status, created = api.call(
        "POST",
        PATH,
        {
            "messages": TYPESCRIPT,
            "user_id": user,
            "metadata": {"source": "chat", "session_id": "sess_xyz"},
        },
    )
    assert status == 200
    assert list(created) == CREATED
    # What the assistant says is no fact about the user, so there is one where the document has two.
    (memory_id,) = created["memory_ids"]
    assert UUID.fullmatch(memory_id)
    assert created == {
        "success": True,
        "memories_created": 1,
        "memory_ids": [memory_id],
        "owner_id": created["owner_id"],
        "user_id": user,
    }

    status, listed = api.call("GET", f"{PATH}?user_id={user}&limit=20")
    assert status == 200
    assert list(listed) == LISTED
    assert (listed["success"], listed["count"], listed["next_cursor"]) == (True, 1, None)
    (result,) = listed["results"]
    assert list(result) == RESULT
    assert result["id"] == memory_id
    assert result["owner_clerk_id"] == created["owner_id"] != ""
    assert result["end_user_id"] == user
    assert result["content"] == "The user loves TypeScript."
    assert result["memory_type"] == "preference"
    assert 0.5 < result["confidence"] <= 1
    assert result["metadata"] == {"source": "chat", "session_id": "sess_xyz"}
    assert result["source_type"] == "text"
    for name in ("created_at", "updated_at"):
        assert result[name].endswith("Z")
        assert datetime.fromisoformat(result[name]).tzinfo is not None


def test_what_is_said_again_is_one_memory_that_is_surer(api: MemoriesApi, user: str) -> None:
    first = api.learn(user, "I love TypeScript")
    (before,) = api.page(user_id=user)["results"]
    assert api.learn(user, "I love TypeScript")["memory_ids"] == []
    (after,) = api.page(user_id=user)["results"]
    assert after["id"] == before["id"] == first["memory_ids"][0]
    assert after["confidence"] > before["confidence"]
    assert after["updated_at"] > before["updated_at"]
    assert after["created_at"] == before["created_at"]


def test_messages_without_a_fact_are_no_error(api: MemoriesApi, user: str) -> None:
    answer = api.learn(user, "What is the capital of France?")
    assert (answer["success"], answer["memories_created"], answer["memory_ids"]) == (True, 0, [])
    assert api.page(user_id=user) == {
        "success": True, "count": 0, "next_cursor": None, "results": [],
    }  # fmt: skip


def test_what_an_assistant_or_a_tool_says_is_no_memory(api: MemoriesApi, user: str) -> None:
    messages = [
        {"role": role, "content": "I live in Paris. The user loves olives."}
        for role in ("system", "assistant")
    ]
    tool = {"role": "tool", "content": "The user lives in Rome.", "tool_call_id": "call_1"}
    status, answer = api.call("POST", PATH, {"messages": messages, "user_id": user})
    assert (status, answer["memories_created"]) == (200, 0)
    # A message of this API has a role, a text and a name; the call that a tool answers is not one.
    status, answer = api.call("POST", PATH, {"messages": [tool], "user_id": user})
    assert (status, list(answer["details"]["fieldErrors"])) == (400, ["messages[0].tool_call_id"])


def test_every_type_of_the_document_is_found_by_memory_type(api: MemoriesApi, user: str) -> None:
    api.learn(user, ABOUT_ALICE)
    everything = api.contents(user_id=user, order="asc")
    assert everything == [
        "The user's name is Alice.",
        "The user lives in Paris.",
        "The user loves hiking.",
        "The user hates olives.",
        "The user's sister is called Mia.",
        "The user wants to learn Spanish.",
        "The user visited Japan in 2019.",
    ]
    by_type = {
        kind: api.contents(user_id=user, memory_type=kind, order="asc")
        for kind in ("fact", "preference", "relationship", "goal", "experience")
    }
    assert [content for contents in by_type.values() for content in contents] == everything
    assert by_type["preference"] == ["The user loves hiking.", "The user hates olives."]


def test_the_newest_come_first_unless_asked_otherwise(api: MemoriesApi, user: str) -> None:
    for said in ("I love hiking.", "I love chess.", "I love tea."):
        api.learn(user, said)
    oldest_first = [f"The user loves {what}." for what in ("hiking", "chess", "tea")]
    assert api.contents(user_id=user, order="asc") == oldest_first
    assert api.contents(user_id=user, order="desc") == oldest_first[::-1]
    assert api.contents(user_id=user) == oldest_first[::-1]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_cursor_goes_through_all_pages_once(api: MemoriesApi, user: str, order: str) -> None:
    api.learn(user, ABOUT_ALICE)
    whole = api.contents(user_id=user, order=order)
    pages, cursor = [], None
    while True:
        page = api.page(
            user_id=user, order=order, limit=3, **({"cursor": cursor} if cursor else {})
        )
        pages.append([result["content"] for result in page["results"]])
        assert page["count"] == len(page["results"])
        if (cursor := page["next_cursor"]) is None:
            break
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [*itertools.chain(*pages)] == whole


def test_a_page_has_twenty_unless_asked_otherwise(api: MemoriesApi, user: str) -> None:
    api.learn(user, *(f"I love film number {number}." for number in range(101)))
    assert api.page(user_id=user)["count"] == 20
    assert api.page(user_id=user, limit=1)["count"] == 1
    page = api.page(user_id=user, limit=100)
    assert page["count"] == 100
    assert api.page(user_id=user, limit=100, cursor=page["next_cursor"])["count"] == 1


def test_a_minimum_confidence_leaves_out_what_is_less_sure(api: MemoriesApi, user: str) -> None:
    api.learn(user, "I love TypeScript")
    (result,) = api.page(user_id=user)["results"]
    sure = result["confidence"]
    assert api.page(user_id=user, min_confidence=sure)["count"] == 1
    assert api.page(user_id=user, min_confidence=0)["count"] == 1
    assert api.page(user_id=user, min_confidence=round(sure + 0.001, 3))["count"] == 0


def test_self_is_the_owner_s_own_and_all_is_everybody_s(api: MemoriesApi, user: str) -> None:
    mine = f"The user lives in {user.replace('user_', 'Xy').title()}."
    place = mine.removeprefix("The user lives in ").removesuffix(".")
    first = api.learn(None, f"I live in {place}.")
    second = api.learn("self", f"I live in {place}.")
    assert (first["user_id"], second["user_id"]) == (None, None)
    assert (first["memories_created"], second["memories_created"]) == (1, 0)
    api.learn(user, "I love hiking.")
    own = api.page(user_id="self", limit=100)["results"]
    assert mine in [each["content"] for each in own]
    assert {each["end_user_id"] for each in own} == {None}
    everybody = api.page(user_id="all", limit=100)["results"]
    assert {each["end_user_id"] for each in everybody} >= {None, user}
    assert api.contents(user_id=user) == ["The user loves hiking."]
    without = api.page(limit=100)["results"]
    assert [each["id"] for each in without] == [each["id"] for each in everybody]


def test_what_no_longer_holds_is_not_listed(api: MemoriesApi, user: str) -> None:
    api.learn(user, "I live in Paris.", "I moved to Berlin.")
    assert api.contents(user_id=user) == ["The user moved to Berlin."]
    api.learn(user, "Forget where I live.")
    assert api.contents(user_id=user) == []


def test_a_memory_created_explicitly_is_not_among_them(api: MemoriesApi, user: str) -> None:
    status, _ = api.call("POST", "/memory", {"value": "A note.", "namespace": user})
    assert status == 200
    assert api.contents(user_id=user) == []


def test_the_two_error_bodies_of_the_document(api: MemoriesApi) -> None:
    for method in ("GET", "POST"):
        assert api.call(method, PATH, {"messages": TYPESCRIPT}, key="wrong") == (
            401,
            {"error": "Invalid API key"},
        )
    assert api.call("POST", PATH, {}) == (
        400,
        {
            "error": "Invalid request payload",
            "details": {"fieldErrors": {"messages": ["Required"]}},
        },
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"messages": [*TYPESCRIPT, {"role": "user", "content": 7}]}, "messages[2].content"),
        ({"messages": TYPESCRIPT * 501}, "messages"),
        ({"messages": TYPESCRIPT, "metadata": [1]}, "metadata"),
        ({"messages": TYPESCRIPT, "metadata": {"x": "y" * 20_000}}, "metadata"),
        ({"messages": TYPESCRIPT, "user_id": "all"}, "user_id"),
        ({"messages": TYPESCRIPT, "user_id": "u" * 257}, "user_id"),
        ({"messages": TYPESCRIPT, "user_id": "a\nb"}, "user_id"),
        ({"messages": TYPESCRIPT, "colour": "red"}, "colour"),
    ],
)
def test_a_bad_payload_is_refused_field_by_field_and_teaches_nothing(
    api: MemoriesApi, user: str, body: dict[str, Any], field: str
) -> None:
    status, answer = api.call("POST", PATH, {"user_id": user} | body)
    assert status == 400, answer
    assert list(answer) == ["error", "details"]
    assert answer["error"] == "Invalid request payload"
    assert list(answer["details"]["fieldErrors"]) == [field]
    assert api.page(user_id=user)["count"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("order=up", "order"),
        ("memory_type=opinion", "memory_type"),
        ("min_confidence=1.5", "min_confidence"),
        ("min_confidence=nan", "min_confidence"),
        ("cursor=forged", "cursor"),
        ("colour=red", "colour"),
    ],
)
def test_a_bad_filter_is_refused_by_its_name(api: MemoriesApi, query: str, field: str) -> None:
    status, answer = api.call("GET", f"{PATH}?{query}")
    assert status == 400, answer
    assert list(answer["details"]["fieldErrors"]) == [field]


def test_a_cursor_of_another_list_is_refused(api: MemoriesApi, user: str) -> None:
    api.learn(user, ABOUT_ALICE)
    cursor = api.page(user_id=user, limit=3)["next_cursor"]
    for other in (f"user_id={user}&order=asc", f"user_id={user}x", "memory_type=goal"):
        status, answer = api.call("GET", f"{PATH}?{other}&cursor={quote(cursor)}")
        assert (status, list(answer["details"]["fieldErrors"])) == (400, ["cursor"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"messages": [{"role": "user", "content": "I love tea\\u0000."}]}',
        b'{"messages": [{"role": "user", "content": "I love \\ud83d"}]}',
        b'{"messages": [{"role": "user", "content": "x"}], "metadata": {"a": 1, "a": 2}}',
        b'{"messages": [{"role": "user", "content": "x"}], "metadata": ' + b"[" * 10_000,
        b'{"messages": [{"role": "user", "content": "x"}], "metadata": {"n": NaN}}',
    ],
)
def test_hostile_bodies_end_in_an_answer(api: MemoriesApi, body: bytes) -> None:
    status, answer = api.call("POST", PATH, body)
    assert status in (200, 400), answer
    assert "error" in answer or answer["success"] is True
