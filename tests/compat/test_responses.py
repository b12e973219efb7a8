"""`POST …/responses`, plain and streaming, with memory: by the official client, end to end."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from tests.fixtures.server import KEY, ServerProcess, wait_until
from tests.fixtures.upstream import (
    RESPONSES_PATH,
    Cut,
    Reply,
    Stall,
    Upstream,
    error_reply,
    json_reply,
    named_event,
    response_events,
    response_of,
    sse_reply,
)

QUESTION = "Which instrument does my sister play?"
STATEMENT = "My sister Ada plays the cello in Lisbon."
LOOK_UP: dict[str, Any] = {"type": "function", "name": "look_up", "parameters": {"type": "object"}}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "look_up",
    "arguments": '{"n": 1}',
    "status": "completed",
}

Ask = Callable[..., Any]


@pytest.fixture(params=[False, True], ids=["plain", "streaming"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """One response, whichever way it comes."""

    def plain(client: OpenAI, said: Any, **more: Any) -> Any:
        return client.responses.create(model="stand-in-1", input=said, **more)

    def streaming(client: OpenAI, said: Any, **more: Any) -> Any:
        *_, last = client.responses.create(model="stand-in-1", input=said, stream=True, **more)
        return last.response

    return streaming if request.param else plain


def sent(behind: Upstream) -> Any:
    """What the model was asked last."""
    return behind.requests[-1].document


def remember(client: OpenAI, behind: Upstream) -> None:
    """Commits the statement, and waits until it is recalled."""
    client.responses.create(model="m", input=STATEMENT)

    def is_recalled() -> bool:
        client.responses.create(model="m", input=QUESTION, extra_query={"memory": "read"})
        return isinstance(sent(behind)["input"], list)

    wait_until(is_recalled, "the commit")


def raw(proxy: ServerProcess, body: bytes, path: str = "/v1/memory/responses") -> httpx2.Response:
    return httpx2.post(
        f"{proxy.http}{path}", content=body, headers={"authorization": f"Bearer {KEY}"}, timeout=30
    )


@pytest.mark.parametrize("base", ["/v1/memory", "/v1/memory/ns/a", "/v1", "/api/publicLLM"])
def test_without_anything_to_add_the_bytes_are_the_client_s_and_the_model_s(
    proxy: ServerProcess, behind: Upstream, base: str
) -> None:
    body = b'{ "model":"m" ,"input": "Hi", "seed":9007199254740993,"x": {"z":1,"a":null} }'
    answer = raw(proxy, body, f"{base}/responses?memory=write")
    assert behind.requests[-1].path == RESPONSES_PATH
    assert behind.requests[-1].body == body
    expected = behind.reply_to(behind.requests[-1])
    assert answer.content == expected.body[0]
    assert answer.headers["x-memory-matched-by"] == "new"
    assert answer.headers["x-upstream-request-id"] == dict(expected.headers)["x-request-id"]


def test_a_stream_is_the_model_s_events_with_their_names_and_no_done(
    proxy: ServerProcess, behind: Upstream
) -> None:
    steps = [named_event(each) for each in response_events(response_of("A cello", calls=[CALL]))]
    behind.script(sse_reply(*steps), path=RESPONSES_PATH)
    answer = raw(proxy, b'{"model":"m","input":"Hi","stream":true}')
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.content == b"".join(steps)


def test_notes_go_right_before_the_last_user_turn_and_nothing_else_changes(
    client: OpenAI, behind: Upstream, ask: Ask
) -> None:
    remember(client, behind)
    items = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "Hello", "x": None}]},
        {"type": "message", "id": "msg_0", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "Hi!", "annotations": []}]},
        {"role": "user", "content": QUESTION},
    ]  # fmt: skip
    ask(client, items, instructions="You help.", extra_body={"seed": 9007199254740993})
    got = sent(behind)
    assert got["input"][:3] == items[:3]
    assert "<memory-notes>" in got["input"][3]["content"]
    assert "cello" in got["input"][3]["content"]
    assert got["input"][4:] == items[3:]
    assert got["instructions"] == "You help."
    assert got["seed"] == 9007199254740993


def test_a_text_as_input_becomes_a_list_only_when_something_is_added(
    client: OpenAI, behind: Upstream
) -> None:
    client.responses.create(model="m", input="Hello", extra_query={"memory": "off"})
    assert sent(behind)["input"] == "Hello"
    remember(client, behind)
    client.responses.create(model="m", input=QUESTION)
    notes, question = sent(behind)["input"]
    assert notes["role"] == "user"
    assert question == {"role": "user", "content": QUESTION}


def test_a_conversation_continued_by_an_id_is_one_and_the_model_gets_the_new_turn_alone(
    client: OpenAI, behind: Upstream, ask: Ask
) -> None:
    first = ask(client, STATEMENT)
    second = client.responses.with_raw_response.create(
        model="m", input="And where?", previous_response_id=first.id
    )
    assert second.headers["x-memory-matched-by"] == "history"
    assert sent(behind)["input"] == "And where?"
    assert sent(behind)["previous_response_id"] == first.id
    third = client.responses.with_raw_response.create(
        model="m", input="Since when?", previous_response_id=second.parse().id
    )
    assert third.headers["x-memory-chat-id"] == second.headers["x-memory-chat-id"]


def test_an_id_that_only_the_model_knows_is_left_to_it(client: OpenAI, behind: Upstream) -> None:
    answer = client.responses.with_raw_response.create(
        model="m", input="Hello", previous_response_id="resp_elsewhere"
    )
    assert answer.headers["x-memory-matched-by"] == "new"
    assert sent(behind)["previous_response_id"] == "resp_elsewhere"


def test_a_response_is_known_in_its_own_namespace_only(
    proxy: ServerProcess, client: OpenAI, namespace: str
) -> None:
    first = client.responses.create(model="m", input=STATEMENT)
    with proxy.openai(default_query={"namespace": f"{namespace}-other"}) as other:
        answer = other.responses.with_raw_response.create(
            model="m", input="And where?", previous_response_id=first.id
        )
    assert answer.headers["x-memory-matched-by"] == "new"


def test_a_conversation_resent_as_items_is_the_same_conversation(
    client: OpenAI, behind: Upstream, ask: Ask
) -> None:
    """As with `store=False`, or the Agents SDK: the output items come back as input."""
    behind.script(json_reply(response_of("", calls=[CALL])), path=RESPONSES_PATH)
    items: list[Any] = [{"role": "user", "content": STATEMENT}]
    first = client.responses.with_raw_response.create(
        model="m", input=items, extra_body={"tools": [LOOK_UP]}
    )
    items += [item.model_dump(exclude_none=True) for item in first.parse().output]
    items.append({"type": "function_call_output", "call_id": "call_1", "output": "yes"})
    answer = ask(client, items)
    items += [item.model_dump(exclude_none=True) for item in answer.output]
    items.append({"role": "user", "content": "Thank you."})
    last = client.responses.with_raw_response.create(model="m", input=items)
    assert last.headers["x-memory-chat-id"] == first.headers["x-memory-chat-id"]
    assert last.headers["x-memory-matched-by"] == "history"


def test_a_session_replays_across_both_endpoints(
    proxy: ServerProcess, behind: Upstream, namespace: str
) -> None:
    """One store holds what was said, whichever endpoint it was said through."""
    with proxy.openai(f"/v1/memory/ns/{namespace}", default_headers={"sessionId": "s-1"}) as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "One"}])
        image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
        said: Any = [{"role": "user", "content": [{"type": "input_text", "text": "Two"}, image]}]
        client.responses.create(model="m", input=said)
        assert sent(behind)["input"][:-1] == [
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": "You said: One"},
        ]
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Three"}])
    assert sent(behind)["messages"] == [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "You said: One"},
        {"role": "user", "content": [
            {"type": "text", "text": "Two"},
            {"type": "image_url", "image_url": {"url": image["image_url"]}},
        ]},
        {"role": "assistant", "content": "You said: Two "},
        {"role": "user", "content": "Three"},
    ]  # fmt: skip


def test_a_client_that_leaves_stops_the_model_and_the_cut_answer_is_kept(
    proxy: ServerProcess, behind: Upstream, namespace: str
) -> None:
    events = response_events(response_of("Once upon a time"))
    behind.script(sse_reply(*map(named_event, events[:5]), Stall()), path=RESPONSES_PATH)
    before = len(behind.requests)
    with proxy.openai(f"/v1/memory/ns/{namespace}", default_headers={"sessionId": "s-1"}) as client:
        stream = client.responses.create(model="m", input="Tell me", stream=True)
        for event in stream:
            if event.type == "response.output_text.delta":
                break
        stream.close()
        assert behind.wait_for_requests(before + 1)[-1].was_abandoned.wait(1.0)

        def is_kept() -> bool:
            client.responses.create(model="m", input="And then?", extra_query={"memory": "read"})
            said = sent(behind)["input"]
            return isinstance(said, list) and [item["content"] for item in said] == [
                "Tell me", "Once u", "And then?"
            ]  # fmt: skip

        wait_until(is_kept, "the cut answer")


def test_a_break_in_a_stream_is_an_error_event_that_every_client_reads(
    proxy: ServerProcess, client: OpenAI, behind: Upstream
) -> None:
    events = [named_event(each) for each in response_events(response_of("A"))[:4]]
    behind.script(*[sse_reply(*events, Cut())] * 2, path=RESPONSES_PATH)
    body = raw(proxy, b'{"model":"m","input":"Hi","stream":true}').content
    assert body.startswith(b"".join(events) + b"event: error\n")
    error = json.loads(body.rpartition(b"data: ")[2])
    assert error["type"] == "error"
    assert error["sequence_number"] == 4
    assert error["code"] == error["error"]["code"] == "upstream_error"
    assert error["message"] == error["error"]["message"]
    with pytest.raises(openai.APIError, match="broke off"):
        list(client.responses.create(model="m", input="Hi", stream=True))


def test_the_model_s_own_failure_passes_as_it_is(proxy: ServerProcess, behind: Upstream) -> None:
    failed = {**response_of("A"), "status": "failed", "error": {"code": "x", "message": "No"}}
    steps = [
        named_event(response_events(response_of("A"))[0]),
        named_event({"type": "response.failed", "sequence_number": 1, "response": failed}),
    ]
    behind.script(sse_reply(*steps), path=RESPONSES_PATH)
    assert raw(proxy, b'{"model":"m","input":"Hi","stream":true}').content == b"".join(steps)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=404, headers=(("content-type", "text/plain"),), body=(b"404 page not found",)),
        error_reply(404, "Unknown request URL", code="unknown_url"),
        json_reply({"detail": "Not Found"}, status=404),
        json_reply({"error": "Unexpected endpoint or method. (POST /v1/responses)"}, status=405),
    ],
)
def test_an_upstream_without_this_endpoint_is_explained(
    client: OpenAI, behind: Upstream, reply: Reply
) -> None:
    behind.script(reply, path=RESPONSES_PATH)
    with pytest.raises(openai.NotFoundError, match="use_responses_api=False") as caught:
        client.responses.create(model="m", input="Hi")
    assert caught.value.code == "unknown_url"


def test_a_missing_model_is_the_upstream_s_to_name(client: OpenAI, behind: Upstream) -> None:
    reply = error_reply(404, "The model `x` does not exist.", code="model_not_found")
    behind.script(reply, path=RESPONSES_PATH)
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model="x", input="Hi")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": 5}, "input"),
        ({"input": ["text"]}, "input[0]"),
        ({"input": [{"role": "king", "content": "x"}]}, "input[0].role"),
        ({"input": "x", "instructions": ["y"]}, "instructions"),
        ({"input": "x", "previous_response_id": 5}, "previous_response_id"),
        ({"input": "x", "stream": "yes"}, "stream"),
    ],
)
def test_a_bad_request_is_refused_by_field(
    proxy: ServerProcess, body: dict[str, Any], param: str
) -> None:
    answer = raw(proxy, json.dumps({"model": "m", **body}).encode())
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


# Without an upstream


@pytest.fixture
def local(server: ServerProcess, namespace: str) -> Iterator[OpenAI]:
    with server.openai(default_query={"namespace": namespace, "commit_after": 0}) as client:
        yield client


def test_the_built_in_model_answers_responses_and_remembers(local: OpenAI, ask: Ask) -> None:
    ask(local, "My name is Alice and I am allergic to peanuts.")
    wait_until(lambda: "Alice" in ask(local, "What is my name?").output_text, "the commit")
    assert "peanuts" in ask(local, "What must I not eat?").output_text


def test_the_built_in_model_continues_a_response_by_its_id(
    server: ServerProcess, namespace: str, ask: Ask
) -> None:
    """What it keeps none of, the server puts before the new turn."""
    with server.openai(f"/v1/memory/ns/{namespace}") as client:
        first = ask(client, "My name is Alice.")
        assert "Alice" in ask(client, "What is my name?", previous_response_id=first.id).output_text
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, "What is my name?", previous_response_id="resp_unknown")
    assert caught.value.code == "previous_response_not_found"


def test_a_conversation_may_go_on_from_an_earlier_response(
    server: ServerProcess, namespace: str, ask: Ask
) -> None:
    with server.openai(f"/v1/memory/ns/{namespace}") as client:
        first = ask(client, "My name is Alice.")
        ask(client, "My name is Bob.", previous_response_id=first.id)
        again = ask(client, "What is my name?", previous_response_id=first.id).output_text
    assert "Alice" in again
    assert "Bob" not in again


def test_the_built_in_stream_is_what_the_helper_expects(local: OpenAI) -> None:
    with local.responses.stream(model="m", input="Hello") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert final.output_text
    assert final.usage is not None
    assert final.usage.total_tokens == final.usage.input_tokens + final.usage.output_tokens


@pytest.mark.parametrize(
    "more",
    [
        {"text": {"format": {"type": "json_object"}}},
        {"background": True},
        {"conversation": "conv_1"},
        {"max_output_tokens": 0},
    ],
)
def test_the_built_in_model_refuses_what_it_cannot_do(local: OpenAI, more: Any) -> None:
    with pytest.raises(openai.BadRequestError):
        local.responses.create(model="m", input="Hello", **more)


# Embeddings


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_are_the_upstream_s_bytes(
    proxy: ServerProcess, behind: Upstream, encoding: str
) -> None:
    body = b'{"model":"m" ,"input":["a","b"],"encoding_format":"%b"}' % encoding.encode()
    for base in ("/v1/memory", "/v1/memory/ns/a", "/v1", "/api/publicLLM"):
        answer = raw(proxy, body, f"{base}/embeddings")
        assert behind.requests[-1].path == "/v1/embeddings"
        assert behind.requests[-1].body == body
        assert answer.content == behind.reply_to(behind.requests[-1]).body[0]


def test_without_an_upstream_the_server_s_own_embedder_answers(local: OpenAI) -> None:
    as_numbers = local.embeddings.create(
        model="any", input=["a cello", "a violin", "taxes"], encoding_format="float"
    )
    vectors = [each.embedding for each in as_numbers.data]
    assert [each.index for each in as_numbers.data] == [0, 1, 2]
    assert as_numbers.usage.total_tokens > 0
    near, far = (sum(a * b for a, b in zip(vectors[0], v, strict=True)) for v in vectors[1:])
    assert near > far
    body = {"model": "any", "input": "a cello", "encoding_format": "base64"}
    answer: Any = local.post("/embeddings", cast_to=object, body=body)
    packed = base64.b64decode(answer["data"][0]["embedding"])
    assert list(struct.unpack(f"<{len(vectors[0])}f", packed)) == pytest.approx(vectors[0])


@pytest.mark.parametrize(
    "body",
    [{}, {"input": []}, {"input": ""}, {"input": [[1, 2]]}, {"input": "a", "encoding_format": "x"},
     {"input": "a", "dimensions": 7}],
)  # fmt: skip
def test_bad_requests_for_embeddings_are_refused(local: OpenAI, body: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError):
        local.post("/embeddings", cast_to=object, body={"model": "m", **body})


def test_an_embedding_wants_a_key(proxy: ServerProcess) -> None:
    answer = httpx2.post(f"{proxy.http}/v1/memory/embeddings", content=b"{}")
    assert answer.status_code == 401
