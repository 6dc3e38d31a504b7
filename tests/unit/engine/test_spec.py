import sys
from datetime import timedelta

from engine.spec import EngineSpec, embedded_spec


def test_replacing_an_option_does_not_mind_its_case() -> None:
    spec = EngineSpec(command=("fish",), options={"hash": 64, "Threads": 2})
    assert spec.with_option("Hash", 16).options == {"Threads": 2, "Hash": 16}


def test_replacing_an_option_leaves_the_old_spec_alone() -> None:
    spec = EngineSpec(command=("fish",), options={"Hash": 64})
    spec.with_option("Hash", 16)
    assert spec.options == {"Hash": 64}


def test_an_engine_runs_nicer_than_we_do_and_has_ten_seconds_to_start() -> None:
    spec = EngineSpec(command=("fish",))
    assert (spec.niceness, spec.start_timeout) == (10, timedelta(seconds=10))


def test_the_label_is_the_command_cut_to_a_line() -> None:
    assert EngineSpec(command=("fish", "-v")).label == "fish -v"
    assert len(EngineSpec(command=("fish", "x" * 200)).label) == 80


def test_the_embedded_engine_is_run_by_our_own_python() -> None:
    spec = embedded_spec({"Hash": 8})
    assert spec.command == (sys.executable, "-m", "engine.embedded")
    assert spec.options == {"Hash": 8}
    assert embedded_spec().options == {}
