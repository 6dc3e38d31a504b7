"""A program that runs with some modules masked and trims its heap.

tests/e2e run `ray start` itself; benchmarks/footprint.py measures how much memory that saves.
"""

import ctypes
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from actors.local_ray import low_memory_launcher
from actors.local_ray.low_memory_launcher import start_trimming

PROGRAM = """
import sys
try:
    import colorsys
except ImportError:
    print("no colorsys", sys.argv[1:], __name__, sys.argv[0])
else:
    print("colorsys", sys.argv[1:], __name__, sys.argv[0])
"""


@pytest.fixture(autouse=True)
def _restore_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(low_memory_launcher, "start_trimming", lambda: None)
    monkeypatch.setitem(sys.modules, "colorsys", sys)
    monkeypatch.setitem(sys.modules, "colorsys", sys.modules.pop("colorsys"))


@pytest.mark.parametrize("is_masked", [True, False])
@pytest.mark.parametrize("form", ["file", "module"])
def test_a_program_gets_its_arguments_and_lacks_masked_modules(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    form: str,
    *,
    is_masked: bool,
) -> None:
    (tmp_path / "a_program.py").write_text(PROGRAM, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    program = str(tmp_path / "a_program.py") if form == "file" else "a_program"
    switch = ["--without", "colorsys,not_there"] if is_masked else []
    monkeypatch.setattr(sys, "argv", ["us", *switch, program, "start", "--block"])
    low_memory_launcher.main()
    said = capsys.readouterr().out.split(maxsplit=1)
    assert said[0] == ("no" if is_masked else "colorsys")
    assert f"['start', '--block'] __main__ {tmp_path / 'a_program.py'}" in said[1]
    sys.modules.pop("not_there", None)


@pytest.mark.parametrize(("status", "stays"), [(0, True), (3, False)])
def test_only_a_program_that_succeeds_leaves_a_process_that_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, *, stays: bool
) -> None:
    program = tmp_path / "a_program.py"
    program.write_text(f"import sys\nsys.exit({status})", encoding="utf-8")
    became: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda _, words: became.append(words))
    monkeypatch.setattr(
        sys, "argv", ["us", "--stay", "b@1", "--nice", "0", "--add", "x", str(program)]
    )
    with suppress(SystemExit):
        low_memory_launcher.main()
    assert bool(became) == stays
    assert all(words[-2:] == ["stays-for", "b@1"] for words in became)
    assert sys.argv[1:] == ["x"]


@pytest.mark.parametrize("module", low_memory_launcher.UNUSED_COMMANDS)
def test_canary_ray_start_tolerates_each_masked_module(module: str) -> None:
    """Reads Ray's source."""
    import ray  # noqa: PLC0415 -- only here

    source = (Path(ray.__file__).parent / "scripts" / "scripts.py").read_text(encoding="utf-8")
    before, _, after = source.partition(f"    from {module} import")
    assert before.endswith("try:\n")
    assert "\nexcept" in after


def test_the_c_library_trims_the_heap_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ctypes.CDLL(None).malloc_trim(0) in {0, 1}
    low_memory_launcher.trim_heap()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    low_memory_launcher.trim_heap()


def test_a_process_trims_its_heap_repeatedly(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    is_over = threading.Event()

    def sleep(_seconds: float) -> None:
        steps.append("sleep")
        if len(steps) == 5:
            is_over.set()
            threading.Event().wait()  # for ever: the thread is a daemon

    monkeypatch.setattr("actors.local_ray.low_memory_launcher.time.sleep", sleep)
    monkeypatch.setattr(low_memory_launcher, "trim_heap", lambda: steps.append("trim"))
    start_trimming()
    assert is_over.wait(5)
    assert steps == ["sleep", "trim", "sleep", "trim", "sleep"]
