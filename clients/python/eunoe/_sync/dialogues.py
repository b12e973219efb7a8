# Generated from ../_async by generate_sync.py. Do not edit.
"""`client.dialogues`."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Literal, Unpack

from eunoe._dialogue import DialogueOptions
from eunoe._moment import to_text, to_timestamp
from eunoe._sync.dialogue import Dialogue, create_dialogue, list_dialogues
from eunoe._sync.paging import Paged
from eunoe.v1 import dialogue_pb2

if TYPE_CHECKING:
    from eunoe._sync.wire import Wire


class Dialogues:
    """Conversations. One belongs to its namespace; elsewhere it does not exist."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(
        self, *, namespace: str | None = None, **options: Unpack[DialogueOptions]
    ) -> Dialogue:
        """Creates one, with its first messages if there are any.

        Raises DuplicateId, InvalidRequest.
        """
        return create_dialogue(self._wire, namespace, None, options)

    def get(
        self,
        id: str,  # noqa: A002 - the API's name
        *,
        namespace: str | None = None,
        message_limit: int | None = None,
    ) -> Dialogue:
        """One by its id, with its state and its latest messages (50 if not said otherwise).

        Raises NotFound.
        """
        answer = self._wire.read(
            self._wire.stubs.dialogue.GetDialogue,
            dialogue_pb2.GetDialogueRequest(
                id=id, namespace=namespace, message_limit=message_limit
            ),
        )
        return Dialogue(self._wire, answer.dialogue)

    def list(
        self,
        *,
        namespace: str | None = None,
        order: Literal["asc", "desc"] = "desc",
        created: str | date | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        thread_of: str | None = None,
        limit: int = 0,
        next: str | None = None,  # noqa: A002 - the API's name
    ) -> Paged[Dialogue]:
        """Those of one namespace by the time of their creation, without state and messages."""
        request = dialogue_pb2.ListDialoguesRequest(
            namespace=namespace,
            page_size=limit,
            order=order,
            created=to_text(created),
            start_time=to_timestamp(start, "start"),
            end_time=to_timestamp(end, "end"),
            thread_of=thread_of,
        )
        return list_dialogues(self._wire, request, next)

    def delete(
        self,
        id: str,  # noqa: A002 - the API's name
        *,
        namespace: str | None = None,
        keep_facts: bool = False,
    ) -> None:
        """Deletes one for good, with its messages and the facts that rest on it alone.

        Raises NotFound.
        """

        self._wire.write(
            self._wire.stubs.dialogue.DeleteDialogue,
            dialogue_pb2.DeleteDialogueRequest(id=id, namespace=namespace, keep_facts=keep_facts),
        )
