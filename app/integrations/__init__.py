"""The outside world: payment gateways and mail, each behind a protocol."""
