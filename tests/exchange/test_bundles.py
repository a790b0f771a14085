"""An evidence bundle proves to a stranger, by gpg, sha256sum and openssl alone, who sent what to whom, and when.

`TOCSIN_WHOLE=1` flips every byte of every file; CI flips a part of them.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from support.cast import Tocsin
from support.exchange_examples import NOW, Peer, bundle, peer, sealed
from support.mail_keys import Gpg, gnupg, openssl
from support.time_stamp_authority import make_authority, stamp
from tocsin.exchange.bundles import (
    TimeStampError,
    TimeStamps,
    bundle_files,
    check_time_stamp,
    read_certificates,
    verify_bundle,
    write_bundle,
)
from tocsin.exchange.bundles.make import sums_of
from tocsin.exchange.bundles.verify import NOT_ESTABLISHED
from tocsin.exchange.dispatches import genesis, make_receipt, members_of, seal, take
from tocsin.exchange.statements import NodeKey, Receipt, ReceiptVerdict, read_statement, sign_bytes
from tocsin.node.errors import ConflictError, InputError, UsageError

A, B = peer(1), peer(2)
KEY, OTHER = A.party.key, B.party.key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(bundle(), tmp_path / "bundle")
    return tmp_path / "bundle"


def written(by: Peer) -> dict[str, Any]:
    return {"signer": by.signer, "writer": by.public}


def test_a_bundle_is_valid_to_who_knows_the_senders_key(folder: Path) -> None:
    found = verify_bundle(folder, [KEY])
    assert (found.valid, found.signer, found.marking, found.reasons) == (True, KEY, "TLP:AMBER", [])
    assert found.to == B.party
    assert found.received_at == NOW + timedelta(seconds=1)
    assert {one.name for one in found.files} == {path.name for path in folder.iterdir()} - {"SHA256SUMS"}
    assert all(one.ok for one in found.files)
    assert not found.recipient_established
    both = verify_bundle(folder, [" ".join(KEY.upper()), f"0x{OTHER}"])
    assert (both.valid, both.recipient_established) == (True, True)

    unknown = verify_bundle(folder)
    assert (unknown.valid, unknown.signer, unknown.reasons) == (None, None, [NOT_ESTABLISHED])
    assert verify_bundle(folder, [OTHER]).valid is None  # the recipient's says nothing of the sender
    wrong = verify_bundle(folder, [peer(3).party.key])
    assert (wrong.valid, wrong.signer) == (False, None)
    with pytest.raises(UsageError):
        verify_bundle(folder, [KEY[-16:]])


def faults_by_hand(folder: Path, gpg: Gpg) -> set[str]:
    """What a third party finds without us: the commands of README.txt."""
    commands = re.findall(r"^ {4}(sha256sum --check .*|for one in (?:.|\n)*?^ {4}done)$", readme(folder), re.MULTILINE)
    assert len(commands) == 3
    found = set[str]()
    for command in commands:
        run = subprocess.run(
            ["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False, timeout=60
        )  # fmt: skip
        wrong = {line.partition(": ")[0] for line in run.stdout.splitlines() if "FAILED" in line}
        found |= wrong or ({command.rpartition(" ")[2]} if run.returncode else set())
    for signature, name in re.findall(r"gpg --verify (\S+) (\S+)", readme(folder)):
        if not gpg.verifies((folder / name).read_bytes(), (folder / signature).read_bytes()):
            found.add(name)
    return found


def readme(folder: Path) -> str:
    return (folder / "README.txt").read_text()


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    with gnupg() as ring:
        yield ring


def test_a_third_party_needs_only_gpg_and_sha256sum(folder: Path, gpg: Gpg) -> None:
    for name in ("sender.asc", "recipient.asc"):
        gpg.run("--import", given=(folder / name).read_bytes())
    assert faults_by_hand(folder, gpg) == set()
    receipt, dispatch = (json.loads((folder / f"{one}.json").read_text()) for one in ("receipt", "dispatch"))
    assert receipt["of"] == f"sha256:{sha256((folder / 'dispatch.json').read_bytes()).hexdigest()}"
    assert (dispatch["by"]["key"], dispatch["to"]["key"]) == (KEY, OTHER)
    for name in ("dispatch.json", "receipt.json"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content.replace(b"2026", b"2025", 1) if b"2026" in content else content + b" ")
        assert name in faults_by_hand(folder, gpg)
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("by", ["a stranger", "the recipient, who writes a list and signs it"])
def test_a_changed_marking_in_the_text_is_found_by_hand_though_all_lists_are_written_anew(
    folder: Path, gpg: Gpg, by: str
) -> None:
    for name in ("sender.asc", "recipient.asc"):
        gpg.run("--import", given=(folder / name).read_bytes())
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    changed = files | {"text.txt": b"TLP:CLEAR. For your information."}
    lists = {name: sums_of({one: changed[one] for one in names_of(files[name])}) for name in ("SIGNED-SHA256SUMS",)}
    signer = peer(7) if by == "a stranger" else B
    lists["SIGNED-SHA256SUMS.asc"] = sign_bytes(lists["SIGNED-SHA256SUMS"], signer.signer)
    changed |= lists
    changed["SHA256SUMS"] = sums_of(changed)
    for name, content in changed.items():
        (folder / name).write_bytes(content)
    assert faults_by_hand(folder, gpg) == {"text.txt"} | ({"SIGNED-SHA256SUMS"} if by == "a stranger" else set())
    assert verify_bundle(folder, [KEY]).valid is False


def names_of(sums: bytes) -> list[str]:
    return [line.partition("  ")[2] for line in sums.decode().splitlines()]


def test_a_bundle_of_an_earlier_version_is_read_and_named_so(tmp_path: Path) -> None:
    old = {name: content for name, content in bundle().items() if not name.startswith("SIGNED")}
    write_bundle(old | {"SHA256SUMS": sums_of(old)}, tmp_path / "old")
    found = verify_bundle(tmp_path / "old", [KEY])
    assert (found.valid, found.faults) == (True, [])
    (note,) = found.notes
    assert "An earlier version wrote it" in note
    said = Tocsin(tmp_path / "home", {}).run("exchange", "verify", tmp_path / "old", "--key", KEY)
    assert "An earlier version wrote it" in said
    changed = old | {"text.txt": b"TLP:CLEAR"}
    write_bundle(changed | {"SHA256SUMS": sums_of(changed)}, tmp_path / "changed")
    assert verify_bundle(tmp_path / "changed", [KEY]).valid is False
    half = {name: content for name, content in bundle().items() if name != "SIGNED-SHA256SUMS.asc"}
    write_bundle(half | {"SHA256SUMS": sums_of(half)}, tmp_path / "half")
    assert verify_bundle(tmp_path / "half", [KEY]).valid is False


def test_who_has_a_new_key_since_writes_bundles_by_it(tmp_path: Path) -> None:
    members, file = sealed(A, B)
    receipt = make_receipt(take(file, B.receives(A), NOW), B.signer, NOW)
    files = bundle_files(members, receipt, A.public, B.public, **written(peer(8)))
    assert "writer.asc" in files
    write_bundle(files, tmp_path / "bundle")
    found = verify_bundle(tmp_path / "bundle", [KEY])
    assert (found.valid, found.reasons) == (True, [])
    assert peer(8).party.key.upper() in found.notes[0]


def test_every_flipped_byte_of_every_file_is_detected(tmp_path: Path) -> None:
    files = bundle()
    write_bundle(files, tmp_path)
    assert verify_bundle(tmp_path, [KEY]).valid
    step = 1 if os.environ.get("TOCSIN_WHOLE") else 61
    missed = []
    for name, content in files.items():
        for at in range(0, len(content), step):
            (tmp_path / name).write_bytes(content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :])
            if verify_bundle(tmp_path, [KEY]).valid is not False:
                missed.append((name, at))
        (tmp_path / name).write_bytes(content)
    assert missed == []


def test_what_is_signed_is_detected_also_where_the_list_is_written_anew(tmp_path: Path) -> None:
    files, (other, _) = bundle(), sealed(A, B)
    forger = Peer(A.node, peer(5).tsk)
    members, file = sealed(forger, B)
    receipt = make_receipt(take(file, B.receives(forger), NOW), B.signer, NOW)
    part = next(name for name in files if len(name) == 64)
    mine = bundle_files(members, receipt, forger.public, B.public, **written(forger))
    cases = {
        "forged by another key": mine,
        "another key beside it": mine | {"sender.asc": A.public},
        "a part": files | {part: files[part] + b"203.0.113.9,22\n"},
        "a part is missing": {name: one for name, one in files.items() if name != part},
        "the text": files | {"text.txt": b"Nothing to do."},
        "the signed list": files | {"SIGNED-SHA256SUMS": sums_of({})},
        "who signed the list": files | {"SIGNED-SHA256SUMS.asc": sign_bytes(files["SIGNED-SHA256SUMS"], forger.signer)},
        "another receipt": files | {"receipt.json": receipt.content, "receipt.json.asc": receipt.signature},
        "another dispatch": files | {name: other[name] for name in ("dispatch.json", "dispatch.json.asc")},
        "the marking": files | {"dispatch.json": files["dispatch.json"].replace(b"AMBER", b"GREEN")},
        "the time of receipt": files | {"receipt.json": files["receipt.json"].replace(b'"taken":"20', b'"taken":"19')},
        "more": files | {"order.pdf": b"%PDF"},
        "no receipt": {name: one for name, one in files.items() if not name.startswith("receipt")},
        "a bomb": files | {"dispatch.json": b"[" * 100_000},
    }
    for number, (what, changed) in enumerate(cases.items()):
        write_bundle(changed | {"SHA256SUMS": sums_of(changed)}, tmp_path / str(number))
        found = verify_bundle(tmp_path / str(number), [KEY])
        assert (what, found.valid, bool(found.reasons)) == (what, False, True)


def test_a_refused_dispatch_and_one_that_came_after_the_key_had_ended_prove_nothing(tmp_path: Path) -> None:
    old = A.dispatch(B, expires=NOW - timedelta(hours=1))
    members = {"dispatch.json": old.content, "dispatch.json.asc": old.signature}
    receipt = make_receipt(take(seal(members, B.tsk.extract_certificate()), B.receives(A), NOW), B.signer, NOW)
    write_bundle(bundle_files(members, receipt, A.public, B.public, **written(A)), tmp_path / "refused")
    assert verify_bundle(tmp_path / "refused", [KEY]).reasons == ["The recipient did not take it (expired)."]


def test_it_is_still_valid_after_the_key_expired_but_only_by_a_receipt_from_before(tmp_path: Path, gpg: Gpg) -> None:
    """The sender signed with gpg in 2024, with a key that ended two days later."""
    made = gpg.make("Old <old@example.org>", at="20240101T000000", lasts="2d")
    then = datetime(2024, 1, 1, 6, tzinfo=UTC)
    by = NodeKey(node=A.node, key=made)
    said = A.dispatch(B, by=by, at=then, before=genesis(by, B.party)).content
    signature = gpg.run("--armor", "--local-user", made, "--detach-sign", given=said, at="20240101T060000")
    statement = read_statement(said, signature)
    members = members_of(statement)
    public = gpg.run("--armor", "--export", made)
    for name, taken, valid in (("good", then, True), ("late", NOW, False)):
        receipt = B.says(
            Receipt, of=statement.hash, to=A.node, number=1, taken=taken, verdict=ReceiptVerdict.TAKEN, had=1
        )  # fmt: skip
        write_bundle(bundle_files(members, receipt, public, B.public, **written(B)), tmp_path / name)
        assert verify_bundle(tmp_path / name, [made]).valid is valid


def test_an_odd_folder_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ConflictError):
        write_bundle(bundle(), folder)
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(InputError):
        verify_bundle(folder, [KEY])
    (tmp_path / "empty").mkdir()
    found = verify_bundle(tmp_path / "empty")
    assert (found.valid, found.files) == (False, ())


@pytest.mark.parametrize(
    ("place", "name", "content", "year"),
    [
        ("identrust", "issue-104", b"hello", 2025),
        ("sigstage", "response-sha256", b"hello", 2025),
        ("sigstage", "response-sha384", b"hello", 2025),
        ("sigstage", "response-sha512", b"hello", 2025),
        ("sigstage", "response-no-embedded-cert", b"hello", 2025),  # its certificate is in the chain beside it
        ("sigstage", "response-invalid-signature", b"hello", None),
        ("sigstore.mock", "response-expired", None, 2023),  # valid when it was made, which is what counts
    ],
)
def test_time_stamps_of_others_are_right_or_refused(
    shared_data: Path, place: str, name: str, content: bytes | None, year: int | None
) -> None:
    folder = shared_data / "exchange" / "crypto" / "rfc3161" / place
    response = (folder / f"{name}.tsr").read_bytes()
    content = content if content is not None else (folder / "payload").read_bytes()
    chain = read_certificates((folder / "ts_chain.pem").read_bytes())
    other = folder.parent / ("sigstage" if place != "sigstage" else "identrust")
    others = read_certificates((other / "ts_chain.pem").read_bytes())
    try:
        found: int | None = check_time_stamp(response, content, chain).at.year
    except TimeStampError:
        found = None
    assert found == year
    for wrong, stamped, trusted in (
        (response, content + b"!", chain), (response, content, others), (response[:-9], content, chain),
        (b"", content, chain), ((folder.parent / "sigstage" / "request.der").read_bytes(), content, chain),
    ):  # fmt: skip
        with pytest.raises(TimeStampError):
            check_time_stamp(wrong, stamped, trusted)


def test_a_time_stamp_is_checked_by_openssl_and_by_us(tmp_path: Path) -> None:
    root = make_authority(tmp_path / "tsa")
    files = bundle()
    signature = "receipt.json.asc"
    again = bundle(TimeStamps({signature: b""}, root))  # as README.txt names it
    reply = stamp(tmp_path / "tsa", again[signature])
    whole = again | {f"{signature}.tsr": reply}
    whole["SHA256SUMS"] = sums_of(whole)
    folder = tmp_path / "bundle"
    write_bundle(whole, folder)
    command = ("ts", "-verify", "-data", signature, "-in", f"{signature}.tsr", "-CAfile", "authorities.pem")
    assert f"openssl {' '.join(command)}" in (folder / "README.txt").read_text()
    openssl(*command, folder=folder)  # raises where it does not verify
    found = verify_bundle(folder, [KEY])
    assert found.valid is True
    assert [(one.of, one.established) for one in found.time_stamps] == [(signature, False)]
    assert verify_bundle(folder, [KEY], root).time_stamps[0].established
    stranger = make_authority(tmp_path / "other")
    assert verify_bundle(folder, [KEY], stranger).valid is False
    wrong = whole | {f"{signature}.tsr": stamp(tmp_path / "tsa", files["receipt.json"])}
    write_bundle(wrong | {"SHA256SUMS": sums_of(wrong)}, tmp_path / "wrong")
    assert verify_bundle(tmp_path / "wrong", [KEY]).valid is False


def test_the_command_says_what_a_bundle_proves_and_stores_nothing(folder: Path, tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    found = tocsin.json("exchange", "verify", folder, "--key", KEY.upper())
    names = "valid signer to received_at marking files reasons".split()
    assert list(found)[: len(names)] == names
    assert [found[one] for one in ("valid", "signer", "to", "marking", "reasons")] == [
        True,
        KEY,
        OTHER,
        "TLP:AMBER",
        [],
    ]
    assert found["files"][0].keys() == {"name", "sha256", "ok"}
    unknown = tocsin.json("exchange", "verify", folder, code=2)
    assert (unknown["valid"], unknown["signer"], unknown["reasons"]) == (None, None, [NOT_ESTABLISHED])
    assert "Valid: signed by" in tocsin.run("exchange", "verify", folder, "--key", KEY)
    (folder / "text.txt").write_text("Nothing to do.")
    changed = tocsin.json("exchange", "verify", folder, "--key", KEY, code=1)
    assert [one["name"] for one in changed["files"] if not one["ok"]] == ["text.txt"]
    assert not (tmp_path / "home").exists()
