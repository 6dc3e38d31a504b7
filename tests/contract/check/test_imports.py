import subprocess
import sys


def test_without_manifests_no_reader_of_yaml_and_no_schema_is_loaded() -> None:
    code = """
import sys, crabstick.cli, crabstick.commands.check, crabstick.lichess.account_client
print({"jsonschema", "ruamel.yaml"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"
