"""Who hears what, and when: the messages that the shop sends."""
