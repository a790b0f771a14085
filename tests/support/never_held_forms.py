"""Reports of what must never be held in every form: how it is written, where it stands, how its class is disguised.

All of it is made up: the "picture" is a marker, hosts and addresses are those for documentation.
"""

import base64
import gzip
import html
import io
import itertools
import json
import quopri
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

MARKER: Final = "SYNTHETIC-MARKER-OF-A-PICTURE"
PICTURE: Final = base64.b64encode(f"{MARKER} ".encode() * 8).decode()
PATH: Final = "synthetic-hidden-place"
URL: Final = f"https://files.example/{PATH}"
WORDS: Final = "synthetic-description-of-it"
TRACES: Final = (MARKER.encode(), PATH.encode(), WORDS.encode())

_STAMP = "2026-11-23T10:30:00Z"


def xarf(kind: str) -> dict[str, Any]:
    """A report in X-ARF 4 whose evidence comes before what says of which type it is."""
    contact = {"org": "Reporter", "contact": "abuse@r.example", "domain": "r.example"}
    return {
        "evidence": [{"content_type": "image/png", "description": WORDS, "payload": PICTURE}],
        "description": WORDS, "xarf_version": "4.2.0", "report_id": "f7a8b9c0-d1e2-4456-8abc-def012345678",
        "timestamp": _STAMP, "reporter": contact, "sender": contact, "source_identifier": "192.0.2.1", "url": URL,
        "category": "content", "type": kind,
    }  # fmt: skip


def _xarf_3(kind: str) -> Any:
    return {
        "Version": "3", "ReporterInfo": {"ReporterOrg": "R"},
        "Report": {"ReportType": kind, "SourceUrl": URL, "Samples": [{"ContentType": "image/png", "Payload": PICTURE}]},
    }  # fmt: skip


def _flat(name: str) -> Callable[[str], Any]:
    def made(kind: str) -> Any:
        return {
            "time.source": _STAMP, "source.ip": "192.0.2.1", "source.url": URL, "event_description.text": WORDS,
            "classification.taxonomy": "abusive-content", name: kind, "raw": PICTURE,
        }  # fmt: skip

    return made


def _nested(parent: str, name: str) -> Callable[[str], Any]:
    def made(kind: str) -> Any:
        return {"source": {"ip": "192.0.2.1", "url": URL}, parent: {name: kind}, "comment": WORDS, "raw": PICTURE}

    return made


def _misp(tag: str) -> Any:
    attributes: list[Any] = [
        {"type": "url", "category": "Network activity", "value": URL, "comment": WORDS},
        {"type": "attachment", "category": "External analysis", "value": "a.png", "data": PICTURE},
    ]
    return {"Event": {"info": WORDS, "uuid": "5e39776a-b284-40b3-8079-22fea964451a", "Attribute": attributes,
                      "Tag": [{"name": tag, "colour": "#000000"}]}}  # fmt: skip


def _misp_object(kind: str) -> Any:
    attributes = [
        {"object_relation": "category", "type": "text", "value": kind},
        {"object_relation": "url", "type": "url", "value": URL},
        {"object_relation": "picture", "type": "attachment", "value": WORDS, "data": PICTURE},
    ]
    return {"Event": {"info": "event of today", "Object": [{"name": "report", "Attribute": attributes}]}}


def _inside(kind: str) -> str:
    return base64.b64encode(json.dumps(xarf(kind)).encode()).decode()


def _misp_data(kind: str) -> Any:
    attribute = {"type": "attachment", "category": "External analysis", "value": "report.json", "data": _inside(kind)}
    return {"Event": {"info": "event of today", "Attribute": [attribute]}}


def _stix(of: str, **more: Any) -> dict[str, Any]:
    return {"type": of, "spec_version": "2.1", "id": f"{of}--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
            "created": _STAMP, "modified": _STAMP, **more}  # fmt: skip


def _bundle(*objects: Any) -> Any:
    return {"type": "bundle", "id": "bundle--5d0092c5-5f74-4287-9642-33f4c354e56d", "objects": list(objects)}


def _stix_indicator(name: str) -> Callable[[str], Any]:
    def made(kind: str) -> Any:
        pattern = f"[url:value = '{URL}']"
        return _bundle(_stix("indicator", name=WORDS, pattern=pattern, pattern_type="stix", **{name: [kind]}))

    return made


def _stix_report(kind: str) -> Any:
    url, picture = _stix("url", value=URL), _stix("artifact", mime_type="image/png", payload_bin=PICTURE)
    refs = [url["id"], picture["id"]]
    return _bundle(url, picture, _stix("report", name=WORDS, published=_STAMP, report_types=[kind], object_refs=refs))


def _stix_artifact(kind: str) -> Any:
    return _bundle(_stix("artifact", mime_type="application/json", payload_bin=_inside(kind)))


def _idea(kind: str) -> Any:
    attach = [{"ContentType": "image/png", "Content": PICTURE}]
    kinds = ["Abusive.Child" if kind == "csam" else kind]
    return {"Format": "IDEA0", "Category": kinds, "Note": WORDS, "Source": [{"URL": [URL]}], "Attach": attach}


def _n6(kind: str) -> Any:
    return {"id": "0" * 32, "source": "a.b", "category": kind, "time": _STAMP, "url": URL, "name": WORDS,
            "address": [{"ip": "192.0.2.1"}]}  # fmt: skip


def _table(kind: str) -> Any:
    return {"columns": ["time", "type", "url", "text", "picture"], "rows": [[_STAMP, kind, URL, WORDS, PICTURE]]}


def _names(kind: str) -> Any:
    pairs = {"type": kind, "url": URL, "text": WORDS, "picture": PICTURE}
    return {"fields": [{"name": name, "value": value} for name, value in pairs.items()]}


def _free(kind: str) -> Any:
    spoken = "Child sexual abuse material" if kind == "csam" else kind
    return {"at": _STAMP, "Category": spoken, "link to it": URL, "seen": WORDS, "picture": PICTURE}


OBJECTS: Final[dict[str, Callable[[str], Any]]] = {
    "X-ARF 4": xarf,
    "X-ARF 3": _xarf_3,
    "IDF classification.type": _flat("classification.type"),
    "IDF classification.identifier": _flat("classification.identifier"),
    "IDF extra.type": _flat("extra.type"),
    "IDF nested": _nested("classification", "type"),
    "IDF nested identifier": _nested("classification", "identifier"),
    "IDF nested extra": _nested("extra", "category"),
    "MISP tag": _misp,
    "MISP taxonomy": lambda kind: _misp(f'rsit:abusive-content="{kind}"'),
    "MISP object": _misp_object,
    "MISP attachment": _misp_data,
    "STIX labels": _stix_indicator("labels"),
    "STIX indicator types": _stix_indicator("indicator_types"),
    "STIX report types": _stix_report,
    "STIX artifact": _stix_artifact,
    "IDEA": _idea,
    "n6": _n6,
    "JSON table": _table,
    "names and values": _names,
    "by class": lambda kind: {kind: [{"url": URL, "text": WORDS, "picture": PICTURE}]},
    "free category": _free,
}
"""A report as JSON, by how its class is written."""


_HEAD = "time.source,source.ip,classification.type,source.url,event_description.text,raw\n"


def _csv(kind: str, delimiter: str = ",", head: str = _HEAD) -> str:
    row = [_STAMP, "192.0.2.1", kind, URL, WORDS, PICTURE]
    other = [_STAMP, "192.0.2.2", "spam", "https://other.example/", "harmless", "x"]
    lines = [delimiter.join(f'"{cell}"' for cell in one) for one in (other, row, other)]
    return head.replace(",", delimiter) + "\n".join(lines) + "\n"


def _marked_up(kind: str) -> str:
    return kind if "&" in kind or "<" in kind else html.escape(kind)


def _in_attribute(kind: str) -> str:
    return kind if "&" in kind else html.escape(kind)


TEXTS: Final[dict[str, Callable[[str], str]]] = {
    "CSV": _csv,
    "CSV without a head": lambda kind: _csv(kind, head=""),
    "CSV of other columns": lambda kind: _csv(kind, head="time,ip,type,url,text,raw\n"),
    "CSV of unknown columns": lambda kind: _csv(kind, head="a,b,c,d,e,f\n"),
    "CSV with semicolons": lambda kind: _csv(kind, ";"),
    "TSV": lambda kind: _csv(kind, "\t"),
    "CSV over lines": lambda kind: _csv(kind).replace(WORDS, f"first\n{WORDS}\nlast"),
    "CSV with a report": lambda kind: _csv("other").replace(PICTURE, _inside(kind)),
    "name=value": lambda kind: f'time={_STAMP} type="{kind}" url={URL} text={WORDS} picture={PICTURE}\n',
    "lines": lambda kind: f"Category: abuse\nReport-Type: {kind}\nSource: {URL}\nText: {WORDS}\nPicture: {PICTURE}\n",
    "XML": lambda kind: (
        f"<?xml version='1.0'?>\n<list><item><type>{_marked_up(kind)}</type><url>{URL}</url><text>{WORDS}</text>"
        f"<picture>{PICTURE}</picture></item><item><type>spam</type></item></list>\n"
    ),
    "XML attributes": lambda kind: (
        f'<list><item type="{_in_attribute(kind)}" url="{URL}"><text>{WORDS}</text><p>{PICTURE}</p></item></list>\n'
    ),
    "HTML table": lambda kind: (
        "<html><table><tr><th>time</th><th>type</th><th>url</th><th>text</th></tr>\n"
        f"<tr><td>{_STAMP}</td><td>{_marked_up(kind)}</td><td>{URL}</td><td>{WORDS} {PICTURE}</td></tr></table></html>"
    ),
}
"""A report in another form of text."""

KINDS: Final = {**dict.fromkeys(OBJECTS, "json"), **dict.fromkeys(TEXTS, "text")}

DISGUISES: Final = {
    "plain": "csam",
    "capitals": "CSAM",
    "a blank": "CSAM ",
    "signs between": "c_s_a_m",
    "a zero-width sign": "c\u200bsam",
    "a soft hyphen": "cs\u00adam",
    "a Cyrillic letter": "cs\u0430m",
    "all letters of others": "\u0441\u0455\u0430\u043c",
    "a Greek letter": "\u03f2sam",
    "wide": "\uff43\uff53\uff41\uff4d",
    "an accent": "cs\u00e1m",
    "an entity": "c&#115;am",
    "a long entity": "c&#00000000115;am",
    "tags": "cs<b>a</b>m",
    "tags with attributes": "c<span class='x > y'><i>s</i></span>am",
    "an empty element": "cs<wbr/>am",
    "a comment": "cs<!-- of a > b -->am",
    "a section of characters": "cs<![CDATA[a]]>m",
    "escaped tags": "cs&lt;em&gt;a&lt;/em&gt;m",
    "an escape": "c\\u0073am",
    "prefixed": "content:csam",
    "confirmed": "csam (confirmed)",
    "exploitation": "child-sexual-exploitation",
}


def _zip(data: bytes, name: str = "inner.dat") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def _mail(text: str = "Dear colleagues,\n\nplease see below.\n") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@r.example", "csirt@example.org", "A report"
    mail["Message-ID"], mail["Date"] = "<1@r.example>", "Mon, 23 Nov 2026 10:30:00 +0000"
    mail.set_content(text)
    return mail


def _attached(data: bytes, kind: str = "octet-stream", name: str = "report.bin") -> bytes:
    mail = _mail()
    mail.add_attachment(data, "application", kind, filename=name)
    return bytes(mail)


def _multipart(data: bytes) -> EmailMessage:
    mail = _mail()
    mail.add_attachment(b"a,b\n", "text", "csv", filename="a.csv")
    del data
    return mail


def _in_html(data: bytes) -> bytes:
    mail = _mail()
    mail.add_alternative(f"<p>See:</p><pre>{html.escape(data.decode())}</pre>", "html")
    return bytes(mail)


def _in_header(data: bytes) -> bytes:
    folded = b"\r\n ".join(piece for piece in data.replace(b"\n", b" ").split(b" ") if piece)
    return bytes(_mail()).replace(b"Subject:", b"X-Report: " + folded + b"\r\nSubject:", 1)


def _in_words(data: bytes) -> bytes:
    words = b"\r\n ".join(
        b"=?utf-8?b?" + base64.b64encode(data[at : at + 45]) + b"?=" for at in range(0, len(data), 45)
    )
    return bytes(_mail()).replace(b"Subject:", b"X-Report: " + words + b"\r\nSubject:", 1)


def _indented(before: str) -> Callable[[bytes], bytes]:
    def made(data: bytes) -> bytes:
        try:
            data = json.dumps(json.loads(data), indent=2).encode()
        except ValueError:
            return before.encode() + b"\n" + data
        return before.encode() + data

    return made


def _quoted(data: bytes) -> bytes:
    return b"".join(b"> " + line + b"\n" for line in _indented("")(data).splitlines())


PLACES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "alone": lambda data: data,
    "indented": _indented(""),
    "behind a word": _indented("Report: "),
    "quoted brace": _indented("> "),
    "in a call": _indented("handle("),
    "in an assignment": _indented("reports = ["),
    "in a sentence": _indented("We {all} saw this (see [1]): "),
    "as a quotation": _quoted,
    "behind blanks": lambda data: b" " * 70_000 + data,
    "behind a long text": lambda data: b"An ordinary line of a log of today\n" * 3_000 + data,
    "gzip": gzip.compress,
    "zip": _zip,
    "gzip in zip in base64": lambda data: base64.encodebytes(_zip(gzip.compress(data))),
    "base64 in JSON": lambda data: json.dumps({"data": base64.b64encode(data).decode(), "name": "a.dat"}).encode(),
    "hexadecimal": lambda data: b"raw: " + data.hex().encode(),
    "a text in JSON behind a word": lambda data: json.dumps({"message": "Report: " + data.decode()}).encode(),
    "a text in a text in JSON": lambda data: json.dumps({"a": json.dumps({"b": "see " + data.decode()})}).encode(),
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "UTF-16 without mark": lambda data: data.decode().encode("utf-16-le"),
    "quoted-printable": lambda data: quopri.encodestring(data, quotetabs=True),
    "HTML": lambda data: b"<html><p>" + html.escape(data.decode()).encode() + b"</p></html>",
    "mail": lambda data: bytes(_mail(data.decode())),
    "mail in HTML": _in_html,
    "attached": lambda data: _attached(data, "json", "report.json"),
    "attached as bytes": _attached,
    "attached mail": lambda data: _attached(_attached(data)),
    "attached mail in gzip": lambda data: _attached(gzip.compress(bytes(_mail(data.decode())))),
    "behind the last boundary": lambda data: bytes(_multipart(data)) + b"\n" + data,
    "before the first boundary": lambda data: bytes(_multipart(data)).replace(b"\n\n--", b"\n\n" + data + b"\n--", 1),
    "in a header": _in_header,
    "in words of a header": _in_words,
}


@dataclass(frozen=True)
class ReportForm:
    """One form, by the names of what it is made of. ``data``: what a stranger sends."""

    container: str
    place: str
    disguise: str

    @property
    def data(self) -> bytes:
        """Its bytes."""
        return self.written(DISGUISES[self.disguise])

    def written(self, kind: str) -> bytes:
        """Its bytes, with another name of its class."""
        if self.container in OBJECTS:
            text = json.dumps(OBJECTS[self.container](kind), ensure_ascii="&" in kind)
            text = text.replace("c\\\\u0073am", "c\\u0073am")
        else:
            text = TEXTS[self.container](kind)
        return PLACES[self.place](text.encode())

    def __str__(self) -> str:
        return f"{self.container} · {self.place} · {self.disguise}"


_MARKED_UP = ("HTML table", "XML", "XML attributes")
_APART: Final = {
    *((container, "HTML") for container in _MARKED_UP),  # shows how it is written
    *(("lines", place) for place in ("in a header", "in words of a header", "in a sentence")),
    *((container, "in a header") for container in TEXTS),  # folded, it has no lines
}


def all_forms() -> Iterator[ReportForm]:
    """Every form; of a place that changes what stands in it so that it is none any more, there is none."""
    for container, place, disguise in itertools.product(KINDS, PLACES, DISGUISES):
        if (container, place) not in _APART:
            yield ReportForm(container, place, disguise)


def forms(most: int, seed: int = 1) -> list[ReportForm]:
    """So many of them, in which each container, place and disguise stands about as often."""
    draw, chosen = random.Random(seed), list[ReportForm]()
    every = list(all_forms())
    draw.shuffle(every)
    counts: dict[str, int] = {}
    while every and len(chosen) < most:
        best = min(every[:400], key=lambda one: sum(counts.get(name, 0) for name in _parts(one)))
        every.remove(best)
        chosen.append(best)
        for name in _parts(best):
            counts[name] = counts.get(name, 0) + 1
    return chosen


def _parts(form: ReportForm) -> tuple[str, str, str]:
    return form.container, form.place, form.disguise


def traces_in(content: bytes, depth: int = 5) -> bool:
    """Whether anything of such a report stands in bytes, also packed or in base64."""
    if any(trace in content or trace in content.replace(b"\0", b"") for trace in (*TRACES, *_ENCODED)):
        return True
    if depth and content.startswith(b"\x1f\x8b"):
        return traces_in(gzip.decompress(content), depth - 1)
    if depth and content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(traces_in(archive.read(member), depth - 1) for member in archive.namelist())
    if depth and content.startswith(b"PAR1"):
        import polars as pl

        return traces_in(pl.read_parquet(io.BytesIO(content)).write_json().encode(), depth - 1)
    return False


def files_with_traces(folder: Path) -> list[str]:
    """The files below a folder in which anything of such a report stands: records, blobs, events, logs, mails …"""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [str(path.relative_to(folder)) for path in files if traces_in(path.read_bytes())]


_ENCODED: Final = [base64.b64encode(b"x" * shift + trace)[4:-4] for trace in TRACES for shift in range(3)]
