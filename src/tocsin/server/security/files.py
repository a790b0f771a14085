"""Lists that leave whole, by pages and by the API."""

from fastapi.responses import Response, StreamingResponse

from tocsin.server.list_files import ListFile


def sent(file: ListFile) -> Response:
    """The file as an answer."""
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Vary": "Accept"}
    return StreamingResponse(file.body, media_type=file.media, headers=headers)
