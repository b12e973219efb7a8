"""A server whose clock is an hour wrong does no harm, because the database's clock decides (R24).

Two servers share a database; one of them has a wrong clock, fast or slow (`wrong_clock.py`). What
one has begun, the other goes on with, in both directions. A fast clock would end too early what a
slow one would keep too long, so each limit is tried on both of its sides: the tests move into the
past, in the database, what would else take its time.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import uuid4

import pytest

from tests.fixtures.server import Answer, ServerProcess, call, serving, wait_until
from tests.reliability.postgres import OutsidePostgres, outside_postgres

HOUR = 3600
IN_TEN_MINUTES = 600

_COMMITTED = re.compile(r'^eunoe_commits_total\{outcome="committed"\} (\d+)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers on one database."""

    postgres: OutsidePostgres
    right: ServerProcess
    wrong: ServerProcess

    @property
    def both(self) -> tuple[ServerProcess, ServerProcess]:
        return self.right, self.wrong


def settings(postgres: OutsidePostgres) -> dict[str, str]:
    return {
        "EUNOE_DATABASE_URL": postgres.dsn,
        "EUNOE_CHAT__SESSION_IDLE_SECONDS": str(HOUR // 2),
    }


@pytest.fixture(scope="module")
def postgres() -> Iterator[OutsidePostgres]:
    with outside_postgres() as postgres:
        yield postgres


@pytest.fixture(scope="module")
def right(postgres: OutsidePostgres) -> Iterator[ServerProcess]:
    with serving(settings(postgres)) as server:
        yield server


@pytest.fixture(scope="module", params=[HOUR, -HOUR], ids=["fast", "slow"])
def pair(
    request: pytest.FixtureRequest, postgres: OutsidePostgres, right: ServerProcess
) -> Iterator[Pair]:
    offset = {"CLOCK_OFFSET_SECONDS": str(request.param)}
    with serving(settings(postgres) | offset, module="tests.fixtures.wrong_clock") as wrong:
        ahead = clock_of(wrong) - clock_of(right)
        assert abs(ahead - timedelta(seconds=request.param)) < timedelta(minutes=5)
        yield Pair(postgres, right, wrong)


@pytest.fixture(params=["right first", "wrong first"])
def in_turn(request: pytest.FixtureRequest, pair: Pair) -> tuple[ServerProcess, ServerProcess]:
    """Who begins, and who goes on."""
    return pair.both if request.param == "right first" else (pair.wrong, pair.right)


def clock_of(server: ServerProcess) -> datetime:
    """What it takes the time to be: the `Date` of its answers."""
    return parsedate_to_datetime(call(server, "GET", "/healthz").headers["date"])


def chat(
    server: ServerProcess,
    namespace: str,
    text: str,
    *,
    commit_after: int = IN_TEN_MINUTES,
    **headers: str,
) -> Answer:
    path = f"/v1/memory/chat/completions?namespace={namespace}&commit_after={commit_after}"
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = call(server, "POST", path, body, headers=sent)
    assert answer.status == 200, answer.body
    assert "x-memory-degraded" not in answer.headers
    return answer


def said(answer: Answer) -> str:
    return str(answer.body["choices"][0]["message"]["content"])


def chat_id(answer: Answer) -> str:
    return answer.headers["x-memory-chat-id"]


def dialogues(server: ServerProcess, namespace: str) -> dict[str, int]:
    """The dialogues of a namespace, and how many messages each holds."""
    listed = call(server, "GET", f"/dialogue?namespace={namespace}").done
    return {each["id"]: each["totalMessages"] for each in listed["items"]}


def make_older(pair: Pair, table: str, column: str, by: str) -> None:
    """Moves all that the table holds into the past."""
    pair.postgres.execute(f"update {table} set {column} = {column} - interval '{by}'")  # noqa: S608 - ours


# Keys


def new_key(server: ServerProcess, namespace: str) -> tuple[str, str]:
    """The id and the token of a key that works for ten minutes."""
    expires = datetime.now(UTC) + timedelta(seconds=IN_TEN_MINUTES)
    wanted = {
        "name": "short-lived",
        "scopes": ["read"],
        "namespace": namespace,
        "expires": expires.isoformat(),
    }
    made = call(server, "POST", "/v1/admin/keys", wanted).done
    return made["apiKey"]["id"], made["key"]


def statuses(pair: Pair, key: str) -> list[int]:
    """What both say to whoever has this key."""
    return [call(server, "GET", "/memory", key=key).status for server in pair.both]


def test_a_key_of_ten_minutes_works_at_both_whoever_made_it(
    pair: Pair, in_turn: tuple[ServerProcess, ServerProcess], namespace: str
) -> None:
    _, token = new_key(in_turn[0], namespace)
    assert statuses(pair, token) == [200, 200]


def test_the_successor_of_a_key_of_ten_minutes_works_at_both(
    pair: Pair, in_turn: tuple[ServerProcess, ServerProcess], namespace: str
) -> None:
    old_id, old = new_key(pair.right, namespace)
    path = f"/v1/admin/keys/{old_id}/rotate"
    token = call(in_turn[0], "POST", path, {"graceSeconds": IN_TEN_MINUTES}).done["key"]
    assert statuses(pair, token) == statuses(pair, old) == [200, 200]


def test_a_key_that_has_ended_works_at_neither(pair: Pair, namespace: str) -> None:
    _, token = new_key(pair.right, namespace)
    make_older(pair, "api_keys", "expires_at", "20 minutes")
    assert statuses(pair, token) == [401, 401]


# Retries


def test_a_chat_that_is_sent_again_to_the_other_is_stored_once(
    in_turn: tuple[ServerProcess, ServerProcess], namespace: str
) -> None:
    first, second = in_turn
    one = chat(first, namespace, "Which peak is the hardest?")
    again = chat(second, namespace, "Which peak is the hardest?", x_stainless_retry_count="1")
    assert chat_id(again) == chat_id(one)
    assert dialogues(second, namespace) == {chat_id(one): 2}


def test_what_was_asked_ten_minutes_ago_is_not_taken_for_the_first_try(
    pair: Pair, in_turn: tuple[ServerProcess, ServerProcess], namespace: str
) -> None:
    first, second = in_turn
    one = chat(first, namespace, "Which peak is the hardest?")
    make_older(pair, "dialogues", "last_message_at", "10 minutes")
    other = chat(second, namespace, "Which peak is the hardest?", x_stainless_retry_count="1")
    assert chat_id(other) != chat_id(one)
    assert dialogues(second, namespace) == {chat_id(one): 2, chat_id(other): 2}


# Facts and searches


def test_of_two_facts_the_one_told_later_holds_wherever_it_was_told(
    in_turn: tuple[ServerProcess, ServerProcess], namespace: str
) -> None:
    for server, text in zip(in_turn, ("I live in Paris.", "I moved to Berlin."), strict=True):
        told = {"namespace": namespace, "messages": [{"role": "user", "content": text}]}
        assert call(server, "POST", "/memory/extract", told).status == 200
    listed = call(in_turn[1], "GET", f"/memory?namespace={namespace}&factsOnly=true").done
    assert [each["value"] for each in listed["items"]] == ["The user moved to Berlin."]


def test_a_plain_phrase_of_time_means_the_same_at_both(pair: Pair, namespace: str) -> None:
    kept = {"value": "The key is under the mat.", "namespace": namespace}
    assert call(pair.right, "POST", "/memory", kept).status < 300
    asked = {
        "query": "Where is the key?",
        "object": "memory",
        "namespace": namespace,
        "filter": {"created": "last 10 minutes"},
    }
    for age, found in (("0 minutes", 1), ("40 minutes", 0)):
        for table in ("memories", "search_entries"):
            make_older(pair, table, "created_at", age)
        for server in pair.both:
            assert len(call(server, "POST", "/search", asked).done["results"]) == found


# Commits


def is_committed(server: ServerProcess, namespace: str, dialogue_id: str) -> bool:
    dialogue = call(server, "GET", f"/dialogue/{dialogue_id}?namespace={namespace}").done
    return all(message["isCommitted"] for message in dialogue["messages"])


def commits(pair: Pair) -> int:
    """How often the workers of both have committed a dialogue."""
    total = 0
    for server in pair.both:
        with urllib.request.urlopen(f"{server.ops}/metrics") as answer:  # noqa: S310 - loopback
            counted = _COMMITTED.search(answer.read().decode())
        total += int(counted[1]) if counted else 0
    return total


def test_what_is_due_is_committed_once_and_what_is_not_is_left_alone(
    pair: Pair, namespace: str
) -> None:
    before = commits(pair)
    not_due = [chat_id(chat(each, namespace, "I live in Paris.")) for each in pair.both]
    texts = ["I love TypeScript.", "I have a dog called Rex."]
    due = [
        chat_id(chat(each, namespace, text, commit_after=1))
        for each, text in zip(pair.both, texts, strict=True)
    ]
    wait_until(
        lambda: all(is_committed(pair.right, namespace, each) for each in due), "the commits"
    )
    wait_until(lambda: commits(pair) >= before + len(due), "the commits to be counted")
    assert commits(pair) == before + len(due)
    assert not any(is_committed(pair.right, namespace, each) for each in not_due)
    facts = call(pair.right, "GET", f"/memory?namespace={namespace}&factsOnly=true").done["items"]
    assert sorted(each["fact"]["source"]["dialogueId"] for each in facts) == sorted(due)
    assert [each["fact"]["observationCount"] for each in facts] == [1, 1]


# Idempotency keys


@pytest.mark.parametrize(
    ("age", "is_known"),
    [
        pytest.param("0 minutes", True, id="at once"),
        pytest.param("23 hours 30 minutes", True, id="just in time"),
        pytest.param("24 hours 30 minutes", False, id="too late"),
    ],
)
def test_an_idempotency_key_gives_the_same_memory_at_the_other_for_a_day(
    pair: Pair,
    in_turn: tuple[ServerProcess, ServerProcess],
    namespace: str,
    age: str,
    is_known: bool,
) -> None:
    headers = {"idempotency-key": uuid4().hex}

    def keep(server: ServerProcess) -> str:
        wanted = {"value": "The key is under the mat.", "namespace": namespace}
        return str(call(server, "POST", "/memory", wanted, headers=headers).done["id"])

    first, second = in_turn
    one = keep(first)
    make_older(pair, "request_claims", "claimed_at", age)
    assert (keep(second) == one) is is_known
    listed = call(second, "GET", f"/memory?namespace={namespace}").done["items"]
    assert len(listed) == (1 if is_known else 2)


# Sessions


@pytest.mark.parametrize(
    ("idle", "goes_on"),
    [
        pytest.param("0 minutes", True, id="at once"),
        pytest.param("20 minutes", True, id="just in time"),
        pytest.param("40 minutes", False, id="too late"),
    ],
)
def test_a_session_goes_on_at_the_other_until_it_is_idle(
    pair: Pair,
    in_turn: tuple[ServerProcess, ServerProcess],
    namespace: str,
    idle: str,
    goes_on: bool,
) -> None:
    first, second = in_turn
    session = uuid4().hex
    begun = chat(first, namespace, "My name is Alice", session_id=session)
    make_older(pair, "dialogues", "session_used_at", idle)
    answer = chat(second, namespace, "What's my name?", session_id=session)
    assert ("Alice" in said(answer), chat_id(answer) == chat_id(begun)) == (goes_on, goes_on)
