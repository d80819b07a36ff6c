"""ASID for the Hugging Face ecosystem: structured, verified attribute captions of videos (arXiv 2602.13013).

Importing it makes `datasets.load_dataset("asid-1m")` known.
"""

from asid_hf.dataset_builder.registration import register
from asid_hf.version import __version__

__all__ = ["__version__"]

register()
