"""Messages of dialogues: adding them, reading them, tagging them, forgetting them.

What is added is stored as a chat stores it, with fingerprints that continue the transcript, so
that a chat goes on with a dialogue that was created here. Messages and what they are searched by
are written in one transaction; vectors are made before, and at the commit if the embedder could
not be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from eunoe_server.domain.alignment import CHAIN_START
from eunoe_server.domain.audit import AuditKind, digest_of
from eunoe_server.domain.caller import Caller
from eunoe_server.domain.dialogue import Dialogue, Message, MessageFilter, NewMessage
from eunoe_server.domain.filterable import filterable
from eunoe_server.domain.idempotency import current_repeat, new_id
from eunoe_server.domain.limit_table import MAX_MESSAGES
from eunoe_server.domain.limits import can_be_id, checked_tags
from eunoe_server.domain.listing import Listing, TokenPage
from eunoe_server.domain.message_draft import MessageDraft, chained
from eunoe_server.domain.page_token import read_token, write_token
from eunoe_server.domain.screening import NO_SCREEN, Screen
from eunoe_server.domain.search_entry import SearchObject, Vector
from eunoe_server.domain.usage import Usage
from eunoe_server.errors import (
    DuplicateId,
    FieldViolation,
    InvalidInput,
    MessageNotFound,
)
from eunoe_server.providers import Embedder
from eunoe_server.services.audit import record
from eunoe_server.services.dialogue_scope import existing, locked, open_to_messages, tenant_of
from eunoe_server.services.indexing import SEARCHABLE_ROLES, entries_for, vectors_of
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.threads import read_apart
from eunoe_server.services.usage import count
from eunoe_server.services.withdrawal import forget
from eunoe_server.stores.database import Database, Transaction, nothing_more


@dataclass(frozen=True, slots=True)
class PreparedMessages:
    """Messages that can be stored as soon as it is known what they follow."""

    new: Sequence[NewMessage]
    #: Where each stands in its request: `messages[3]`.
    paths: Sequence[str]
    #: By digest; of those that can be found at all.
    vectors: Mapping[bytes, Vector]
    #: What a search can filter by, by message id.
    filterables: Mapping[str, str]


class Messages:
    """The messages of the dialogues of all namespaces."""

    def __init__(
        self,
        database: Database,
        namespaces: Namespaces,
        embedder: Embedder,
        *,
        screen: Screen = NO_SCREEN,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self._database = database
        self._namespaces = namespaces
        self._embedder = embedder
        self._screen = screen
        self._new_id = new_id

    async def create(
        self,
        caller: Caller,
        namespace: str | None,
        dialogue_id: str,
        drafts: Sequence[MessageDraft],
        commit_after_seconds: int,
    ) -> Sequence[Message]:
        """Adds all of them, in order, or none.

        Raises InvalidInput, MissingParameter, DialogueNotFound, DialogueEnded, DuplicateId.
        """
        tenant = await tenant_of(self._namespaces, caller, namespace, dialogue_id)
        prepared = await self.prepare(drafts, [f"messages[{at}]" for at in range(len(drafts))])

        async def work(tx: Transaction) -> Sequence[Message]:
            dialogue = await open_to_messages(tx, dialogue_id)
            return await self.append(tx, dialogue, prepared, commit_after_seconds)

        async def again(tx: Transaction) -> Sequence[Message]:
            dialogue = await existing(tx, dialogue_id)
            return await stored(tx, dialogue, [message.id for message in prepared.new])

        try:
            messages = await self._database.run(tenant, work, again)
        except DuplicateId:
            ids = [message.id for message in prepared.new]
            async with self._database.transaction(tenant) as tx:
                dialogue = await existing(tx, dialogue_id)
                taken = await tx.messages.taken_ids(dialogue.dialogue_key, ids)
            _refuse_taken(ids, prepared.paths, taken)
            raise
        count(caller.namespace_for(namespace), Usage(writes=len(messages)))
        return messages

    async def prepare(
        self, drafts: Sequence[MessageDraft], paths: Sequence[str]
    ) -> PreparedMessages:
        """Everything that needs no transaction. Raises InvalidInput, MissingParameter."""
        if len(drafts) > MAX_MESSAGES:
            raise InvalidInput.of("messages", f"must be at most {MAX_MESSAGES:,}")

        def read() -> tuple[Sequence[NewMessage], Mapping[str, str]]:
            new = [
                self._screen.message(draft, self._new_id(), path)
                for draft, path in zip(drafts, paths, strict=True)
            ]
            return new, {message.id: filterable(message.metadata) for message in new}

        characters = sum(
            len(draft.content) + len(draft.tool_calls) + len(draft.extra) + len(draft.metadata)
            for draft in drafts
        )
        new, filterables = await read_apart(characters, read)
        _refuse_taken([message.id for message in new], paths, taken=frozenset())
        texts = {
            message.digest: message.text
            for message in new
            if message.text and message.role in SEARCHABLE_ROLES
        }
        # A repeat reads what the first call has stored.
        made = None if current_repeat() else await vectors_of(self._embedder, list(texts.values()))
        vectors = dict(zip(texts, made, strict=True)) if made is not None else {}
        return PreparedMessages(new, paths, vectors, filterables)

    async def append(
        self,
        tx: Transaction,
        dialogue: Dialogue,
        prepared: PreparedMessages,
        commit_after_seconds: int,
    ) -> Sequence[Message]:
        """Stores them at the end of the locked dialogue and arms its commit. Raises DuplicateId."""
        if not prepared.new:
            return []
        key = dialogue.dialogue_key
        chain = CHAIN_START
        if dialogue.next_position > 0:
            chain = await tx.messages.last_chain(key) or CHAIN_START
        messages = await tx.messages.append(dialogue, chained(prepared.new, chain))
        await tx.search.insert_entries(
            entries_for(
                dialogue, messages, prepared.vectors, self._embedder.name, prepared.filterables
            )
        )
        if dialogue.is_session_open:
            tx.at_end(tx.sessions.touching(key))
        tx.at_end(tx.commits.arming(key, commit_after_seconds))
        return messages

    async def get(
        self, caller: Caller, namespace: str | None, dialogue_id: str, message_id: str
    ) -> Message:
        """The message of this id. Raises DialogueNotFound, MessageNotFound."""
        tenant = await tenant_of(self._namespaces, caller, namespace, dialogue_id)
        async with self._database.transaction(tenant) as tx:
            dialogue = await existing(tx, dialogue_id)
            message = None
            if can_be_id(message_id):
                message = await tx.messages.get(dialogue.dialogue_key, message_id)
        if message is None:
            raise MessageNotFound
        return message

    async def list_page(
        self,
        caller: Caller,
        namespace: str | None,
        dialogue_id: str,
        wanted: MessageFilter,
        *,
        limit: int,
        token: str,
        newest_first: bool,
    ) -> TokenPage[Message]:
        """Messages by their place in the dialogue. Raises DialogueNotFound, InvalidParameter."""
        tenant = await tenant_of(self._namespaces, caller, namespace, dialogue_id)
        async with self._database.transaction(tenant) as tx:
            key = (await existing(tx, dialogue_id)).dialogue_key
            listing = Listing("messages", caller.project_id, (tenant, key, wanted), newest_first)
            after = read_token(token, listing) if token else None
            page = await tx.messages.list_page(key, wanted, limit, after, newest_first=newest_first)
        return TokenPage(page.items, write_token(page.next, listing) if page.next else None)

    async def retag(
        self,
        caller: Caller,
        namespace: str | None,
        dialogue_id: str,
        message_id: str,
        tags: Sequence[str],
    ) -> Message:
        """Replaces all tags. Raises InvalidInput, DialogueNotFound, MessageNotFound."""
        checked = self._screen.tags(checked_tags(tags))
        tenant = await tenant_of(self._namespaces, caller, namespace, dialogue_id)
        if not can_be_id(message_id):
            raise MessageNotFound

        async def work(tx: Transaction) -> Message:
            dialogue = await existing(tx, dialogue_id)
            message = await tx.messages.retag(dialogue.dialogue_key, message_id, checked)
            if message is None:
                raise MessageNotFound
            await tx.search.retag(SearchObject.MESSAGE, message.message_key, checked)
            return message

        async def again(tx: Transaction) -> Message:
            return (await stored(tx, await existing(tx, dialogue_id), [message_id]))[0]

        return await self._database.run(tenant, work, again)

    async def delete(
        self, caller: Caller, namespace: str | None, dialogue_id: str, message_id: str
    ) -> None:
        """Deletes a message, and what was learnt from it alone.

        Raises DialogueNotFound, MessageNotFound.
        """
        if current_repeat():
            return
        tenant = await tenant_of(self._namespaces, caller, namespace, dialogue_id)
        if not can_be_id(message_id):
            raise MessageNotFound

        async def work(tx: Transaction) -> None:
            dialogue = await locked(tx, dialogue_id)
            message_key = await tx.messages.delete(dialogue.dialogue_key, message_id)
            if message_key is None:
                raise MessageNotFound
            await tx.search.delete_entries(SearchObject.MESSAGE, [message_key])
            await forget(tx, dialogue_id, message_id)
            await tx.search.forget_speakers()
            await record(
                tx, AuditKind.MESSAGE_DELETED, caller.key_id, subject=digest_of(message_id)
            )

        await self._database.run(tenant, work, again=nothing_more)


async def stored(tx: Transaction, dialogue: Dialogue, ids: Sequence[str]) -> Sequence[Message]:
    """What a repeat is about, as it is now. Raises MessageNotFound when some of it is gone."""
    messages = await tx.messages.get_named(dialogue.dialogue_key, ids)
    if len(messages) < len(ids):
        raise MessageNotFound("What this request was about has been deleted since.")
    return messages


def _refuse_taken(ids: Sequence[str], paths: Sequence[str], taken: frozenset[str]) -> None:
    """Raises DuplicateId naming the first id that is taken, by an earlier one of `ids` as well."""
    seen = set(taken)
    for message_id, path in zip(ids, paths, strict=True):
        if message_id in seen:
            raise DuplicateId(
                f"{path}.id: a message with this id already exists in this dialogue.",
                fields=[FieldViolation(f"{path}.id", "already exists")],
            )
        seen.add(message_id)
