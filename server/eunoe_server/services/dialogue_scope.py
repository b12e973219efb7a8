"""Where a dialogue is looked for: in the one namespace that a call means, and nowhere else.

Whatever id is guessed, a dialogue of another namespace or project does not exist; nor does one in
a namespace that nobody has stored anything in.
"""

from __future__ import annotations

from eunoe_server.domain.caller import Caller
from eunoe_server.domain.dialogue import Dialogue, DialogueStatus
from eunoe_server.domain.limits import can_be_id
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import DialogueEnded, DialogueNotFound
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.stores.database import Transaction


async def tenant_of(
    namespaces: Namespaces, caller: Caller, namespace: str | None, dialogue_id: str
) -> Tenant:
    """The namespace that the dialogue can only be in. Raises DialogueNotFound."""
    tenant = await namespaces.find(caller.project_id, caller.namespace_for(namespace))
    if tenant is None or not can_be_id(dialogue_id):
        raise DialogueNotFound
    return tenant


async def existing(tx: Transaction, dialogue_id: str) -> Dialogue:
    """The dialogue as it is now. Raises DialogueNotFound."""
    dialogue = await tx.dialogues.get(dialogue_id)
    if dialogue is None:
        raise DialogueNotFound
    return dialogue


async def locked(tx: Transaction, dialogue_id: str) -> Dialogue:
    """The dialogue, which nobody else changes before the transaction ends."""
    found = await existing(tx, dialogue_id)
    dialogue = await tx.dialogues.lock(found.dialogue_key)
    if dialogue is None:
        raise DialogueNotFound
    return dialogue


async def open_to_messages(tx: Transaction, dialogue_id: str) -> Dialogue:
    """The locked dialogue. Raises DialogueNotFound, DialogueEnded."""
    dialogue = await locked(tx, dialogue_id)
    if dialogue.status is not DialogueStatus.ACTIVE:
        raise DialogueEnded
    return dialogue
