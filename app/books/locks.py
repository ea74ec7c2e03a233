"""Advisory locks of the catalogue."""

IMPORT_LOCK = 0x424F4F4B
"""Key of the lock under which works get editions: batches of imports, and staff who merge or split
works, take turns, so that no work is doubled and no edition lost."""
