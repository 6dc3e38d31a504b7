"""Typed fakes of Lichess, of the cluster and of an engine; contract tests run on fake and real."""
