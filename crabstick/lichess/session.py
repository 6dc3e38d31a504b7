"""A requests session with limits for berserk, which sets none: no timeout, no size, no end.

berserk's own `TokenSession` follows redirects as well, and lets `~/.netrc` replace the token.
"""

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from typing_extensions import override

from crabstick.lichess.identity import Login

__all__ = ["ANSWER_LIMIT", "CallLimits", "open_bounded"]

ANSWER_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of one answer; fifty games of `/api/account/playing` have about 30 kB."""

_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """How long a call may take; each phase is bounded, so the thread that runs it comes back."""

    connect: timedelta = timedelta(seconds=3)
    silence: timedelta = timedelta(seconds=6)
    """Between two pieces of the answer, and before the first."""
    body: timedelta = timedelta(seconds=8)
    """From the status line to the body's end."""
    call: timedelta = timedelta(seconds=10)
    """For the whole of one try, as the caller sees it."""
    patience: timedelta = timedelta(seconds=15)
    """After this no further try begins."""


def open_bounded(login: Login, limits: CallLimits) -> requests.Session:
    """The session: bearer and User-Agent in each request, each answer within the limits."""
    session = requests.Session()
    session.auth = _Bearer(login)
    session.headers["User-Agent"] = login.user_agent()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _BoundedAdapter(limits))
    return session


class _Bearer(AuthBase):
    """Sets the token as late as possible, after the environment had its say."""

    def __init__(self, login: Login) -> None:
        self._login = login

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._login.headers()["Authorization"]
        return request


class _BoundedAdapter(HTTPAdapter):
    """Reads the whole answer within the limits before anybody sees it; follows no redirect."""

    def __init__(self, limits: CallLimits) -> None:
        super().__init__()
        self._limits = limits

    @override
    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """See `HTTPAdapter.send`; `stream` and `timeout` are ours to say.

        Raises:
            requests.TooManyRedirects: the answer is a redirect.
            requests.ConnectionError: there is no answer.
            requests.RequestException: the answer breaks off or exceeds a limit.
        """
        del stream, timeout
        phases = (self._limits.connect.total_seconds(), self._limits.silence.total_seconds())
        response = super().send(
            request, stream=True, timeout=phases, verify=verify, cert=cert, proxies=proxies
        )
        try:
            body = self._read(response)
        except urllib3.exceptions.HTTPError as broken:
            raise requests.RequestException(f"the answer broke off: {broken}") from None
        finally:
            response.raw.close()
        if HTTPStatus.MULTIPLE_CHOICES <= response.status_code < HTTPStatus.BAD_REQUEST:
            target = response.headers.get("Location", "nowhere")[:100]
            raise requests.TooManyRedirects(f"redirected to {target}; is lichess.url right?")
        response.raw = io.BytesIO(body)
        return response

    def _read(self, response: requests.Response) -> bytes:
        end_s = time.monotonic() + self._limits.body.total_seconds()
        body = bytearray()
        while piece := response.raw.read1(_PIECE, decode_content=True):
            body += piece
            if len(body) > ANSWER_LIMIT:
                raise requests.RequestException(f"an answer of more than {ANSWER_LIMIT} bytes")
            if time.monotonic() > end_s:
                raise requests.Timeout("the answer did not end in time")
        return bytes(body)
