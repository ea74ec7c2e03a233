"""Accounts that are entered through Google or GitHub."""
