"""A chat: whose conversation, what is recalled, the upstream's answer, the exchange kept.

Memory never stands in the way of a chat. Each of its steps has a deadline; one that fails is left
out, named in the report and counted. Only mode `write` turns a failure to store into an error. The
upstream is asked once, and what it says goes through unchanged.

A chat that memory has no room for is refused before it begins: steps that all wait for each other
would all run into their deadlines, and a third of the answers would forget without need.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import structlog

from eunoe_server.admission import Gate
from eunoe_server.domain.answer import Answer
from eunoe_server.domain.caller import Caller
from eunoe_server.domain.chat import ChatRequest, MemoryMode
from eunoe_server.domain.deadline import due_in
from eunoe_server.domain.idempotency import Claim, current_claim, current_repeat
from eunoe_server.domain.json_fields import fields_of
from eunoe_server.domain.notes import Note, as_message, render
from eunoe_server.domain.recalled import Recalled
from eunoe_server.domain.tokens import estimate_tokens
from eunoe_server.domain.turn import Turn
from eunoe_server.domain.usage import Usage
from eunoe_server.domain.wire_form import AnswerInPieces, WireForm
from eunoe_server.errors import (
    InvalidRequest,
    LimitReached,
    MemoryUnavailable,
    NotFound,
    PreconditionFailed,
    Unavailable,
    UpstreamAnsweredError,
    UpstreamFailed,
)
from eunoe_server.providers import ChatModel, ModelAnswer
from eunoe_server.services.conversations import Conversations, Found, last_user_index
from eunoe_server.services.idempotency import Idempotency
from eunoe_server.services.recall import Recall
from eunoe_server.services.threads import read_apart
from eunoe_server.services.usage import count
from eunoe_server.telemetry import Metrics, Stages

log = structlog.get_logger()

T = TypeVar("T")

_JSON = {"content-type": "application/json"}

#: What a caller may have sent on to the upstream. Never credentials: the upstream's are ours.
FORWARDED_HEADERS = frozenset(
    {"openai-beta", "openai-organization", "openai-project", "x-client-request-id"}
)


#: The answer is paid for when it is stored, and a write that was begun is finished; so it may take
#: longer than the steps that come before the question.
STORE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ChatReport:
    """What memory did for one chat."""

    chat_id: str = ""
    namespace: str = ""
    matched_by: str = ""
    notes: tuple[Note, ...] = ()
    #: Steps that were left out for a fault: identity, recall, store.
    degraded: tuple[str, ...] = ()
    injected_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """A whole answer: the upstream's bytes, and what memory did."""

    body: bytes
    headers: dict[str, str]
    report: ChatReport
    stages: Stages
    status: int = 200


@dataclass(frozen=True, slots=True)
class Started:
    """The upstream has begun to answer."""

    report: ChatReport
    #: Goes on being filled while the answer comes.
    stages: Stages
    status: int
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Piece:
    """The data of one server-sent event, verbatim."""

    data: bytes
    #: What the event is called; empty: it has no name.
    name: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole, and kept if `is_stored`."""

    chat_id: str
    is_stored: bool
    degraded: tuple[str, ...]


ChatEvent = Started | Piece | Finished


@dataclass(slots=True)
class _Exchange:
    """One chat in the making."""

    caller: Caller
    request: ChatRequest
    stages: Stages
    turns: tuple[Turn, ...] = ()
    found: Found | None = None
    notes: tuple[Note, ...] = ()
    body: bytes = b""
    injected_tokens: int = 0
    degraded: list[str] = field(default_factory=list)

    def report(self) -> ChatReport:
        # What is neither there nor going to be has no id.
        is_kept = self.found is not None and (
            self.request.mode.stores or self.found.dialogue is not None
        )
        return ChatReport(
            chat_id=self.found.chat_id if self.found and is_kept else "",
            namespace=self.request.namespace,
            matched_by=self.found.matched_by if self.found else "",
            notes=self.notes,
            degraded=tuple(self.degraded),
            injected_tokens=self.injected_tokens,
        )


class Chats:
    """Answers that remember, in each form that a model is asked in."""

    def __init__(
        self,
        conversations: Conversations,
        recall: Recall,
        model: ChatModel,
        idempotency: Idempotency,
        metrics: Metrics,
        *,
        notes_role: str,
        memory_deadline_seconds: float,
        steps: Gate,
    ) -> None:
        """`steps` is how many chats at a time may be busy with memory; none while its model is."""
        self._conversations = conversations
        self._recall = recall
        self._model = model
        self._idempotency = idempotency
        self._metrics = metrics
        self._notes_role = notes_role
        self._deadline_seconds = memory_deadline_seconds
        self._steps = steps

    async def complete(self, caller: Caller, request: ChatRequest) -> ChatAnswer:
        """One whole answer, after the exchange is kept. Raises UpstreamFailed, InvalidInput."""
        if (claim := current_repeat()) is not None:
            report, (whole,) = await self._told_before(request, claim)
            return ChatAnswer(whole, {}, report, Stages(self._metrics))
        async with self._leased(request):
            return await self._complete(caller, request)

    async def _complete(self, caller: Caller, request: ChatRequest) -> ChatAnswer:
        exchange = await self._prepare(caller, request)
        body = request.body
        with exchange.stages.stage("upstream"):
            answer = await self._model.complete(exchange.body, _forwarded(request), form=body.form)
        await self._keep(exchange, body.read_answer(answer.body), [answer.body])
        return ChatAnswer(answer.body, dict(answer.headers), exchange.report(), exchange.stages)

    async def stream(self, caller: Caller, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """The answer in pieces, `Finished` after the exchange is kept.

        A stream that breaks, or that the caller leaves, is kept as far as it came and marked as
        cut. Raises UpstreamFailed before the first event or between pieces; an error that the
        upstream sends as an event is one.
        """
        if (claim := current_repeat()) is not None:
            report, told = await self._told_before(request, claim)
            yield Started(report, Stages(self._metrics), 200, {})
            pieces = request.body.answer_in_pieces()
            for data in told:
                pieces.feed(data)
                yield Piece(data, pieces.event_name)
            yield Finished(report.chat_id, is_stored=True, degraded=())
            return
        async with self._leased(request), aclosing(self._stream(caller, request)) as events:
            async for event in events:
                yield event

    async def _stream(
        self, caller: Caller, request: ChatRequest
    ) -> AsyncGenerator[ChatEvent, None]:
        exchange = await self._prepare(caller, request)
        pieces = request.body.answer_in_pieces()
        told: list[bytes] | None = None if current_claim() is None else []
        last: Piece | None = None
        first_token = exchange.stages.start("first_token")
        asking = self._model.stream(exchange.body, _forwarded(request), form=request.body.form)
        try:
            async with asking as upstream:
                yield Started(exchange.report(), exchange.stages, 200, dict(upstream.headers))
                async for data in upstream:
                    first_token()
                    pieces.feed(data)
                    if told is not None:
                        told.append(data)
                    if pieces.failed:
                        # Its status is spent; a gateway that got no whole answer says 502.
                        raise UpstreamAnsweredError(502, data, _JSON)
                    piece = Piece(data, pieces.event_name)
                    if pieces.has_ended:
                        last = piece  # whoever reads it may leave, so it comes after the exchange
                        break
                    yield piece
                # Some endpoints never say [DONE]; one that says neither that nor why it stopped
                # has broken off.
                if not (last or upstream.was_completed or pieces.is_complete):
                    raise UpstreamFailed("The upstream broke off its answer.")
        except (Exception, asyncio.CancelledError, GeneratorExit):
            # The upstream's connection is closed by now.
            await self._keep_cut(exchange, pieces)
            raise
        is_stored = await self._keep(exchange, pieces.answer(), told)
        if last is not None:
            yield last
        report = exchange.report()
        yield Finished(report.chat_id, is_stored, report.degraded)

    async def embed(self, body: bytes, forward_headers: Mapping[str, str]) -> ModelAnswer:
        """Vectors for texts, as OpenAI's `/embeddings` gives them; memory has no part in it."""
        fields_of(body)
        return await self._model.complete(
            body, _passable(forward_headers), form=WireForm.EMBEDDINGS
        )

    async def list_models(self) -> bytes:
        """The upstream's model list, verbatim."""
        return await self._model.list_models()

    def _leased(self, request: ChatRequest) -> AbstractAsyncContextManager[None]:
        """Holds the idempotency key. What is not stored cannot be told again, so it has none."""
        return self._idempotency.leased() if request.mode.stores else nullcontext()

    async def _told_before(
        self, request: ChatRequest, claim: Claim
    ) -> tuple[ChatReport, tuple[bytes, ...]]:
        """What the first request with this idempotency key was told. Raises MessageNotFound."""
        kept = await self._idempotency.kept_answer(claim)
        report = ChatReport(
            chat_id=kept.chat_id, namespace=request.namespace, matched_by=kept.matched_by
        )
        return report, kept.pieces

    async def _prepare(self, caller: Caller, request: ChatRequest) -> _Exchange:
        exchange = _Exchange(caller, request, Stages(self._metrics), body=request.body.raw)
        if request.mode is not MemoryMode.OFF:
            # Refused here, before it has cost anything, rather than answered without memory: the
            # deadlines of the steps begin when there is room for them.
            async with self._steps.entered():
                await self._remember(exchange)
        return exchange

    async def _remember(self, exchange: _Exchange) -> None:
        """Finds the conversation and what fits the question, and puts it into the body."""
        request = await self._after_previous(exchange)
        exchange.turns = await read_apart(len(request.body.raw), lambda: tuple(request.body.turns))
        if not exchange.turns:
            return
        found = await self._step(
            exchange,
            "identity",
            self._conversations.find(exchange.caller.project_id, request, exchange.turns),
        )
        exchange.found = found or self._conversations.unknown(
            request, exchange.turns, was_looked_for=False
        )
        if not request.mode.recalls:
            return
        last_user = last_user_index(exchange.turns)
        if last_user is not None and request.body.holds(last_user):
            recalling = self._recall.notes(exchange.found, exchange.turns, exchange.stages)
            exchange.notes = await self._step(exchange, "recall", recalling) or ()
        with exchange.stages.stage("inject"):
            exchange.body = self._compose(exchange, exchange.found)
        self._metrics.recall_notes.observe(len(exchange.notes))

    async def _after_previous(self, exchange: _Exchange) -> ChatRequest:
        """The request with the turns that it continues by the id of an answer.

        An id that nobody knows stays in the body: it may be the upstream's own affair.
        """
        request = exchange.request
        if response_id := request.body.previous_response_id:
            finding = self._conversations.until(
                exchange.caller.project_id, request.namespace, response_id
            )
            if earlier := await self._step(exchange, "identity", finding):
                body = request.body.following(earlier, is_known=self._model.keeps_responses)
                exchange.request = request = replace(request, body=body)
                exchange.body = body.raw
        return request

    def _compose(self, exchange: _Exchange, found: Found) -> bytes:
        """History in front of the first message that is no instruction, notes before the question.

        What stands before the last user turn stays as the client sent it, so that an upstream's
        prompt cache holds.
        """
        turns = exchange.turns
        inserted: list[tuple[int, Sequence[bytes]]] = []
        body = exchange.request.body
        if found.replay and body.previous_response_id is None:
            inserted.append((found.replay_before, found.replay))
        block = render(exchange.notes)
        last_user = last_user_index(turns)
        if block and last_user is not None:
            inserted.append((last_user, [as_message(block, self._notes_role)]))
            exchange.injected_tokens = estimate_tokens(block)
        return body.with_inserted(inserted)

    async def _keep(
        self,
        exchange: _Exchange,
        answer: Answer | None,
        told: Sequence[bytes] | None = None,
    ) -> bool:
        """Stores the exchange if the mode says so; whether it is stored.

        `told` is the answer as it was sent; None: a repeat shall not get it.
        """
        request, found = exchange.request, exchange.found
        self._count(exchange, answer)
        if not request.mode.stores or found is None or answer is None:
            return False
        storing = self._conversations.store(
            exchange.caller.project_id,
            request,
            found,
            exchange.turns,
            answer,
            [
                Recalled(note.quote.object, note.quote.object_key, note.relevance)
                for note in exchange.notes
            ],
            told,
        )
        # Where memory has failed before the question, it is not waited for long after the answer.
        seconds = None if exchange.degraded else STORE_SECONDS
        stored = await self._step(exchange, "store", self._owed(storing), seconds)
        if stored is None:
            if request.mode is MemoryMode.WRITE:
                raise MemoryUnavailable
            return False
        exchange.found = replace(found, chat_id=stored.chat_id, matched_by=stored.matched_by)
        return True

    async def _owed(self, work: Coroutine[Any, Any, T]) -> T:
        """What is paid for: never refused, and before those chats that only begin."""
        try:
            async with self._steps.entered(is_owed=True):
                return await work
        finally:
            work.close()  # it may never have begun

    def _count(self, exchange: _Exchange, answer: Answer | None) -> None:
        matched_by = exchange.found.matched_by if exchange.found else "off"
        self._metrics.chats.labels(matched_by).inc()
        tokens = self._metrics.chat_tokens
        tokens.labels("injected").inc(exchange.injected_tokens)
        used = Usage(chats=1, injected_tokens=exchange.injected_tokens)
        if answer is not None and answer.usage is not None:
            tokens.labels("prompt").inc(answer.usage.prompt_tokens)
            tokens.labels("completion").inc(answer.usage.completion_tokens)
            used += Usage(
                prompt_tokens=answer.usage.prompt_tokens,
                completion_tokens=answer.usage.completion_tokens,
            )
        count(exchange.request.namespace, used)

    async def _keep_cut(self, exchange: _Exchange, pieces: AnswerInPieces) -> None:
        """Stores what had arrived; shielded, so that a cancelled caller does not stop it."""
        answer = pieces.answer()
        if answer is None:
            return
        keeping = asyncio.ensure_future(self._keep(exchange, answer))
        try:
            await asyncio.shield(keeping)
        except MemoryUnavailable:
            log.warning("cut answer not stored")

    async def _step(
        self,
        exchange: _Exchange,
        name: str,
        work: Awaitable[T],
        deadline_seconds: float | None = None,
    ) -> T | None:
        """One step of memory within its deadline; None, and named in the report, if it fails."""
        seconds = deadline_seconds or self._deadline_seconds
        try:
            async with asyncio.timeout(seconds):
                with due_in(seconds), exchange.stages.stage("search" if name == "recall" else name):
                    return await work
        except (InvalidRequest, NotFound, PreconditionFailed):
            # Once there is an answer, it is given whatever became of the conversation.
            if name != "store":
                raise
            log.warning("exchange not stored: its conversation has ended or is gone")
        except (TimeoutError, Unavailable, LimitReached) as error:
            log.warning("memory step left out", step=name, error=type(error).__name__)
        except Exception:
            log.exception("memory step failed", step=name)
        exchange.degraded.append(name)
        self._metrics.chats_degraded.labels(name).inc()
        return None


def _forwarded(request: ChatRequest) -> Mapping[str, str]:
    return _passable(request.forward_headers or {})


def _passable(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name in FORWARDED_HEADERS}
