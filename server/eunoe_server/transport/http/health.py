"""`GET /healthz`: what the gRPC health service says, for load balancers that speak HTTP only.

The one route that answers without a key.
"""

from __future__ import annotations

import msgspec
from grpc_health.v1 import health_pb2
from starlette.requests import Request
from starlette.responses import Response

from eunoe_server.transport.http.routing import Route, Wiring


class Health:
    """Asks the server how it is."""

    def __init__(self, wiring: Wiring) -> None:
        self._check = wiring.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )

    async def __call__(self, request: Request) -> Response:
        """200 while it serves, 503 otherwise; a server out of reach is a 503 as well."""
        del request
        answer = await self._check(health_pb2.HealthCheckRequest())
        is_serving = answer.status == health_pb2.HealthCheckResponse.SERVING
        body = {"status": health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}
        return Response(
            msgspec.json.encode(body),
            200 if is_serving else 503,
            headers={"content-type": "application/json", "cache-control": "no-store"},
        )


def routes() -> list[Route]:
    """The one route."""
    return [Route("GET", "/healthz", "Health.Check", Health)]
