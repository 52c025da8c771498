"""Bounds on what a sentence may do: a rule's message can neither stall nor flood a run."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from typing import Any, Final

MAX_TEMPLATE: Final = 4_000
MAX_SENTENCE: Final = 2_000
MAX_STEPS: Final = 1_000
MAX_PLACES: Final = 6


class Steps:
    """Counts the steps of all loops of one rendering together, nested ones included."""

    def __init__(self) -> None:
        self.taken = 0

    def take(self, values: Iterable[Any]) -> list[Any]:
        """Return the values as a list. Raises ValueError when the loops come to over 1,000."""
        taken = list(islice(values, MAX_STEPS + 1))
        self.taken += len(taken)
        if self.taken > MAX_STEPS:
            raise ValueError(f"the loops take more than {MAX_STEPS} steps")
        return taken


def bounded_range(*arguments: int) -> range:
    """`range`, of at most 1,000 numbers."""
    numbers = range(*arguments)
    # Not len(): it overflows on a range longer than a machine word.
    if numbers[MAX_STEPS:]:
        raise ValueError(f"a range of more than {MAX_STEPS} numbers")
    return numbers


def bounded_join(values: Iterable[Any], separator: str = "") -> str:
    """The values with the separator between them; joins cannot be nested into gigabytes."""
    text = separator.join(str(value) for value in islice(values, MAX_STEPS + 1))
    if len(text) > MAX_SENTENCE:
        raise ValueError(f"a join came to {len(text)} characters; at most {MAX_SENTENCE}")
    return text


def bounded_round(value: Decimal | float, places: int = 0) -> object:
    """The value rounded half to even; 0 to 6 places, for -1000000 of them would never end."""
    if not 0 <= places <= MAX_PLACES:
        raise ValueError(f"round takes 0 to {MAX_PLACES} places, not {places}")
    return round(value, places)
