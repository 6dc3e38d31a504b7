"""A local Ray cluster on this machine, started and ended by `crabstick up`."""
