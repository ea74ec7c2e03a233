"""Signing in with a code besides the password: TOTP (RFC 6238), and recovery codes."""
