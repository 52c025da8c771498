"""The product's errors: each is one sentence that says where, what was found and what to do."""

from __future__ import annotations


class SupervisionError(Exception):
    """A mistake of the user or of the configuration; shown as one sentence, never a traceback."""


class NotFound(SupervisionError):
    """Something named does not exist."""


class Refused(SupervisionError):
    """The request is understood and not allowed in the present state."""


class ConfigurationError(SupervisionError):
    """A setting is missing or wrong."""


class StoreError(SupervisionError):
    """The database cannot be used as it is (wrong schema, unreachable, locked)."""


class RunFailed(SupervisionError):
    """An evaluation failed as a whole; nothing of it but its failure was written."""
