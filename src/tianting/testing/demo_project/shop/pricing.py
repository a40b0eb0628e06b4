"""What an order costs."""

DISCOUNT_FROM = 10
DISCOUNT_PERCENT = 20


def total_cents(unit_cents: int, quantity: int) -> int:
    """The price of `quantity` pieces. From ten pieces on, the whole order is 20 % cheaper."""
    full = unit_cents * quantity
    if quantity > DISCOUNT_FROM:
        return full - full * DISCOUNT_PERCENT // 100
    return full
