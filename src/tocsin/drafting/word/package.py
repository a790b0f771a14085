"""The XML parts of an Office file, read so that a hostile file costs little and reaches nothing.

An Office file is a ZIP archive of XML parts (ECMA-376 part 2, Open Packaging Conventions). Only parts that are asked
for are unpacked, at most so many bytes of each and of all together; a part with a document type declaration is refused
before it is parsed (part 2, 8.1.4 forbids them), which leaves no entities to expand or fetch. Everything that is wrong
comes out as ``InputError``.
"""

import posixpath
import re
import zipfile
import zlib
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self

from lxml import etree

from tocsin.interface.word import Element
from tocsin.node.errors import InputError

MEGABYTE = 1 << 20
ARCHIVE_LIMIT = 256 * MEGABYTE
PART_LIMIT = 48 * MEGABYTE
PARTS_LIMIT = 96 * MEGABYTE
TAGS_LIMIT = 1_500_000
"""Tags in all parts together: they cost memory, some half a kilobyte each; a text of 300 pages has some 100,000."""
ENTRIES_LIMIT = 4096
DIRECTORY_LIMIT = MEGABYTE
"""Bytes of the list of entries: Python reads all of it before it tells how many there are."""

_PROLOG = re.compile(r"\A\ufeff?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*", re.DOTALL)
_ROOT = re.compile(r"<[A-Za-z_:]")
_DECLARED = re.compile(r"\A\ufeff?<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, OverflowError)
_RUNS_CODE = ("vbaproject", "vbadata", "/activex/")
_HINT = "Open the file in a word processor and save it again as an ordinary .docx, then use that."


class Package:
    """An open Office file: ``part`` gives the parsed XML of one part. Close it, or use it in ``with``."""

    def __init__(self, source: Path | bytes) -> None:
        self._name = source.name if isinstance(source, Path) else "the file"
        self._left = PARTS_LIMIT
        self._tags_left = TAGS_LIMIT
        stream = _open(source)
        try:
            _check_end(stream)
            self._zip = zipfile.ZipFile(stream)
            self._entries = _entries(self._zip)
        except _DAMAGED as error:
            stream.close()
            raise InputError(f"{self._name} is not a readable .docx file: {error}.", hint=_HINT) from error
        except InputError:
            stream.close()
            raise
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()
        self._stream.close()

    def part(self, name: str) -> Element | None:
        """The root element of the part of this name, or None when there is none."""
        entry = self._entries.get(name.lower())
        if entry is None:
            return None
        data = self._bytes(entry)
        self._tags_left -= data.count(b"<")
        if self._tags_left < 0:
            raise InputError(
                f"{self._name} has more than {TAGS_LIMIT:,} pieces of text and marks.",
                hint="Split the text; if it is short, the file may be made to do harm.",
            )
        return parse_xml(data, name)

    def related(self, name: str) -> dict[str, tuple[str, str, bool]]:
        """Relations of a part: id → (type's last word, target, whether it is outside the file). Never followed outside.

        Targets inside the file are full part names.
        """
        folder, _, file = name.rpartition("/")
        root = self.part(f"{folder}/_rels/{file}.rels".lstrip("/"))
        found = {}
        for relation in () if root is None else root.iterchildren("{*}Relationship"):
            outside = relation.get("TargetMode") == "External"
            target = relation.get("Target", "")
            kind = relation.get("Type", "").rpartition("/")[2]
            found[relation.get("Id", "")] = (kind, target if outside else _inside(folder, target), outside)
        return found

    def _bytes(self, entry: zipfile.ZipInfo) -> bytes:
        limit = min(PART_LIMIT, self._left)
        try:
            with self._zip.open(entry) as stream:
                data = stream.read(limit + 1)
        except _DAMAGED as error:
            raise InputError(f"{entry.filename} in {self._name} is damaged: {error}.", hint=_HINT) from error
        if len(data) > limit:
            raise InputError(
                f"{entry.filename} in {self._name} unpacks to more than {limit // MEGABYTE} megabytes of text.",
                hint="No text of this kind is so long; the file may be made to do harm.",
            )
        self._left -= len(data)
        return data


def parse_xml(data: bytes, name: str) -> Element:
    """The root element of XML from a stranger: no declarations, no entities, nothing fetched, no deep nesting.

    Raises InputError that names the part and says what is wrong.
    """
    _check_prolog(data, name)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError) as error:
        raise InputError(f"{name} is not well-formed XML: {error}.", hint=_HINT) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise _declared(name)
    return root


def _check_prolog(data: bytes, name: str) -> None:
    """Refuse what stands before the root element, in the two encodings that Office files may have (part 2, 8.1.2)."""
    wide = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
    text = data[: 64 << 10].decode("utf-16" if wide else "utf-8", errors="replace")
    declared = _DECLARED.match(text)
    if declared and declared[1].lower() not in {"us-ascii", "utf-16" if wide else "utf-8"}:
        raise InputError(f"{name} is written in {declared[1]!r}; Office files are in UTF-8 or UTF-16.", hint=_HINT)
    rest = _PROLOG.sub("", text, count=1)
    if rest.startswith("<!DOCTYPE"):
        raise _declared(name)
    if not _ROOT.match(rest):
        raise InputError(f"{name} does not begin as XML in UTF-8 or UTF-16.", hint=_HINT)


def _declared(name: str) -> InputError:
    return InputError(
        f"{name} carries a document type declaration, which can expand or fetch without end.",
        hint="No word processor writes one; the file may be made to do harm.",
    )


def _open(source: Path | bytes) -> BinaryIO:
    stream: BinaryIO
    try:
        stream = BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        size = stream.seek(0, 2)
        stream.seek(0)
    except OSError as error:
        raise InputError(f"{source!s} cannot be read: {error.strerror}.") from error
    if size > ARCHIVE_LIMIT:
        raise InputError(
            f"The file has {size // MEGABYTE} megabytes; at most {ARCHIVE_LIMIT // MEGABYTE} are read.",
            hint="Take the pictures out, or split the text.",
        )
    return stream


def _check_end(stream: BinaryIO) -> None:
    """Refuse before the list of entries is read: it may be larger than all memory (ZIP, APPNOTE 4.3.16)."""
    if stream.read(8) == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise InputError(
            "This is an old .doc file or one locked with a password.",
            hint="Open it in a word processor, take the password off and save it as .docx.",
        )
    size = stream.seek(0, 2)
    start = max(0, size - (65536 + 22 + 20))
    stream.seek(start)
    tail = stream.read()
    at = len(tail) - 22 if tail[-22:-18] == b"PK\5\6" and tail[-2:] == b"\0\0" else tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < 22:
        raise InputError("This is not a .docx file: it is no ZIP archive.", hint=_HINT)
    directory = int.from_bytes(tail[at + 12 : at + 16], "little")
    if directory > DIRECTORY_LIMIT or tail[max(0, at - 20) :][:4] == b"PK\6\7":
        raise InputError("The archive lists more entries than any document has.", hint=_HINT)
    stream.seek(0)


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Entries by part name in lower case, as part names compare (part 2, 6.2.2.3); refuses what no document has."""
    entries: dict[str, zipfile.ZipInfo] = {}
    infos = archive.infolist()
    if len(infos) > ENTRIES_LIMIT:
        raise InputError(f"The archive has {len(infos):,} entries; no document has so many.", hint=_HINT)
    for info in infos:
        _check_entry(info)
        name = info.filename.lower()
        if name in entries:
            raise InputError(f"The archive has two entries named {info.filename!r}.", hint=_HINT)
        entries[name] = info
    return entries


def _check_entry(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    if name.startswith("/") or "\\" in name or ":" in name or "\0" in name or ".." in PurePosixPath(name).parts:
        raise InputError(f"The archive has an entry that points out of it: {name!r}.", hint=_HINT)
    if any(mark in f"/{name.lower()}" for mark in _RUNS_CODE):
        raise InputError(
            f"The file carries programs (macros): {name}.",
            hint="Save it as an ordinary .docx, which has none, and use that.",
        )
    if info.flag_bits & 0x1:
        raise InputError(f"{name} is encrypted.", hint="Take the password off and save the file again.")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise InputError(f"{name} is packed in a way that Office files do not use.", hint=_HINT)


def _inside(folder: str, target: str) -> str:
    """The part name that a relation from a part in ``folder`` points to."""
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
