"""Sensors: measured facts of a clip, no language model; one sensor a file."""
