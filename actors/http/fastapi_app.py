"""The FastAPI application of the endpoints: every refusal is JSON and reveals nothing internal."""

from collections.abc import Mapping
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from actors.http.request_checks import objection


def new_api() -> FastAPI:
    """An application without endpoints."""
    api = FastAPI(
        title="crabstick",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect would repeat the Host header of the request
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )
    api.add_middleware(_HeaderCheck)
    return api


def error_response(
    status: int, error: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A response that states an error in one sentence."""
    return JSONResponse({"error": error}, status, headers)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    """Answers an unknown path, or a method that a path does not have."""
    refused = cast("HTTPException", error)
    return error_response(refused.status_code, refused.detail.lower(), refused.headers)


async def _failed(_: Request, _error: Exception) -> JSONResponse:
    """Answers after a bug of ours, which Serve logs."""
    return error_response(500, "internal error: see the log")


class _HeaderCheck:
    """Applies the limits on headers and bodies where Serve's proxy runs without our guard."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = objection(scope["headers"]) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in refusal.headers}
        await Response(refusal.body, refusal.status, headers)(scope, receive, send)
