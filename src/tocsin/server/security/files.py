"""Files that leave, by pages and by the API."""

from fastapi.responses import Response, StreamingResponse

from tocsin.server.list_files import ListFile
from tocsin.sharing.export import Export


def sent(file: ListFile | Export) -> Response:
    """The file as an answer."""
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Vary": "Accept"}
    if isinstance(file, Export) and file.marking:
        headers["X-Marking"] = " ".join(file.marking.labels)
    return StreamingResponse(file.body, media_type=file.media, headers=headers)
