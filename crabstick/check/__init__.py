"""The checks of `crabstick check`: settings, engine, account, a running cluster, manifests.

A check is a function that takes what it judges and returns findings. `all_checks` lists those of
machine and cluster, `manifest_checks` those of manifests.
"""
