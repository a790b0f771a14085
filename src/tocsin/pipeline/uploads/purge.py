"""A report that was sent in and is purged."""

from sqlalchemy.orm import Session

from tocsin.node.sentences import say
from tocsin.pipeline.uploads.models import Upload, UploadState

_PURGED = say("It was purged.")


def purge_upload(session: Session, upload: Upload) -> None:
    """Forget the names of its files and why they could not be read, in the caller's transaction; sums and hashes stay.

    One that waits is never taken in.
    """
    upload.files = [one | {"name": ""} for one in upload.files]
    upload.failed = [{"file": "", "reason": _PURGED, "hint": ""} for _ in upload.failed]
    if upload.state == UploadState.WAITING:
        upload.state = UploadState.REFUSED.value
        upload.failed = [{"file": "", "reason": _PURGED, "hint": ""}]
    session.flush()
