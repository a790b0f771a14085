"""Reports that were sent in by a door: on this disk and in the records before anybody is told so, then taken in."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.pipeline.uploads.arrival import Arrival, arrive
    from tocsin.pipeline.uploads.intake import UploadIntake
    from tocsin.pipeline.uploads.models import Upload, UploadState
    from tocsin.pipeline.uploads.purge import purge_upload
    from tocsin.pipeline.uploads.queries import read_upload, read_uploads, traces_of_ingests, waiting_since
else:
    lazy_face(__name__)
