"""Settings of other bot hosts: read by a table of their keys, and written as ours."""
