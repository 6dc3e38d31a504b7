"""What is looked at in manifests, a module for each subject.

A rule yields what it finds in a `Bundle`; `points` names all of them, in their order.
"""
