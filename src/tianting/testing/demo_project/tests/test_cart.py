"""The cart adds up."""

import unittest

from shop.cart import Cart


class CartTest(unittest.TestCase):
    """One cart each."""

    def test_a_few_pieces_cost_full_price(self) -> None:
        cart = Cart()
        cart.add(unit_cents=250, quantity=3)
        self.assertEqual(cart.total_cents(), 750)

    def test_ten_pieces_are_cheaper(self) -> None:
        cart = Cart()
        cart.add(unit_cents=250, quantity=9)
        cart.add(unit_cents=250)
        self.assertEqual(cart.total_cents(), 2000)


if __name__ == "__main__":
    unittest.main()
