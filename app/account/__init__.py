"""What an account's reader keeps and does here: addresses, a copy of everything, the end."""
