"""What is taken off a price, and what pays like money: coupons, automatic offers, gift cards."""
