"""A web service that uses the client in its requests: one client for all, opened with the app.

With FastAPI it is the same: `app = FastAPI(lifespan=lifespan)` and `@app.get("/notes/{user}")`.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from eunoe import AsyncEunoe

address = os.environ.get("EUNOE_GRPC_ADDRESS", "127.0.0.1:50051")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with AsyncEunoe(address, api_key=os.environ["EUNOE_API_KEY"]) as app.state.memory:
        yield


async def notes(request: Request) -> JSONResponse:
    """GET searches a user's notes for `q`; POST keeps the body as one."""
    client: AsyncEunoe = request.app.state.memory
    user = request.path_params["user"]
    if request.method == "POST":
        kept = await client.memories.create((await request.body()).decode(), namespace=user)
        return JSONResponse({"id": kept.id})
    found = await client.search(request.query_params["q"], namespace=user, limit=3)
    return JSONResponse([each.item.value for each in found])


app = Starlette(routes=[Route("/notes/{user}", notes, methods=["GET", "POST"])], lifespan=lifespan)
