"""A base image without a registry: Debian's essential packages and Python, of this machine.

It stands for `python:3.11-slim-bookworm`: Python is in /usr/local, and there is no compiler.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from crabstick.errors import EnvironmentProblem

NEEDED: Final = ("libffi8", "libsqlite3-0", "libssl3", "libstdc++6", "passwd", "procps")
"""Beside what Debian calls essential: for Python, for `useradd`, and for Ray."""
FOLDERS: Final = ("usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "etc", "home", "root", "var/tmp")
MOUNTS: Final = ("dev", "proc", "run", "sys", "tmp")
MERGED: Final = ("bin", "lib", "lib64", "sbin")
UNWANTED: Final = ("__pycache__", "site-packages", "test", "tkinter", "idlelib", "config-*", "*.a")
BUILD: Final = """
FROM scratch
COPY rootfs /
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
RUN chmod 1777 /tmp /var/tmp && ldconfig
"""


def lay_base(context: Path) -> None:
    """Lays files into an empty folder, of which `podman build` makes the base image.

    Raises:
        EnvironmentProblem: this machine is no Debian.
    """
    root = context / "rootfs"
    for name in (*FOLDERS, *MOUNTS):
        (root / name).mkdir(parents=True)
    for name in MERGED:
        (root / name).symlink_to(f"usr/{name}")
    own = sys.base_prefix != "/usr"
    _copy_packages(_with_all_they_need(NEEDED if own else (*NEEDED, "python3-venv")), root)
    if own:
        _copy_python(Path(sys.base_prefix), root / "usr/local")
    for name in ("passwd", "group"):
        shutil.copy(f"/usr/share/base-passwd/{name}.master", root / "etc" / name)
    (context / "Containerfile").write_text(BUILD, encoding="utf-8")


def _with_all_they_need(names: Iterable[str]) -> set[str]:
    fields = "${Package}\t${Essential}\t${Pre-Depends}, ${Depends}\n"
    rows = [line.split("\t") for line in _query("--show", f"--showformat={fields}").splitlines()]
    needs = {
        name: [re.split(r"[ (:|]", need.strip())[0] for need in wanted.split(",")]
        for name, _, wanted in rows
    }
    todo = [*names, *(name for name, essential, _ in rows if essential == "yes")]
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name in needs and name not in found:
            found.add(name)
            todo += needs[name]
    return found


def _copy_packages(names: Iterable[str], root: Path) -> None:
    for line in _query("--listfiles", *sorted(names)).splitlines():
        source, target = Path(line), root / line.removeprefix("/")
        if os.path.lexists(target):
            continue
        if source.is_symlink() or source.is_file():
            shutil.copy2(source, target, follow_symlinks=False)
        elif source.is_dir():
            target.mkdir(parents=True)


def _copy_python(source: Path, target: Path) -> None:
    (target / "bin").mkdir(parents=True, exist_ok=True)
    for program in source.glob("bin/python*"):
        shutil.copy2(program, target / "bin" / program.name, follow_symlinks=False)
    unwanted = shutil.ignore_patterns(*UNWANTED)
    shutil.copytree(
        source / "lib", target / "lib", symlinks=True, ignore=unwanted, dirs_exist_ok=True
    )


def _query(*arguments: str) -> str:
    program = shutil.which("dpkg-query")
    if program is None:
        raise EnvironmentProblem("only a Debian can be its own base image, and this is none")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
    return done.stdout
