"""Dialogues: opening, reading, changing, ending and forgetting them.

A chat and DialogueService keep the same dialogues; neither knows which of the two made one.
Messages are `messages.py`'s, states are `dialogue_states.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from eunoe_server.domain.audit import AuditKind, digest_of
from eunoe_server.domain.caller import Caller
from eunoe_server.domain.dialogue import (
    Dialogue,
    DialogueFilter,
    DialogueStatus,
    Message,
    MessageFilter,
)
from eunoe_server.domain.dialogue_draft import DialogueChange, DialogueDraft
from eunoe_server.domain.idempotency import current_repeat, new_id
from eunoe_server.domain.limits import can_be_id
from eunoe_server.domain.listing import Listing, TokenPage
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.page_token import read_token, write_token
from eunoe_server.domain.screening import NO_SCREEN, Screen
from eunoe_server.domain.usage import Usage
from eunoe_server.errors import DialogueNotFound, DuplicateId, FieldViolation
from eunoe_server.services.audit import record
from eunoe_server.services.dialogue_scope import existing, locked, tenant_of
from eunoe_server.services.messages import Messages, stored
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.threads import read_apart
from eunoe_server.services.usage import count
from eunoe_server.services.withdrawal import forget
from eunoe_server.stores.database import Database, Transaction, nothing_more


@dataclass(frozen=True, slots=True)
class DialogueView:
    """A dialogue and what a caller sees beside it."""

    dialogue: Dialogue
    thread_count: int
    #: Earliest first; which ones the call says.
    messages: Sequence[Message] = ()


class Dialogues:
    """The dialogues of all namespaces."""

    def __init__(
        self,
        database: Database,
        namespaces: Namespaces,
        messages: Messages,
        *,
        screen: Screen = NO_SCREEN,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self._database = database
        self._namespaces = namespaces
        self._messages = messages
        self._screen = screen
        self._new_id = new_id

    async def create(
        self,
        caller: Caller,
        namespace: str | None,
        draft: DialogueDraft,
        first: Sequence[MessageDraft],
        paths: Sequence[str],
        commit_after_seconds: int,
    ) -> DialogueView:
        """Opens a dialogue with its first messages, which stand at `paths` in the request.

        Raises InvalidInput, MissingParameter, DuplicateId, and DialogueNotFound for the dialogue
        that it shall be a thread of.
        """
        name = caller.namespace_for(namespace)
        parent_id = draft.thread_of
        if parent_id is not None:
            tenant = await self._namespaces.find(caller.project_id, name)
            if tenant is None or not can_be_id(parent_id):
                raise _no_parent()
        new = await read_apart(
            len(draft.state) + len(draft.metadata),
            lambda: self._screen.dialogue(draft, self._new_id()),
        )
        if new.created_at is None and first:
            new = replace(new, created_at=first[0].created_at)
        prepared = await self._messages.prepare(first, paths)

        async def work(tx: Transaction) -> DialogueView:
            if parent_id is not None and await tx.dialogues.get(parent_id) is None:
                raise _no_parent()
            dialogue = await tx.dialogues.insert_if_absent(new)
            if dialogue is None:
                raise DuplicateId(
                    "id: a dialogue with this id already exists in this namespace.",
                    fields=[FieldViolation("id", "already exists")],
                )
            messages = await self._messages.append(tx, dialogue, prepared, commit_after_seconds)
            return await _view(tx, await existing(tx, dialogue.id), messages)

        async def again(tx: Transaction) -> DialogueView:
            dialogue = await existing(tx, new.id)
            messages = await stored(tx, dialogue, [message.id for message in prepared.new])
            return await _view(tx, dialogue, messages)

        view = await self._namespaces.write(caller.project_id, name, work, again)
        count(name, Usage(writes=len(first)))
        return view

    async def get(
        self, caller: Caller, namespace: str | None, dialogue_id: str, message_limit: int
    ) -> DialogueView:
        """The dialogue with its latest messages. Raises DialogueNotFound."""
        tenant = await tenant_of(self._namespaces, caller, namespace, dialogue_id)
        async with self._database.transaction(tenant) as tx:
            dialogue = await existing(tx, dialogue_id)
            latest: Sequence[Message] = ()
            if message_limit > 0:
                page = await tx.messages.list_page(
                    dialogue.dialogue_key, MessageFilter(), message_limit
                )
                latest = page.items
            return await _view(tx, dialogue, latest[::-1])

    async def list_page(
        self,
        caller: Caller,
        namespace: str | None,
        wanted: DialogueFilter,
        *,
        limit: int,
        token: str,
        newest_first: bool,
    ) -> TokenPage[DialogueView]:
        """Dialogues of one namespace, without states and messages. Raises InvalidParameter."""
        tenant = await self._namespaces.find(caller.project_id, caller.namespace_for(namespace))
        listing = Listing("dialogues", caller.project_id, (tenant, wanted), newest_first)
        after = read_token(token, listing) if token else None
        if tenant is None:
            return TokenPage((), None)
        async with self._database.transaction(tenant) as tx:
            page = await tx.dialogues.list_page(wanted, limit, after, newest_first=newest_first)
            threads = await tx.dialogues.count_threads([each.id for each in page.items])
        return TokenPage(
            [DialogueView(each, threads.get(each.id, 0)) for each in page.items],
            write_token(page.next, listing) if page.next else None,
        )

    async def change(
        self, caller: Caller, namespace: str | None, dialogue_id: str, change: DialogueChange
    ) -> DialogueView:
        """Changes what is named. Raises InvalidInput, DialogueNotFound."""
        tenant = await tenant_of(self._namespaces, caller, namespace, dialogue_id)
        accepted = await read_apart(len(change.state or ""), lambda: self._screen.change(change))

        async def work(tx: Transaction) -> DialogueView:
            key = (await locked(tx, dialogue_id)).dialogue_key
            if accepted.label is not None:
                await tx.dialogues.rename(key, accepted.label or None)
            if accepted.tags is not None:
                await tx.dialogues.retag(key, accepted.tags)
            if accepted.state is not None:
                await tx.dialogues.put_state(key, accepted.state)
            return await _view(tx, await existing(tx, dialogue_id))

        async def again(tx: Transaction) -> DialogueView:
            return await _view(tx, await existing(tx, dialogue_id))

        return await self._database.run(tenant, work, again)

    async def end(self, caller: Caller, namespace: str | None, dialogue_id: str) -> DialogueView:
        """Ends a dialogue and has it committed; a second time nothing happens.

        Raises DialogueNotFound.
        """
        tenant = await tenant_of(self._namespaces, caller, namespace, dialogue_id)

        async def work(tx: Transaction) -> DialogueView:
            dialogue = await locked(tx, dialogue_id)
            if dialogue.status is DialogueStatus.ACTIVE:
                await tx.dialogues.end(dialogue.dialogue_key)
                if dialogue.next_position > 0:
                    tx.at_end(tx.commits.arming(dialogue.dialogue_key, 0))
                dialogue = await existing(tx, dialogue_id)
            return await _view(tx, dialogue)

        # Ending what has ended changes nothing, so a repeat may do it again.
        return await self._database.run(tenant, work, again=work)

    async def delete(
        self, caller: Caller, namespace: str | None, dialogue_id: str, *, keep_facts: bool
    ) -> None:
        """Deletes a dialogue with all that is only there because of it. Raises DialogueNotFound."""
        if current_repeat():
            return
        tenant = await tenant_of(self._namespaces, caller, namespace, dialogue_id)

        async def work(tx: Transaction) -> None:
            await erase(tx, await locked(tx, dialogue_id), keep_facts=keep_facts)
            await tx.search.forget_speakers()
            await record(
                tx, AuditKind.DIALOGUE_DELETED, caller.key_id, subject=digest_of(dialogue_id)
            )

        await self._database.run(tenant, work, again=nothing_more)


async def erase(tx: Transaction, dialogue: Dialogue, *, keep_facts: bool) -> None:
    """Deletes a locked dialogue with all that is only there because of it.

    But for the names of its speakers: who has erased all that goes at once forgets those.
    """
    # Its messages and what they were searched by go with it, by their foreign keys.
    await tx.dialogues.delete(dialogue.dialogue_key)
    await tx.commits.disarm(dialogue.dialogue_key)
    await tx.sessions.forget(dialogue.dialogue_key)
    if keep_facts:
        await tx.facts.detach(dialogue.id)
    else:
        await forget(tx, dialogue.id)


async def _view(
    tx: Transaction, dialogue: Dialogue, messages: Sequence[Message] = ()
) -> DialogueView:
    threads = await tx.dialogues.count_threads([dialogue.id])
    return DialogueView(dialogue, threads.get(dialogue.id, 0), messages)


def _no_parent() -> DialogueNotFound:
    return DialogueNotFound(
        "threadOf: this dialogue does not exist in this namespace.",
        fields=[FieldViolation("threadOf", "does not exist")],
    )
