"""Parts of a mail that belong together by a security multipart (RFC 1847)."""

from collections.abc import Sequence


def multipart(head: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    """A MIME entity of these, each covered to its own last line end.

    The line end before a boundary belongs to the boundary (RFC 2046, 5.1.1).
    """
    mark = f"--{boundary}".encode("ascii")
    pieces = [head.encode("ascii")]
    for part in parts:
        pieces += [mark, b"\r\n", part, b"\r\n"]
    return b"".join([*pieces, mark, b"--\r\n"])
