"""What a user's environment may lack or turn against us: streams, home folder, proxies."""

import io
import os
import pwd
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from typing_extensions import Buffer, override

from crabstick.errors import EnvironmentProblem

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1", "[::1]")


class _Output(io.FileIO):
    """Loses what cannot be written (closed pipe, full disk); keeps nothing for a later flush."""

    @override
    def write(self, data: Buffer, /) -> int:
        left = memoryview(data)
        with suppress(OSError):
            while left:
                left = left[os.write(self.fileno(), left) :]
        return memoryview(data).nbytes


def secure_streams() -> None:
    """Makes standard output and error streams that never raise; `?` is what cannot be encoded.

    A closed descriptor becomes /dev/null, or else the next file that we open would get its number.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 -- standard error
        os.set_inheritable(null, True)  # noqa: FBT003 -- takes no keyword
    os.close(null)
    sys.stdin = sys.stdin or open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(
            _Output(number, "w", closefd=False),
            encoding=stream.encoding if stream else "utf-8",
            errors="replace",
            write_through=True,
        )
        for number, stream in ((1, sys.stdout), (2, sys.stderr))
    )


def home_folder() -> Path:
    """The user's home folder: HOME, else what the list of users says.

    Raises:
        EnvironmentProblem: neither is an absolute path.
    """
    with suppress(KeyError):
        home = Path(os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)
        if home.is_absolute():
            return home
    raise EnvironmentProblem("this user has no home folder: set HOME to a folder of their own")


def spare_loopback(environment: MutableMapping[str, str]) -> None:
    """Exempts this machine from its proxies, for us and for all child processes.

    Programs read either spelling; gRPC reads `no_grpc_proxy` first.
    """
    exempt = [name for name in environment if name.lower() in {"no_proxy", "no_grpc_proxy"}]
    if not any(name.lower().endswith("_proxy") for name in environment if name not in exempt):
        return  # with a variable of ours alone, macOS would ignore its own settings
    hosts = [host.strip() for name in exempt for host in environment[name].split(",")]
    hosts = ["*"] if "*" in hosts else [*filter(None, hosts), *_LOOPBACK]
    for name in {"no_proxy", "NO_PROXY", *exempt}:
        environment[name] = ",".join(dict.fromkeys(hosts))
