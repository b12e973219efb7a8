"""`client.admin`: keys, namespaces, erasure."""

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
