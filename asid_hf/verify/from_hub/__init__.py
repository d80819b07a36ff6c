"""Datasets on the Hub as input: what they hold, listed without a video; each clip brought here while it is measured."""
