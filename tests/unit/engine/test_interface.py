from engine.interface import EngineSpec


def test_replacing_an_option_does_not_mind_its_case() -> None:
    spec = EngineSpec(command=("fish",), options={"hash": 64, "Threads": 2})
    assert spec.with_option("Hash", 16).options == {"Threads": 2, "Hash": 16}


def test_the_label_is_the_command_cut_to_a_line() -> None:
    assert EngineSpec(command=("fish", "-v")).label == "fish -v"
    assert len(EngineSpec(command=("fish", "x" * 200)).label) == 80
