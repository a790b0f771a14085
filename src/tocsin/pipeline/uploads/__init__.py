"""Reports that were sent in by a door: on this disk and in the records before anybody is told so, then taken in."""

from tocsin.pipeline.uploads.arrival import Arrival, arrive
from tocsin.pipeline.uploads.intake import UploadIntake, take_waiting
from tocsin.pipeline.uploads.models import Upload, UploadState
from tocsin.pipeline.uploads.queries import read_upload, read_uploads, sums_of, waiting_since
