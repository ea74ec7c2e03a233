"""Readers who wait for a book that is out of stock."""
