"""The demo: a clip made by code, whose every fact is known."""
