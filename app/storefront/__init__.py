"""The pages that a shopper sees."""
