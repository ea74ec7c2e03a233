"""What readers say of works, and staff who look after it."""
