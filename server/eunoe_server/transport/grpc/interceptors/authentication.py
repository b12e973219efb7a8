"""Who makes a call, and whether that key may make it."""

from __future__ import annotations

from contextvars import ContextVar

from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.errors import NotAuthenticated, NotPermitted
from eunoe_server.services.keys import Authenticator
from eunoe_server.telemetry import request_id
from eunoe_server.transport.grpc.interceptors.chain import Call, Check

_caller: ContextVar[Caller] = ContextVar("caller")


def caller() -> Caller:
    """Who makes the current call. Raises LookupError outside of an authenticated one."""
    return _caller.get()


class Authentication(Check):
    """No key, no call. What a method needs is in `SCOPES`; a method not listed needs `admin`."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def before(self, call: Call) -> None:
        """Sets `caller()` for the handler. Raises NotAuthenticated, NotPermitted."""
        who = await self._authenticator.authenticate(_token(call))
        needed = SCOPES.get(call.method.removeprefix("/eunoe.v1."), Scope.ADMIN)
        if needed not in who.scopes:
            raise NotPermitted(f"This API key has no `{needed}` scope.")
        _caller.set(who)
        # Whom the memories belong to, for the dialect that shows it (seed 004, `owner_id`).
        call.context.set_trailing_metadata(
            (("x-request-id", request_id.get()), ("x-eunoe-project", str(who.project_id)))
        )


SCOPES: dict[str, Scope] = {
    "MemoryService/CreateMemory": Scope.WRITE,
    "MemoryService/BatchCreateMemories": Scope.WRITE,
    "MemoryService/GetMemory": Scope.READ,
    "MemoryService/ListMemories": Scope.READ,
    "MemoryService/UpdateMemory": Scope.WRITE,
    "MemoryService/DeleteMemory": Scope.WRITE,
    "MemoryService/ExtractMemories": Scope.WRITE,
    "DialogueService/CreateDialogue": Scope.WRITE,
    "DialogueService/GetDialogue": Scope.READ,
    "DialogueService/ListDialogues": Scope.READ,
    "DialogueService/UpdateDialogue": Scope.WRITE,
    "DialogueService/EndDialogue": Scope.WRITE,
    "DialogueService/DeleteDialogue": Scope.WRITE,
    "DialogueService/CreateMessages": Scope.WRITE,
    "DialogueService/GetMessage": Scope.READ,
    "DialogueService/ListMessages": Scope.READ,
    "DialogueService/UpdateMessage": Scope.WRITE,
    "DialogueService/DeleteMessage": Scope.WRITE,
    "DialogueService/GetDialogueState": Scope.READ,
    "DialogueService/PutDialogueState": Scope.WRITE,
    "DialogueService/PatchDialogueState": Scope.WRITE,
    "SearchService/Search": Scope.READ,
    "ChatService/CompleteChat": Scope.WRITE,
    "ChatService/StreamChat": Scope.WRITE,
    "ChatService/CreateResponse": Scope.WRITE,
    "ChatService/StreamResponse": Scope.WRITE,
    "ChatService/CreateEmbeddings": Scope.READ,
    "ChatService/ListModels": Scope.READ,
    "ChatService/GetModel": Scope.READ,
    "AdminService/GetUsage": Scope.READ,
}


def _token(call: Call) -> str:
    """The key as `Authorization: Bearer …`, or as `x-api-key` / `api-key` (Azure's habit)."""
    values = call.metadata("authorization")
    if len(values) > 1:
        raise NotAuthenticated("Send exactly one Authorization header.")
    if values:
        scheme, _, token = values[0].partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthenticated
        return token.strip()
    for name in ("x-api-key", "api-key"):
        if values := call.metadata(name):
            return values[0].strip()
    raise NotAuthenticated("Missing API key. Send one as `Authorization: Bearer <key>`.")
