"""ONIX for Books 3.1, 3.0 and 2.1, with reference or short tags: a byte stream becomes products."""
