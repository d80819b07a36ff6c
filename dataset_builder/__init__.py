"""ASID-1M as data: the published files and the captions people bring, read into one row type."""
