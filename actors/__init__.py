"""The only Ray-aware code, and thin: actors carry out what `crabstick.rules` decides."""
