"""ASID for the Hugging Face ecosystem: structured, verified attribute captions of videos (arXiv 2602.13013).

Importing it makes `datasets.load_dataset("asid-1m")` known.
"""

from wrapt import register_post_import_hook

from asid_hf.dataset_builder.registration import register
from asid_hf.version import __version__

__all__ = ["__version__"]

# As soon as `datasets` is there, be it now or later: to import it takes longer than all else here.
register_post_import_hook(lambda module: register(), "datasets")
