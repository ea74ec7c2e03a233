"""What is done with orders after they were placed, and what is told of it."""
