"""The web application that our endpoints stand in: whatever it refuses, it says so in JSON.

What it says gives nothing away of the server behind it.
"""

from collections.abc import Mapping
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from actors.http.limits import Answer, objection

__all__ = ["error_response", "new_api"]


def new_api() -> FastAPI:
    """An application without endpoints."""
    api = FastAPI(
        title="crabstick",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # the address would come from the request's own Host
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )
    api.add_middleware(_Guard)
    return api


def error_response(
    status: int, error: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Says in one sentence what is wrong."""
    return JSONResponse({"error": error}, status, headers)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    """There is no such path, or it does not know the method."""
    refused = cast("HTTPException", error)
    return error_response(refused.status_code, refused.detail.lower(), refused.headers)


async def _failed(_: Request, error: Exception) -> JSONResponse:
    """A mistake of ours; Serve logs it."""
    del error
    return error_response(500, "this should not have happened: the log says more")


class _Guard:
    """Refuses bodies here as well: not every Serve has our door."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = objection(scope["headers"]) if scope["type"] == "http" else None
        await (_response(refusal) if refusal else self._app)(scope, receive, send)


def _response(answer: Answer) -> Response:
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, answer.status, headers)
