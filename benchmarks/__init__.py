"""What crabstick costs on this machine: run by hand (`make bench`), never by the tests."""
