"""Composed clips with exactly known truth, captions written from that truth, planted faults, and their scoring."""
