"""One file per command: what a person may ask of crabstick. `crabstick.cli` wires them."""
