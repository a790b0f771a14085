"""The exported folder: `sha256sum`, `gpg` and `unzip` verify it without Tocsin, and name whatever was changed in it."""

import hashlib
import io
import json
import random
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from incidents.evidence.conftest import Case
from support.mail_keys import Gpg, gnupg
from tocsin.incidents.act_parts import IncidentNamed
from tocsin.incidents.evidence import PASSWORD, export_evidence, export_packed, packed_file, sweep_exports
from tocsin.incidents.evidence.acts import EvidenceSource, NewFile, add_files
from tocsin.node.errors import ConflictError

LOG, SAMPLE = b"10:01 login failed\n10:02 login\n", bytes(range(256)) * 40


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    with gnupg() as ring:
        yield ring


@pytest.fixture
def exported(case: Case, gpg: Gpg, tmp_path: Path) -> Path:
    case.world.tocsin.run("keys", "node-make")
    case.world = case.world.after_today(1)
    source = EvidenceSource(reference=case.reference, received_from="A. Diop", how="stick", seal="4711")
    add_files(case.context(), source, [NewFile("auth.log", io.BytesIO(LOG)), NewFile("a.exe", io.BytesIO(SAMPLE))])
    (disk,) = case.do("addEvidenceOfIncident", name="Disk", kind="device", seal="17", place="Safe 2").evidence
    case.do("recordCustodyOfIncident", evidence=disk, step="handed", person="Police, Sgt. Lam", how="by hand")
    case.do("addLegalHoldOfIncident", ordered_by="Court", order_reference="12/26")
    folder = tmp_path / "evidence"
    done = export_evidence(case.context(), IncidentNamed(reference=case.reference), folder)
    assert (done.items, done.files, done.bytes, done.lacking) == (3, 2, len(LOG) + len(SAMPLE), ())
    gpg.run("--import", given=(folder / "signing-key.asc").read_bytes())
    return folder


def faults(folder: Path, gpg: Gpg) -> set[str]:
    """The files that standard tools name: what sha256sum finds, and what gpg does."""
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    found = {line.partition(": ")[0] for line in run.stdout.splitlines() if "FAILED" in line}
    if run.returncode and not found:
        found.add("SHA256SUMS")
    if not gpg.verifies((folder / "SHA256SUMS").read_bytes(), (folder / "SHA256SUMS.asc").read_bytes()):
        found.add("SHA256SUMS")
    return found


def test_an_export_is_verified_by_sha256sum_and_gpg(exported: Path, gpg: Gpg) -> None:
    assert faults(exported, gpg) == set()
    named = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    listed = {line[66:] for line in (exported / "SHA256SUMS").read_text().splitlines()}
    assert named == listed | {"SHA256SUMS", "SHA256SUMS.asc"}
    for content in (LOG, SAMPLE):
        assert (exported / "files" / hashlib.sha256(content).hexdigest()).read_bytes() == content


def test_each_changed_bit_names_its_file(exported: Path, gpg: Gpg) -> None:
    draw = random.Random(7)
    for path in sorted(exported.rglob("*")):
        if not path.is_file() or path.name in {"SHA256SUMS.asc", "signing-key.asc"}:
            continue
        content, name = path.read_bytes(), path.relative_to(exported).as_posix()
        places = {0, len(content) - 1, *(draw.randrange(len(content)) for _ in range(4))}
        for place in sorted(places):
            changed = bytearray(content)
            changed[place] ^= 1 << draw.randrange(8)
            path.write_bytes(changed)
            assert name in faults(exported, gpg), (name, place)
        path.write_bytes(content)
    assert faults(exported, gpg) == set()


@pytest.mark.parametrize("name", ["custody.txt", "custody.json", "SHA256SUMS"])
def test_each_line_that_is_dropped_or_moved_is_named(exported: Path, gpg: Gpg, name: str) -> None:
    path = exported / name
    lines = path.read_bytes().splitlines(keepends=True)
    for number in range(0, len(lines), max(1, len(lines) // 12)):
        path.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        assert name in faults(exported, gpg)
        other = lines[:number] + lines[number + 1 :] + lines[number : number + 1]
        if other != lines:
            path.write_bytes(b"".join(other))
            assert name in faults(exported, gpg)


def test_the_signature_of_another_key_is_none(exported: Path, gpg: Gpg) -> None:
    other = gpg.make("Other <other@isp.example>", encrypts="")
    forged = gpg.run("--armor", "--local-user", other, "--detach-sign", given=(exported / "SHA256SUMS").read_bytes())
    (exported / "SHA256SUMS.asc").write_bytes(forged)
    by = gpg.verifies((exported / "SHA256SUMS").read_bytes(), forged)
    assert by
    assert by.lower() not in (exported / "README.txt").read_text().lower()


def test_the_chain_of_custody_can_be_read_and_its_hashes_be_reckoned(exported: Path, case: Case) -> None:
    document = json.loads((exported / "custody.json").read_text())
    assert [one["name"] for one in document["items"]] == ["auth.log", "a.exe", "Disk"]
    said = [json.loads(one["said"])["data"]["act"] for one in document["custody"]]
    assert said == ["received", "received", "received", "handed", "held"]
    for one in document["custody"]:
        assert hashlib.sha256(one["said"].encode()).hexdigest() == one["sha256"]
    text = (exported / "custody.txt").read_text()
    assert "handed  person: Police, Sgt. Lam; how: by hand; seal: 17; by One" in text.replace("by Analyst", "by One")
    entry = case.world.tocsin.json("audit", "list", "--limit", "5")
    assert document["custody"][-1]["sha256"] in json.dumps(entry)


def test_an_export_is_an_entry_and_a_file_that_is_gone_is_named(exported: Path, case: Case, tmp_path: Path) -> None:
    digest = hashlib.sha256(SAMPLE).hexdigest()
    case.world.node.incident_evidence.delete(digest)
    found = case.world.tocsin.json("evidence", "export", case.reference, tmp_path / "again", code=1)
    assert [(one["sha256"], one["fault"]) for one in found["lacking"]] == [(digest, "missing")]
    assert found["sums"] == hashlib.sha256((tmp_path / "again" / "SHA256SUMS").read_bytes()).hexdigest()
    with pytest.raises(ConflictError, match="not empty"):
        export_evidence(case.context(), IncidentNamed(reference=case.reference), exported)


@pytest.mark.usefixtures("exported")
def test_files_leave_pages_only_in_an_archive_with_the_password(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(SAMPLE).hexdigest()
    archive = tmp_path / "sample.zip"
    archive.write_bytes(b"".join(packed_file(case.world.node.incident_evidence, digest)))
    assert SAMPLE[:200] not in archive.read_bytes()
    read = ["unzip", "-p", "-P", PASSWORD, str(archive), digest]
    assert subprocess.run(read, capture_output=True, check=True, timeout=60).stdout == SAMPLE
    wrong = subprocess.run(["unzip", "-p", "-P", "x", archive], capture_output=True, check=False, timeout=60)
    assert wrong.returncode == 82  # a bad password, says its manual

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "work"))
    (tmp_path / "work").mkdir()
    export_packed(case.context(), IncidentNamed(reference=case.reference))  # and whoever asked for it is gone
    assert [*(tmp_path / "work").iterdir()] == []
    done, blocks = export_packed(case.context(), IncidentNamed(reference=case.reference))
    sweep_exports(datetime.now(UTC))  # as where the process was killed
    assert [*(tmp_path / "work").iterdir()] == []
    done, blocks = export_packed(case.context(), IncidentNamed(reference=case.reference))
    archive.write_bytes(b"".join(blocks))
    whole = tmp_path / "whole"
    subprocess.run(["unzip", "-q", "-P", PASSWORD, archive, "-d", whole], check=True, timeout=60)
    assert hashlib.sha256((whole / "SHA256SUMS").read_bytes()).hexdigest() == done.sums
    subprocess.run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=whole, check=True, timeout=60)
