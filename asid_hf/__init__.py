"""ASID for the Hugging Face ecosystem: structured, verified attribute captions of videos (arXiv 2602.13013)."""

from asid_hf.version import __version__

__all__ = ["__version__"]
