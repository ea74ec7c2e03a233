"""Books from other people's files: read, repaired where that is sound, landed in batches."""
