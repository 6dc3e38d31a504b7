"""What `crabstick check` judges: settings, engine, account, a running cluster, manifests.

Every check is a function from what was seen to findings; `table` lists them all.
"""
