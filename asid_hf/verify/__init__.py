"""ASID-Verify: one stage a file, each a callable for `Dataset.map`."""
