"""One OpenAI-compatible HTTP endpoint, spoken to in bytes through the `openai` package.

A request is sent once, as it is given, and answered by a response that is open and good, or by an
`UpstreamFailed`. The package brings the transport, the pool and the key; what it would add on its
own is turned off: retries (the caller's client retries already, and twice three is nine), redirects
(a request carries somebody's conversation and our key, and goes to the configured place only), its
description of this machine, and whatever OPENAI_* variables happen to be in the environment.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import cast

import anyio
import httpx2
import openai

from eunoe_server.errors import (
    UpstreamAnsweredError,
    UpstreamFailed,
    UpstreamRefusedUs,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from eunoe_server.tracing import carried, client_span

# A connection is looked at before it is used again, so an upstream that closed it earlier does no
# harm; a conversation's next turn comes within a minute and spares itself the TLS handshake.
_KEEPALIVE_SECONDS = 60.0
_MAX_IDLE_CONNECTIONS = 100

# No answer in words is that large; a compressed one could pretend to be anything.
MAX_ANSWER_BYTES = 64 * 1024 * 1024

# What the body no longer is once it was read here, and what belongs to the connection.
_HEADERS_OF_THE_TRANSFER = frozenset(
    {"content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"}
)

# As in the package's own list: some TLS failures arrive unmapped (pydantic/httpx2#854).
_BROKEN = (httpx2.RequestError, ssl.SSLError, anyio.EndOfStream)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long an upstream may be silent. A whole answer has no limit: a long one is fine."""

    connect_seconds: float
    #: A plain answer begins when the model has finished it.
    first_byte_seconds: float
    #: Between two parts of an answer; a comment in a stream is a part.
    idle_seconds: float


class Endpoint:
    """Where the requests go. Holds a connection pool; close it."""

    def __init__(self, base_url: str, api_key: str, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        limits = httpx2.Limits(
            max_connections=None,  # admission is decided before a request gets here
            max_keepalive_connections=_MAX_IDLE_CONNECTIONS,
            keepalive_expiry=_KEEPALIVE_SECONDS,
        )
        timeout = httpx2.Timeout(
            connect=timeouts.connect_seconds, write=timeouts.idle_seconds, read=None, pool=None
        )
        # Callers share the connections and must not share an upstream's cookies.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        http = httpx2.AsyncClient(
            limits=limits, timeout=timeout, follow_redirects=False, cookies=no_cookies
        )
        http.headers.clear()
        self._client = _UnadornedClient(
            base_url=base_url,
            api_key=api_key or "none",  # it insists on one; what is sent is below
            http_client=http,
            max_retries=0,
        )
        self._own_headers: dict[str, str | openai.Omit] = {
            "authorization": f"Bearer {api_key}" if api_key else openai.omit,
            "x-stainless-retry-count": openai.omit,
            "x-stainless-read-timeout": openai.omit,
        }

    async def aclose(self) -> None:
        await self._client.close()

    @asynccontextmanager
    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx2.Response]:
        """The open response to `body`, status 200; closed, with its connection, on leaving."""
        with client_span(f"POST {path}", {"http.request.method": "POST"}) as span:
            response = await self._send("post", path, body, {**headers, **carried()})
            span.attributes["http.response.status_code"] = response.status_code
            try:
                yield response
            finally:
                await response.aclose()

    async def get(self, path: str) -> bytes:
        """The body at `path`."""
        response = await self._send("get", path, None, {})
        try:
            return await self.read(response)
        finally:
            await response.aclose()

    async def read(self, response: httpx2.Response) -> bytes:
        """The whole body, decompressed."""
        parts = response.aiter_bytes()
        body = bytearray()
        while part := await self.next_part(parts):
            body += part
            if len(body) > MAX_ANSWER_BYTES:
                raise UpstreamFailed("The upstream model endpoint's answer is too large.")
        return bytes(body)

    async def next_part(self, parts: AsyncIterator[bytes]) -> bytes:
        """What arrived next, or nothing at the end."""
        try:
            async with asyncio.timeout(self._timeouts.idle_seconds):
                async for part in parts:
                    if part:
                        return part
                return b""
        except TimeoutError as exc:
            raise UpstreamTimeout(
                "The upstream model endpoint fell silent in the middle of its answer."
            ) from exc
        except _BROKEN as exc:
            raise UpstreamFailed(
                "The upstream model endpoint broke off in the middle of its answer."
            ) from exc

    async def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> httpx2.Response:
        options: openai.RequestOptions = {"headers": {**headers, **self._own_headers}}
        try:
            async with asyncio.timeout(self._timeouts.first_byte_seconds):
                # Asked for as a stream, the package hands over the response unread.
                if method == "post":
                    answered = await self._client.post(
                        path,
                        cast_to=httpx2.Response,
                        content=body,
                        options=options,
                        stream=True,
                        stream_cls=openai.AsyncStream[object],
                    )
                else:
                    answered = await self._client.get(
                        path,
                        cast_to=httpx2.Response,
                        options=options,
                        stream=True,
                        stream_cls=openai.AsyncStream[object],
                    )
        except (TimeoutError, openai.APITimeoutError) as exc:
            raise UpstreamTimeout from exc
        except openai.APIStatusError as exc:
            raise _refusal(exc.response) from exc
        except (openai.APIConnectionError, *_BROKEN) as exc:
            if isinstance(exc.__cause__, httpx2.ConnectError | httpx2.UnsupportedProtocol):
                raise UpstreamUnreachable from exc
            raise UpstreamFailed(
                "The upstream model endpoint closed the connection without an answer."
            ) from exc
        return cast("httpx2.Response", answered)


def response_headers(response: httpx2.Response) -> dict[str, str]:
    """The upstream's headers, names in lower case, as they are true of the body handed on."""
    return {
        name: value
        for name, value in response.headers.items()
        if name not in _HEADERS_OF_THE_TRANSFER
    }


class _UnadornedClient(openai.AsyncOpenAI):
    """The package's client, saying nothing of itself and nothing from the environment."""

    @property
    def default_headers(self) -> dict[str, str | openai.Omit]:
        return {"accept": "application/json", "content-type": "application/json"}


def _refusal(response: httpx2.Response) -> UpstreamFailed:
    status = response.status_code
    if status in (401, 403):
        return UpstreamRefusedUs()
    if status < 400:
        # Handing it on would send the client, with the key it has for us, somewhere else.
        return UpstreamFailed(
            "The upstream model endpoint answered with a redirect, which is not followed. "
            "Its operator must set EUNOE_UPSTREAM_BASE_URL to where it now is."
        )
    return UpstreamAnsweredError(status, response.content, response_headers(response))
