"""`client.dialogues` and what a dialogue can do, against a real server."""

from __future__ import annotations

import pytest

from eunoe import AsyncEunoe, DialogueEnded, Eunoe, JsonValue, NotFound, StateVersionMismatch


def test_messages_come_back_in_order_and_as_they_were(client: Eunoe, namespace: str) -> None:
    dialogue = client.dialogues.create(
        namespace=namespace,
        label="Support",
        tags=["open"],
        metadata={"channel": "web"},
        messages=[{"role": "user", "content": "Hello"}],
    )
    call: JsonValue = {
        "id": "c1",
        "type": "function",
        "function": {"name": "look", "arguments": "{}"},
    }
    dialogue.save_message("assistant", tool_calls=[call])
    dialogue.save_messages(
        [
            {"role": "tool", "content": "found", "tool_call_id": "c1"},
            {"role": "user", "content": [{"type": "text", "text": "Thanks"}], "name": "Ann"},
        ]
    )
    messages = list(dialogue.load_messages(limit=2))
    assert [message.role for message in messages] == ["user", "assistant", "tool", "user"]
    assert messages[1].content is None
    assert messages[1].tool_calls == (call,)
    assert messages[2].tool_call_id == "c1"
    assert messages[3].content == [{"type": "text", "text": "Thanks"}]
    assert messages[3].name == "Ann"
    again = client.dialogues.get(dialogue.id, namespace=namespace, message_limit=1)
    assert (again.label, again.tags, again.metadata) == ("Support", ("open",), {"channel": "web"})
    assert again.messages == (messages[3],)
    assert again.total_messages == dialogue.total_messages == 4


def test_a_message_can_be_retagged_and_deleted(client: Eunoe, namespace: str) -> None:
    dialogue = client.dialogues.create(namespace=namespace)
    saved = dialogue.save_message("user", "one", tags=["a"])
    assert dialogue.save_message_tags(saved.id, ["b"]).tags == ("b",)
    assert dialogue.get_message(saved.id).tags == ("b",)
    dialogue.delete_message(saved.id)
    with pytest.raises(NotFound):
        dialogue.get_message(saved.id)


def test_state_is_set_here_and_saved_there(client: Eunoe, namespace: str) -> None:
    dialogue = client.dialogues.create(namespace=namespace, state={"step": 1})
    dialogue.set_state({"cart": [2**70]})
    dialogue.save_state()
    again = client.dialogues.get(dialogue.id, namespace=namespace)
    assert again.state == {"step": 1, "cart": [2**70]}
    again.patch_state({"step": None})
    assert again.state == dialogue.load_state() == {"cart": [2**70]}


def test_a_state_that_someone_else_has_changed_is_not_overwritten(
    client: Eunoe, namespace: str
) -> None:
    mine = client.dialogues.create(namespace=namespace)
    theirs = client.dialogues.get(mine.id, namespace=namespace)
    theirs.set_state({"by": "them"})
    theirs.save_state(only_if_unchanged=True)
    mine.set_state({"by": "me"})
    with pytest.raises(StateVersionMismatch):
        mine.save_state(only_if_unchanged=True)
    assert mine.load_state() == {"by": "them"}


def test_threads_belong_to_their_dialogue(client: Eunoe, namespace: str) -> None:
    dialogue = client.dialogues.create(namespace=namespace)
    thread = dialogue.create_thread(label="aside")
    assert (thread.thread_of, thread.namespace) == (dialogue.id, namespace)
    assert [each.id for each in dialogue.threads()] == [thread.id]
    listed = {each.id for each in client.dialogues.list(namespace=namespace, limit=1)}
    assert listed == {dialogue.id, thread.id}


def test_an_ended_dialogue_takes_labels_and_tags_but_no_messages(
    client: Eunoe, namespace: str
) -> None:
    dialogue = client.dialogues.create(namespace=namespace, label="old")
    dialogue.end()
    assert dialogue.status == "ended"
    dialogue.save_label("new")
    dialogue.save_tags(["done"])
    assert (dialogue.label, dialogue.tags) == ("new", ("done",))
    with pytest.raises(DialogueEnded):
        dialogue.save_message("user", "too late")


def test_a_dialogue_does_not_exist_outside_of_its_namespace(client: Eunoe, namespace: str) -> None:
    dialogue = client.dialogues.create(namespace=namespace)
    with pytest.raises(NotFound):
        client.dialogues.get(dialogue.id)
    client.dialogues.delete(dialogue.id, namespace=namespace)
    with pytest.raises(NotFound):
        client.dialogues.get(dialogue.id, namespace=namespace)


async def test_the_same_works_with_asyncio(async_client: AsyncEunoe, namespace: str) -> None:
    dialogue = await async_client.dialogues.create(namespace=namespace)
    await dialogue.save_message("user", "Hello")
    thread = await dialogue.create_thread()
    dialogue.set_state({"a": 1})
    await dialogue.save_state()
    again = await async_client.dialogues.get(dialogue.id, namespace=namespace)
    assert again.state == {"a": 1}
    assert [message.content async for message in again.load_messages()] == ["Hello"]
    assert [each.id async for each in dialogue.threads()] == [thread.id]
