"""The page of sources says what the code does."""

import io
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import recognise, sources
from tocsin.networks import SPECIAL_USE

ROOT = Path(__file__).resolve().parents[2]


def test_the_mapping_file_in_the_documents_works(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    mapping = text.split("```toml\n")[1].split("```")[0]
    said = tomllib.loads(mapping)
    (tmp_path / "honeypot.toml").write_text(mapping)
    report = b"# made today\n23/11/2026 10:11;192.0.2.1\n"
    found = recognise("honeypot-2026-11-23.csv", report, tmp_path)
    assert found is not None
    source, code = found
    reader = source.open(code, io.BytesIO(report), 1 << 20)
    (chunk,) = reader.chunks()
    made = normalise(reader.parse(chunk), source.feed(code), datetime(2026, 11, 24, tzinfo=UTC))
    (event,) = to_idf(made.frame)
    assert event["source.ip"] == "192.0.2.1"
    assert event["time.source"] == "2026-11-23T10:11:00+00:00"
    assert event["feed.provider"] == said["provider"]


def test_the_documents_name_every_source_and_flag() -> None:
    text = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    for name in sources():
        assert f"`{name}`" in text
    for flag in ("short", "surplus", "quotes", "cut", "encoding", "nul", "invalid", "future", "xarf3", "schema"):
        assert f"`{flag}`" in text
    assert {"private", "documentation", "loopback"} < set(SPECIAL_USE)


def test_the_source_in_the_documents_works() -> None:
    text = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {}
    imports = (
        "from tocsin.events.sources import Feed\n"
        "from tocsin.events.sources.delimited import FIELD_LIMIT, DelimitedReader, Dialect, Shaping\n"
    )
    exec(imports + code, names)  # noqa: S102
    source = names["source"](())  # type: ignore[operator]
    report = b"ip|seen|score\n192.0.2.1|2026-11-23 10:11:12|7\n"
    assert source.recognise("x", report) == "blocklist"
    reader = source.open("blocklist", io.BytesIO(report), 1 << 20)
    (chunk,) = reader.chunks()
    made = normalise(reader.parse(chunk), source.feed("blocklist"), datetime(2026, 11, 24, tzinfo=UTC))
    (event,) = to_idf(made.frame)
    assert (event["source.ip"], event["classification.type"], event["extra.score"]) == ("192.0.2.1", "blacklist", "7")
