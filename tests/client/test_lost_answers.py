"""A write whose answer was lost is repeated, done once, and answered as if nothing had happened.

Each attempt has the same idempotency key, so that the server tells the second what the first did.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eunoe import DuplicateId, Eunoe, Unavailable
from tests.client.lossy_proxy import LossyProxy
from tests.fixtures.server import KEY, ServerProcess


@pytest.fixture
def proxy(server: ServerProcess) -> Iterator[LossyProxy]:
    """Between the client and the server."""
    with LossyProxy(server.grpc).running() as running:
        yield running


@pytest.fixture
def lossy(proxy: LossyProxy) -> Iterator[Eunoe]:
    """A client that does not get the first answer of any method."""
    with Eunoe(proxy.address, api_key=KEY) as client:
        yield client


def test_a_memory_is_created_once(
    lossy: Eunoe, proxy: LossyProxy, client: Eunoe, namespace: str
) -> None:
    made = lossy.memories.create(
        {"n": [1, 1.0]}, namespace=namespace, tags=["a", "a"], metadata={"m": 1}, label="l"
    )
    assert proxy.calls["CreateMemory"] == 2
    assert list(client.memories.list(namespace=namespace)) == [made]


def test_a_memory_with_an_id_of_the_callers_is_created_once(
    lossy: Eunoe, client: Eunoe, namespace: str
) -> None:
    made = lossy.memories.create("dark", id=f"{namespace}-theme", namespace=namespace)
    assert client.memories.get(f"{namespace}-theme") == made


def test_the_memory_of_someone_else_is_still_a_duplicate(
    lossy: Eunoe, client: Eunoe, namespace: str
) -> None:
    lossy.memories.save_tags(lossy.memories.create("warm-up", namespace=namespace).id, [])
    client.memories.create("light", id=f"{namespace}-theme", namespace=namespace)
    with pytest.raises(DuplicateId):
        lossy.memories.create("dark", id=f"{namespace}-theme", namespace=namespace)


def test_another_value_under_the_id_is_still_a_duplicate(
    lossy: Eunoe, proxy: LossyProxy, client: Eunoe, namespace: str
) -> None:
    # The first attempt never gets anywhere: the id was taken, with something else, before it.
    client.memories.create(True, id=f"{namespace}-flag", namespace=namespace)
    with pytest.raises(DuplicateId):
        lossy.memories.create(1, id=f"{namespace}-flag", namespace=namespace)


def test_a_batch_is_created_once(
    lossy: Eunoe, proxy: LossyProxy, client: Eunoe, namespace: str
) -> None:
    made = lossy.memories.batch_create([{"value": 1}, {"value": 2}], namespace=namespace)
    assert proxy.calls["BatchCreateMemories"] == 2
    assert [memory.value for memory in made] == [1, 2]
    assert len(list(client.memories.list(namespace=namespace))) == 2


def test_a_memory_is_deleted_and_gone_is_no_error(
    lossy: Eunoe, proxy: LossyProxy, client: Eunoe, namespace: str
) -> None:
    memory = client.memories.create("x", namespace=namespace)
    lossy.memories.delete(memory.id)
    assert proxy.calls["DeleteMemory"] == 2
    assert list(client.memories.list(namespace=namespace)) == []


def test_a_dialogue_is_created_once_with_its_messages(
    lossy: Eunoe, proxy: LossyProxy, client: Eunoe, namespace: str
) -> None:
    dialogue = lossy.dialogues.create(
        namespace=namespace, label="l", state={"a": 1}, messages=[{"role": "user", "content": "x"}]
    )
    assert proxy.calls["CreateDialogue"] == 2
    assert [message.content for message in dialogue.messages] == ["x"]
    assert (dialogue.label, dialogue.state) == ("l", {"a": 1})
    assert [each.id for each in client.dialogues.list(namespace=namespace)] == [dialogue.id]


def test_messages_are_appended_once(
    lossy: Eunoe, proxy: LossyProxy, client: Eunoe, namespace: str
) -> None:
    dialogue = lossy.dialogues.create(namespace=namespace)
    saved = dialogue.save_messages(
        [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    )
    assert proxy.calls["CreateMessages"] == 2
    assert list(dialogue.load_messages()) == saved


def test_a_guarded_state_is_written_once(
    lossy: Eunoe, proxy: LossyProxy, client: Eunoe, namespace: str
) -> None:
    dialogue = lossy.dialogues.create(namespace=namespace)
    dialogue.set_state({"a": 1})
    dialogue.save_state(only_if_unchanged=True)
    assert proxy.calls["PutDialogueState"] == 2
    again = client.dialogues.get(dialogue.id, namespace=namespace)
    assert (again.state, again.state_version) == ({"a": 1}, dialogue.state_version)


def test_the_rest_is_repeated_because_twice_is_once(
    lossy: Eunoe, proxy: LossyProxy, namespace: str
) -> None:
    dialogue = lossy.dialogues.create(namespace=namespace)
    saved = dialogue.save_message("user", "one")
    assert dialogue.save_message_tags(saved.id, ["t"]).tags == ("t",)
    dialogue.patch_state({"a": 1})
    dialogue.save_label("l")
    dialogue.end()
    dialogue.delete_message(saved.id)
    lossy.dialogues.delete(dialogue.id, namespace=namespace)
    assert set(proxy.calls.values()) <= {1, 2, 3}
    assert proxy.calls["PatchDialogueState"] == proxy.calls["EndDialogue"] == 2


def test_reads_are_repeated_by_grpc_itself(lossy: Eunoe, proxy: LossyProxy) -> None:
    assert lossy.chat.models()
    assert proxy.calls["ListModels"] == 2


def test_what_costs_or_would_do_more_is_done_once(
    lossy: Eunoe, proxy: LossyProxy, client: Eunoe, namespace: str
) -> None:
    found = lossy.memories.extract(
        [{"role": "user", "content": "I love tea."}], namespace=namespace
    )
    assert [each.outcome for each in found.memories] == ["created"]
    fact = client.memories.get(found.memories[0].memory.id).fact
    assert fact is not None
    assert fact.observation_count == 1
    answer = lossy.chat.complete("Hello", namespace=namespace)
    dialogue = client.dialogues.get(answer.memory.chat_id, namespace=namespace)
    assert dialogue.total_messages == 2
    receipt = lossy.admin.delete_namespace(namespace)
    assert receipt.counts["messages"] == 2
    calls = proxy.calls
    assert calls["CompleteChat"] == calls["ExtractMemories"] == calls["DeleteNamespace"] == 2


def test_a_key_whose_secret_was_lost_is_made_once_and_not_asked_for_again(
    lossy: Eunoe, proxy: LossyProxy
) -> None:
    with pytest.raises(Unavailable):
        lossy.admin.create_key("lost", scopes=["read"])
    assert proxy.calls["CreateApiKey"] == 1
