"""What somebody wants to buy."""

from shop.pricing import total_cents


class Cart:
    """Articles and how many of each."""

    def __init__(self) -> None:
        self._lines: dict[int, int] = {}

    def add(self, unit_cents: int, quantity: int = 1) -> None:
        """Put `quantity` pieces of an article into the cart."""
        self._lines[unit_cents] = self._lines.get(unit_cents, 0) + quantity

    def total_cents(self) -> int:
        """The price of everything."""
        return sum(total_cents(unit, quantity) for unit, quantity in self._lines.items())
