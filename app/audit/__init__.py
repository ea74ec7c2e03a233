"""Who of the staff did what: written once, read by admins, never changed."""
