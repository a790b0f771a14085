"""Reports that were sent in by a door: on this disk and in the records before anybody is told so, then taken in."""

from tocsin.uploads.arrival import Arrival, arrive
from tocsin.uploads.listing import read_upload, read_uploads, sums_of, waiting_since
from tocsin.uploads.models import Upload, UploadState
from tocsin.uploads.taking import Taker, take_waiting

__all__ = [
    "Arrival",
    "Taker",
    "Upload",
    "UploadState",
    "arrive",
    "read_upload",
    "read_uploads",
    "sums_of",
    "take_waiting",
    "waiting_since",
]
