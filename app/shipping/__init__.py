"""How an order comes to its buyer, and what that costs."""
