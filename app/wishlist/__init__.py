"""Books that a reader keeps in mind."""
