"""Functions that run on a node and report on it.

Ray pickles them by value, because the node may not have our code at all. So this module imports
nothing but Python's own library. No answer holds a secret.
"""

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

PACKAGES = ("actors", "crabstick", "engine")
_FLAG = re.compile(r"RAY_[a-z]\w*")
_PRIVATE = re.compile(r"password|secret|token")
_VERSION = re.compile(r'__version__ = "(.+)"')
PROCESSES = Path("/proc")
_MONITOR = re.compile(rb"autoscaler/(?:_private|v2)/monitor\.py")


def probe(variable: str, file: str, engine: str) -> dict[str, object]:
    """Returns the facts about this node.

    Args:
        variable: the environment variable for the Lichess token.
        file: the file for the token; empty for none.
        engine: the chess engine; empty for the bundled one.
    """
    version, code = code_of(_root())
    return {
        "python": platform.python_version(),
        "version": version,
        "code": code,
        "has_token": bool(os.environ.get(variable, "").strip()) or _has_text(file),
        "has_engine": bool(shutil.which(engine) if engine else importlib.util.find_spec("pyffish")),
        "flags": _flags(os.environ),
        "monitor": _monitor(),
    }


def now_s() -> float:
    """This node's clock, Unix time in seconds."""
    return time.time()


def code_of(root: Path | None) -> tuple[str, str]:
    """The version of crabstick below `root` and a digest of its code; both empty without a root."""
    if root is None:
        return "", ""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    text = (root / "crabstick" / "__init__.py").read_text(encoding="utf-8")
    match = _VERSION.search(text)
    return match[1] if match else "of no known version", digest.hexdigest()[:12]


def _root() -> Path | None:
    """The folder of our packages on this node."""
    found = [importlib.util.find_spec(package) for package in PACKAGES]
    origins = [spec.origin for spec in found if spec is not None and spec.origin is not None]
    return Path(origins[0]).parent.parent if len(origins) == len(PACKAGES) else None


def _has_text(file: str) -> bool:
    try:
        return bool(file) and bool(Path(file).read_bytes().strip())
    except OSError:
        return False


def _flags(environment: Mapping[str, str]) -> dict[str, str]:
    """Ray's flags, without those that may be secret."""
    return {
        name: value
        for name, value in environment.items()
        if _FLAG.fullmatch(name) and not _PRIVATE.search(name)
    }


def _monitor() -> str:
    """`watches`, or `scales` when Ray's monitor here was started with a config file.

    Empty without a monitor.
    """
    for entry in PROCESSES.glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:  # gone meanwhile, or not ours to read
            continue
        if _MONITOR.search(words):
            return "scales" if b"--autoscaling-config" in words else "watches"
    return ""
