"""Lists of long messages reach a gRPC client that takes what gRPC takes by default: 4 MiB."""

from __future__ import annotations

import json

from eunoe.v1 import dialogue_pb2, dialogue_pb2_grpc
from tests.fixtures.server import METADATA, ServerProcess

COUNT = 10
CONTENT = json.dumps("x" * (900 * 1024))


def test_every_page_of_long_messages_can_be_received(server: ServerProcess, namespace: str) -> None:
    with server.channel() as channel:
        stub = dialogue_pb2_grpc.DialogueServiceStub(channel)
        stub.CreateDialogue(
            dialogue_pb2.CreateDialogueRequest(id="long", namespace=namespace), metadata=METADATA
        )
        for number in range(COUNT):
            message = dialogue_pb2.NewMessage(
                id=f"m{number}", role="system", content_json=CONTENT, tags=["a"]
            )
            stub.CreateMessages(
                dialogue_pb2.CreateMessagesRequest(
                    dialogue_id="long", namespace=namespace, messages=[message]
                ),
                metadata=METADATA,
            )
        found: list[str] = []
        token = ""
        while True:
            page = stub.ListMessages(
                dialogue_pb2.ListMessagesRequest(
                    dialogue_id="long", namespace=namespace, order="asc", page_size=200,
                    page_token=token,
                ),
                metadata=METADATA,
            )  # fmt: skip
            found += [message.id for message in page.messages]
            if not (token := page.next_page_token):
                break
        assert found == [f"m{number}" for number in range(COUNT)]
        shown = stub.GetDialogue(
            dialogue_pb2.GetDialogueRequest(id="long", namespace=namespace), metadata=METADATA
        ).dialogue
        assert shown.total_messages == COUNT
        assert [message.id for message in shown.messages] == ["m8", "m9"]
