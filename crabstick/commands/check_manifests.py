"""`crabstick check --cluster MANIFEST`: whether what is about to be applied is fit to play."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version

from crabstick.commands.report import report
from crabstick.manifests.bundle import Bundle, Versions, open_bundle
from crabstick.manifests.documents import Document, read_documents
from crabstick.manifests.faults import Fault
from crabstick.manifests.kubectl import ask
from crabstick.manifests.points import look
from crabstick.manifests.rules.gates import gates
from crabstick.manifests.rules.secret import unseen
from crabstick.manifests.sources import Source, load
from crabstick.settings import Settings
from crabstick.terminal.plural import counted

__all__ = ["check_manifests"]


def check_manifests(
    settings: Settings, place: str, *, is_named: bool, say: Callable[[str], None]
) -> None:
    """Says how the manifests at `place` are, and raises the first problem at the end.

    Args:
        settings: the bot's, unless the manifests hold its settings themselves.
        place: a file, a kustomize folder, or `-` for standard input.
        is_named: whether the settings were asked for by name, and hold in any case.
        say: is given each line.

    Raises:
        ConfigError: something in the manifests is wrong.
        EnvironmentProblem: a Secret or the like is missing where they are going, or nobody can
            render the folder.
    """
    source = load(place)
    documents = read_documents(source.text, source.name)
    bundle = open_bundle(documents, source.name, _versions(), settings)
    answers = ask(unseen(bundle), gates=any(gates(bundle.cluster)))
    bundle = replace(bundle, answers=answers)
    say(f"manifests: {_title(bundle, documents)}")
    report(look(bundle, is_named=is_named, where=lambda fault: _place(fault, bundle, source)), say)


def _versions() -> Versions:
    python = ".".join(platform.python_version_tuple()[:2])
    return Versions(ray=version("ray"), python=python)


def _title(bundle: Bundle, documents: Sequence[Document]) -> str:
    others = len(documents) - 1
    beside = f", with {counted(others, 'other object')}" if others else ""
    return f"the RayCluster {bundle.cluster.metadata.name or 'without a name'}{beside}"


def _place(fault: Fault, bundle: Bundle, source: Source) -> str:
    """File and line, where somebody wrote those lines."""
    if not source.has_lines or not fault.route:
        return ""
    return f"{source.name}, line {bundle.line(fault)}: "
