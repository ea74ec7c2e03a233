"""Accounts: registration, sign-in, sessions and tokens."""
