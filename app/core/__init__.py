"""What every domain needs and that knows nothing about books."""
