"""Signing in with an account elsewhere: Google, by OpenID Connect; GitHub, by OAuth 2."""
