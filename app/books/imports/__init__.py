"""Imports that somebody waits for: uploads, their progress, reports, and going on after a fall."""
