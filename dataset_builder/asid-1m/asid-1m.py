"""ASID-1M for `datasets` 3.x, which runs loading scripts; newer versions need none, see `load_dataset("asid-1m")`.

    load_dataset("path/to/asid-1m", "single_attribute", trust_remote_code=True)                       # off the Hub
    load_dataset("path/to/asid-1m", "single_attribute", data_dir="release", trust_remote_code=True)   # a local copy

Configurations and arguments are those of `asid_hf.dataset_builder.asid_1m.Asid1MConfig`. asid_hf need not be installed:
the files beside this one are links to its own. To put the script elsewhere, copy what they lead to: `cp -rL`.
"""

# `datasets` copies the files that a script imports in lines like these, and looks for no more in them: so here are all.
from .ahead import read_ahead
from .asid_1m import Asid1M, Asid1MConfig
from .choice import Choice
from .derive import SUBSET_SIZES
from .errors import AsidError
from .instructions import ANSWERS
from .joined import match_videos
from .lines import read_tables
from .media_archive import read_member
from .published import published_columns
from .reading import Reader
from .rejects import read_rejects
from .release import find_files
from .schema import ATTRIBUTES
from .sources import read_captions
from .videos import VideoIndex

__all__ = [
    "ANSWERS",
    "ATTRIBUTES",
    "SUBSET_SIZES",
    "Asid1M",
    "Asid1MConfig",
    "AsidError",
    "Choice",
    "Reader",
    "VideoIndex",
    "find_files",
    "match_videos",
    "published_columns",
    "read_ahead",
    "read_captions",
    "read_member",
    "read_rejects",
    "read_tables",
]
