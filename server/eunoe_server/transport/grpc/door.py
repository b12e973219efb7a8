"""The gRPC server's door: takes calls from the library many at a time, and refuses before serving.

grpc.aio asks its core for one call of each method, and for the next one only after the event loop
has come round several times and a thread has been woken. A busy loop then takes few calls, whatever
becomes of them: a flood waits in the core for seconds, unseen by any gate, until the core drops
what is too much with CANCELLED and no reason. And a call refused by an interceptor has by then cost
three tasks and four wake-ups.

So the calls are asked for here, many at once. One that is refused is answered in one operation;
one that is let in is begun as the library's main loop begins it, and goes through the interceptors
as ever.

That is done by overriding methods of grpc.aio's server that are not its public interface, in the
versions that it was tried with. With any other, calls come in as the library has it and are refused
by `Admission`: as right, but later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any, Protocol, cast

import grpc
import grpc.aio
import structlog
from grpc._cython import cygrpc
from grpc.aio import _server

from eunoe_server.admission import RETRY_SECONDS
from eunoe_server.errors import Overloaded, Unavailable
from eunoe_server.transport.grpc.interceptors.request_id import name_of
from eunoe_server.transport.grpc.status import NamedStatus

log = structlog.get_logger()

#: Calls of each method that may come between two rounds of the event loop.
_AT_ONCE = 32
#: Of the event loop: from the news that a caller has hung up to the end of all that its call was.
_ROUNDS_OF_A_FAREWELL = 8
#: Where what is not public is known to be as it is used here.
_KNOWN_VERSIONS = ("1.85.",)

_OVERLOADED = NamedStatus(Overloaded(retry_after_seconds=RETRY_SECONDS))
_STOPPING = NamedStatus(Unavailable("The server is stopping. Try again."))


class Doorman(Protocol):
    """Says who comes in."""

    def is_refusing(self, method: str) -> bool:
        """Whether there is no room for a call that came now."""
        ...

    def expect(self, method: str) -> Callable[[], None]:
        """A call is let in. What is given is to be called when it has ended.

        Called in the context in which the call will be served.
        """
        ...

    def has_refused(self) -> None:
        """One call was answered OVERLOADED."""
        ...


def server_with_door(
    doorman: Doorman,
    interceptors: Sequence[grpc.aio.ServerInterceptor],
    options: Sequence[tuple[str, int]],
) -> grpc.aio.Server:
    """A server that serves what is let in and answers OVERLOADED for the rest."""
    if not grpc.__version__.startswith(_KNOWN_VERSIONS):
        log.warning("this grpcio is not known: overload is refused late", grpcio=grpc.__version__)
        return grpc.aio.server(interceptors=interceptors, options=options)
    return cast("grpc.aio.Server", _Server(doorman, interceptors, options))


def turn_away(server: grpc.aio.Server) -> None:
    """From here on only calls over unix sockets come in: those of our own shim.

    What runs over HTTP may not have made its call yet; everybody else is told that the server
    stops.
    """
    if isinstance(server, _Server):
        server.turn_away()


class _Server(_server.Server):
    def __init__(
        self,
        doorman: Doorman,
        interceptors: Sequence[grpc.aio.ServerInterceptor],
        options: Sequence[tuple[str, int]],
    ) -> None:
        self._loop = cygrpc.get_working_loop()
        self._server = _Door(self._loop, None, (), tuple(interceptors), tuple(options), None)
        self._server.doorman = doorman

    def turn_away(self) -> None:
        self._server.is_closing = True


class _Door(cygrpc.AioServer):  # type: ignore[misc]
    """Takes what the core has and begins it, in place of the library's main loop."""

    doorman: Doorman
    #: Whether strangers are turned away.
    is_closing = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._own_loop, _, _, self._own_interceptors, *_ = arguments
        self._handlers = _Handlers()
        self._tasks: set[asyncio.Task[None]] = set()
        #: For whom there was no room when they came: the method, the call, and its context.
        self._outside: list[tuple[str, Any, Any]] = []

    def add_registered_method_handlers(self, handlers: dict[str, Any]) -> None:
        """The methods that are served."""
        super().add_registered_method_handlers(handlers)
        self._handlers.by_method |= handlers

    def _make_request_call_future(self, method: bytes | None) -> asyncio.Future[Any]:
        """What the main loop waits for: of a method that is served, only the server's end."""
        if method is None:
            other: asyncio.Future[Any] = super()._make_request_call_future(None)
            return other
        ended: asyncio.Future[Any] = self._own_loop.create_future()
        for _ in range(_AT_ONCE):
            self._start(self._accept(method, ended), copy_context())
        return ended

    async def _accept(self, method: bytes, ended: asyncio.Future[Any]) -> None:
        name = method.decode()
        try:
            while True:
                try:
                    self._take(name, await self._request_registered_call(method))
                except cygrpc._RequestCallError:  # noqa: SLF001
                    if not self.is_running():
                        raise
        except Exception as error:  # noqa: BLE001 - what to do then, the main loop knows
            if not ended.done():
                ended.set_exception(error)

    def _take(self, name: str, call: Any) -> None:
        if self.is_running() and not self.is_closing and not self.doorman.is_refusing(name):
            self._begin(name, call)
            return
        context = cygrpc._ServicerContext(call, None, None, self._own_loop)  # noqa: SLF001
        # Our own shim has a door itself, and has asked there.
        is_own = context.peer().startswith("unix:")
        if not self.is_running() or (self.is_closing and not is_own):
            self._start(self._say_that_it_stops(call, context), copy_context())
        elif is_own:
            self._begin(name, call)
        else:
            self._outside.append((name, call, context))
            if len(self._outside) == 1:
                self._start(self._ask_again(), copy_context())

    async def _ask_again(self) -> None:
        """Refuses, unless there is room once those have gone who hung up before these came."""
        await asyncio.sleep(0)
        came_together, self._outside = self._outside, []
        for _ in range(_ROUNDS_OF_A_FAREWELL):
            await asyncio.sleep(0)
        for name, call, context in came_together:
            if self.doorman.is_refusing(name):
                self.doorman.has_refused()
                _see_through(self._answer(call, context, _OVERLOADED))
            else:
                self._begin(name, call)

    def _answer(
        self, call: Any, context: Any, status: NamedStatus
    ) -> Coroutine[asyncio.Future[Any], None, Any]:
        """Answers a call with a status alone; the request is not waited for."""
        request_id = name_of(context.invocation_metadata())
        operations = (
            cygrpc.SendInitialMetadataOperation(None, 0),
            cygrpc.SendStatusFromServerOperation(
                status.trailing_metadata(request_id), status.code, status.message, 0
            ),
            cygrpc.ReceiveCloseOnServerOperation(0),
        )
        answering: Coroutine[asyncio.Future[Any], None, Any] = cygrpc.execute_batch(
            call, operations, self._own_loop
        )
        return answering

    async def _say_that_it_stops(self, call: Any, context: Any) -> None:
        # Not at once, as in a flood: what the core still holds is taken first.
        with suppress(cygrpc.ExecuteBatchError):  # otherwise the caller has left
            await self._answer(call, context, _STOPPING)

    def _begin(self, name: str, call: Any) -> None:
        context = copy_context()
        end = context.run(self.doorman.expect, name)
        self._start(self._serve(name, call), context, end)

    async def _serve(self, name: str, call: Any) -> None:
        """As the main loop does it."""
        handling = cygrpc._handle_rpc(  # noqa: SLF001
            name, self._handlers, self._own_interceptors, call, self._own_loop, False
        )
        await cygrpc._schedule_rpc_coro(handling, call, self._own_loop, name)  # noqa: SLF001

    def _start(
        self,
        work: Coroutine[Any, Any, None],
        context: Context,
        end: Callable[[], None] = lambda: None,
    ) -> None:
        task = self._own_loop.create_task(work, context=context)
        self._tasks.add(task)  # the loop itself holds tasks only weakly

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            end()

        task.add_done_callback(ended)


class _Handlers:
    """What the library asks for a method's handler."""

    def __init__(self) -> None:
        self.by_method: dict[str, Any] = {}

    def resolve_handler(self, details: grpc.HandlerCallDetails) -> Any:
        """None if there is none."""
        return self.by_method.get(details.method)


def _see_through(answering: Coroutine[asyncio.Future[Any], None, Any]) -> None:
    """Runs what waits for nothing but the core. A task for each would cost as much as the rest."""
    try:
        waits_for = answering.send(None)
    except (StopIteration, cygrpc.ExecuteBatchError):  # it is answered, or the caller has left
        return
    waits_for.add_done_callback(lambda _: _see_through(answering))
