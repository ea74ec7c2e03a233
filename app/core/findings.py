"""What ``bookstore check`` finds: where the data break a promise."""

from dataclasses import dataclass

SHOWN = 100
"""How many breaches of one invariant are looked up; one is too many."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One breach of an invariant: which one, by what, and how it looks."""

    invariant: str
    subject: str
    detail: str
