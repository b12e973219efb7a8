"""`client.admin`: keys, namespaces, erasure, the audit log, usage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from eunoe import AsyncEunoe, Eunoe, InvalidRequest, NotAuthenticated, NotFound, NotPermitted
from tests.fixtures.server import ServerProcess, wait_until


def test_a_key_works_where_and_as_long_as_it_may(
    client: Eunoe, server: ServerProcess, namespace: str
) -> None:
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    made = client.admin.create_key("reader of one", ["read"], namespace=namespace, expires=expires)
    key = made.api_key
    assert (key.name, key.scopes, key.namespace) == ("reader of one", ("read",), namespace)
    assert (key.namespace_prefix, key.expires, key.revoked) == (None, expires, None)
    assert made.key not in repr(made)
    with Eunoe(server.grpc, api_key=made.key) as reader:
        assert list(reader.memories.list()) == []
        with pytest.raises(NotPermitted):
            reader.memories.create("x")
        with pytest.raises(InvalidRequest, match="bound to another namespace"):
            reader.memories.list(namespace=f"{namespace}-other").page()
    revoked = client.admin.revoke_key(key.id)
    assert revoked.revoked is not None
    assert client.admin.revoke_key(key.id) == revoked
    with Eunoe(server.grpc, api_key=made.key) as late:

        def is_refused() -> bool:
            try:
                late.memories.list().page()
            except NotAuthenticated:
                return True
            return False

        wait_until(is_refused, "the revocation")
    assert key.id in {each.id for each in client.admin.list_keys(limit=2)}


def test_a_key_of_a_prefix_works_in_what_begins_so(
    client: Eunoe, server: ServerProcess, namespace: str
) -> None:
    made = client.admin.create_key("tenant", ["read", "write"], namespace_prefix=f"{namespace}/")
    assert made.api_key.namespace_prefix == f"{namespace}/"
    with Eunoe(server.grpc, api_key=made.key) as tenant:
        tenant.memories.create("x", namespace=f"{namespace}/ann")
        with pytest.raises(NotPermitted):
            tenant.memories.create("x", namespace=namespace)


def test_a_key_is_bound_in_one_way_and_one_that_is_not_there_is_not_found(
    client: Eunoe, namespace: str
) -> None:
    with pytest.raises(InvalidRequest, match="not both"):
        client.admin.create_key("x", ["read"], namespace=namespace, namespace_prefix=namespace)
    with pytest.raises(InvalidRequest) as refused:
        client.admin.create_key("x", [])
    assert refused.value.fields[0].field == "scopes"
    with pytest.raises(NotFound) as missing:
        client.admin.revoke_key("nowhere")
    assert missing.value.reason == "API_KEY_NOT_FOUND"


def test_a_rotated_key_has_a_successor_that_may_the_same(
    client: Eunoe, server: ServerProcess, namespace: str
) -> None:
    old = client.admin.create_key("job", ["read"], namespace=namespace, monthly_calls=7)
    assert old.api_key.monthly_calls == 7
    new = client.admin.rotate_key(old.api_key.id, grace_seconds=600)
    assert new.api_key.id != old.api_key.id
    for said in ("name", "scopes", "namespace", "monthly_calls"):
        assert getattr(new.api_key, said) == getattr(old.api_key, said)
    for key in (old.key, new.key):
        with Eunoe(server.grpc, api_key=key) as job:
            assert list(job.memories.list()) == []
    with pytest.raises(NotFound):
        client.admin.rotate_key("nowhere")


def test_what_was_done_is_in_the_audit_log(client: Eunoe, namespace: str) -> None:
    key = client.admin.create_key("audited", ["read"], namespace=namespace).api_key
    client.admin.revoke_key(key.id)
    events = list(client.admin.list_audit_events(subject_id=key.id, limit=1))
    assert [event.kind for event in events] == ["key_revoked", "key_created"]
    assert {event.subject for event in events} == {key.id}
    assert all(event.api_key_id and event.request_id for event in events)


def test_a_namespace_keeps_what_nobody_uses_for_as_long_as_is_said(
    client: Eunoe, namespace: str
) -> None:
    client.memories.create("x", namespace=namespace)
    assert client.admin.update_namespace(namespace, retention_days=30).retention_days == 30
    [listed] = client.admin.list_namespaces(prefix=namespace)
    assert listed.retention_days == 30
    assert client.admin.update_namespace(namespace, retention_days=None).retention_days is None
    with pytest.raises(NotFound):
        client.admin.update_namespace(f"{namespace}-nowhere", retention_days=1)


def test_usage_is_counted_by_day_and_in_all(client: Eunoe, namespace: str) -> None:
    client.memories.batch_create([{"value": "a"}, {"value": "b"}], namespace=namespace)
    client.search("a", namespace=namespace)
    client.chat.complete("Hello", namespace=namespace)

    def is_counted() -> bool:
        return client.admin.usage(namespace=namespace).total.chat_count == 1

    wait_until(is_counted, "the counting")
    used = client.admin.usage(namespace=namespace)
    assert (used.total.search_count, used.total.call_count) == (1, 3)
    assert used.total.write_count >= 2
    assert used.total.completion_tokens > 0
    assert sum(day.call_count for day in used.days.values()) == 3
    before = datetime.now(UTC) - timedelta(days=9)
    assert client.admin.usage(namespace=namespace, end=before).days == {}


async def test_namespaces_are_counted_listed_and_erased(
    async_client: AsyncEunoe, namespace: str
) -> None:
    admin = async_client.admin
    for name in ("a", "b", "c"):
        await async_client.memories.create("x", namespace=f"{namespace}-{name}")
    dialogue = await async_client.dialogues.create(namespace=f"{namespace}-a")
    await dialogue.save_message("user", "Hello")
    listed = [each async for each in admin.list_namespaces(prefix=namespace, limit=2)]
    assert sorted(each.name for each in listed) == [f"{namespace}-{name}" for name in "abc"]
    [first] = [each for each in listed if each.name.endswith("-a")]
    assert (first.memory_count, first.dialogue_count, first.message_count) == (1, 1, 1)

    tried = await admin.delete_namespace(f"{namespace}-a", dry_run=True)
    assert tried.is_dry_run
    assert tried.counts["messages"] == 1
    assert (await async_client.dialogues.get(dialogue.id, namespace=f"{namespace}-a")).messages
    receipt = await admin.delete_namespace(f"{namespace}-a")
    assert (receipt.namespace, receipt.is_dry_run) == (f"{namespace}-a", False)
    assert {kind: receipt.counts[kind] for kind in ("memories", "dialogues", "messages")} == {
        "memories": 1,
        "dialogues": 1,
        "messages": 1,
    }
    assert receipt.erased is not None
    with pytest.raises(NotFound):
        await admin.delete_namespace(f"{namespace}-a")
