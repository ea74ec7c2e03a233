"""Checkout, payment and what became of it."""
