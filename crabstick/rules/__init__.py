"""Pure decisions: values in, values out; no I/O; time and random numbers are arguments."""
