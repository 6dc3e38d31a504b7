"""A requests session with limits for berserk, which sets neither timeouts nor a size limit.

berserk's own `TokenSession` also follows redirects, and lets `~/.netrc` replace the token.
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

from crabstick.lichess.identity import Identity

ANSWER_LIMIT: Final = 8 * 1024 * 1024
"""In bytes; fifty games of `/api/account/playing` have about 30 kB."""

_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """Time limits of a call; each phase is bounded, so the thread of the call always ends."""

    connect: timedelta = timedelta(seconds=3)
    silence: timedelta = timedelta(seconds=6)
    """Before the response starts, and between two chunks."""
    body: timedelta = timedelta(seconds=8)
    """From the status line to the end of the body."""
    call: timedelta = timedelta(seconds=10)
    """For one whole try, as the caller sees it."""
    patience: timedelta = timedelta(seconds=15)
    """No further try begins after this."""


def open_requests_session(identity: Identity, limits: CallLimits) -> requests.Session:
    """A session that sends token and User-Agent and keeps each response within the limits."""
    session = requests.Session()
    session.auth = _Bearer(identity)
    session.headers["User-Agent"] = identity.user_agent()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _BoundedAdapter(limits))
    return session


class _Bearer(AuthBase):
    """Sets the token last, so that `~/.netrc` cannot replace it."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._identity.headers()["Authorization"]
        return request


class _BoundedAdapter(HTTPAdapter):
    """Reads the whole response within the limits; follows no redirects."""

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
        """See `HTTPAdapter.send`; ignores `stream` and `timeout`.

        Raises:
            requests.TooManyRedirects: the response is a redirect.
            requests.ConnectionError: there is no response.
            requests.RequestException: the response breaks off or exceeds a limit.
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
