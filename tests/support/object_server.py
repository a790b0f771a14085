"""Object storage as S3 and Azure speak it, on the pages of a web server: lists, and objects by name."""

from urllib.parse import parse_qs, quote, urlsplit
from xml.sax.saxutils import escape

from support.https_server import Answer, Asked, WebServer

_WHEN = "2026-11-23T01:02:03.000Z"
_HTTP_WHEN = "Mon, 23 Nov 2026 01:02:03 GMT"


def serve_objects(server: WebServer, root: str, objects: dict[str, bytes]) -> None:
    """Serve a bucket or container at ``root``; ``objects`` may change meanwhile. Lists have two names a page."""

    def listed(asked: Asked) -> Answer:
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}
        names = sorted(name for name in objects if name.startswith(query.get("prefix", "")))
        start = int(query.get("continuation-token") or query.get("marker") or 0)
        rest = str(start + 2) if start + 2 < len(names) else ""
        for name in names:
            server.pages[f"{root}/{quote(name)}"] = one
        make = _azure if query.get("comp") == "list" else _s3
        return Answer(make(names[start : start + 2], objects, rest).encode(), headers={"Content-Type": "text/xml"})

    def one(asked: Asked) -> Answer:
        name = next(name for name in objects if asked.path.partition("?")[0] == f"{root}/{quote(name)}")
        return Answer(objects[name], headers={"ETag": _tag(objects[name]), "Last-Modified": _HTTP_WHEN})

    server.pages[root] = listed


def _tag(content: bytes) -> str:
    return f'"{len(content)}-{sum(content)}"'


def _s3(names: list[str], objects: dict[str, bytes], rest: str) -> str:
    found = "".join(
        f"<Contents><Key>{escape(name)}</Key><LastModified>{_WHEN}</LastModified><ETag>{_tag(objects[name])}</ETag>"
        f"<Size>{len(objects[name])}</Size></Contents>"
        for name in names
    )
    more = f"<NextContinuationToken>{rest}</NextContinuationToken>" if rest else ""
    return f"<ListBucketResult><KeyCount>{len(names)}</KeyCount>{more}{found}</ListBucketResult>"


def _azure(names: list[str], objects: dict[str, bytes], rest: str) -> str:
    found = "".join(
        f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{_HTTP_WHEN}</Last-Modified>"
        f"<Content-Length>{len(objects[name])}</Content-Length><Content-Type>text/csv</Content-Type>"
        f"<Etag>{_tag(objects[name])}</Etag><BlobType>BlockBlob</BlobType></Properties></Blob>"
        for name in names
    )
    return (
        f'<EnumerationResults ServiceEndpoint="x" ContainerName="x"><Blobs>{found}</Blobs>'
        f"<NextMarker>{rest}</NextMarker></EnumerationResults>"
    )
