"""Kubernetes manifests of a bot, judged before anybody applies them.

`sources` brings the text, `documents` makes values of it, `reading` holds them against the tables
of fields, and `points` asks each rule. Only `sources` and `kubectl` touch anything outside.
"""
