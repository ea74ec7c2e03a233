"""What a reader is about to buy."""
