"""A dispatch: one file that only its recipient opens, in its order, once; every other has its code."""

import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from pysequoia import Tsk

from support.exchange_examples import NOW, Peer, peer, sealed
from support.mail_keys import Gpg, gnupg
from tocsin.exchange.dispatches import (
    DispatchRecipient,
    DispatchVerdict,
    IncomingLink,
    Limits,
    OutgoingLink,
    OutgoingState,
    add_sealed,
    decide,
    file_name,
    genesis,
    make_receipt,
    may_become,
    members_of,
    note_receipt,
    open_file,
    open_receipt,
    resume,
    seal,
    seal_receipt,
    take,
    unpack,
)
from tocsin.exchange.statements import Receipt, ReceiptVerdict, RefusalCode, RefusalError, Statement
from tocsin.sharing.gate import Tlp

A, B, C = peer(1), peer(2), peer(3)


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    with gnupg() as ring:
        yield ring


def code(file: bytes, recipient: DispatchRecipient) -> RefusalCode | None:
    try:
        return take(file, recipient, NOW).outcome.code
    except RefusalError as error:
        return error.code


def for_b(members: dict[str, bytes]) -> bytes:
    return seal(members, B.tsk.extract_certificate())


def test_what_was_sent_arrives_whole_and_gets_a_small_receipt() -> None:
    members, file = sealed(A, B)
    found = take(file, B.receives(A), NOW)
    assert (found.outcome.verdict, found.outcome.link.number, found.outcome.counts) == (DispatchVerdict.TAKEN, 1, True)
    assert found.contents is not None
    assert found.contents.text == "For your information."
    got = found.contents
    assert members_of(found.statement, got.statements, got.parts.values(), got.text) == members
    receipt = make_receipt(found, B.signer, NOW, log=f"4711:{'9' * 64}")
    assert len(receipt.content) + len(receipt.signature) <= 1000
    again = open_receipt(seal_receipt(receipt, A.tsk.extract_certificate()), A.receives(B))
    assert again == receipt
    with pytest.raises(
        RefusalError
    ) as refused:  # what B received from A says nothing to C, which has numbers of its own
        open_receipt(seal_receipt(receipt, C.tsk.extract_certificate()), C.receives(B))
    assert refused.value.code is RefusalCode.WRONG_RECIPIENT
    assert file_name(A.node, B.node, 123) == "00000001-00000002-000123.pgp"


def test_a_recipient_without_tocsin_reads_it_with_gpg_and_unzip(gpg: Gpg, tmp_path: Path) -> None:
    made = gpg.make("CERT <cert@example.net>")
    recipient = Peer(B.node, Tsk.from_bytes(gpg.run("--export-secret-keys", made)))
    gpg.run("--import", given=A.public)
    members, file = sealed(A, recipient)
    (tmp_path / "came.zip").write_bytes(gpg.run("--decrypt", given=file))
    subprocess.run(["unzip", "-q", "came.zip", "-d", "in"], cwd=tmp_path, check=True, timeout=60)
    got = {path.name: path.read_bytes() for path in (tmp_path / "in").iterdir()}
    assert got == members
    for name in (one for one in got if one.endswith(".json")):
        assert gpg.verifies(got[name], got[f"{name}.asc"])
    sums = subprocess.run(["sha256sum", *got], cwd=tmp_path / "in", capture_output=True, check=True, timeout=60).stdout
    named = {line.split("  ")[1]: line.split("  ")[0] for line in sums.decode().splitlines()}
    hashes = {one.removeprefix("sha256:") for one in json.loads(got["dispatch.json"])["statements"]}
    assert hashes == {digest for name, digest in named.items() if name == f"{digest}.json"}


def archive(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, content in members:
            made.writestr(name, content, compress_type=method)
    return out.getvalue()


def lying(name: str, claimed: int) -> bytes:
    """An archive whose member says that it is smaller than it is."""
    made = bytearray(archive((name, b"\0" * 900_000)))
    at = made.rfind(b"PK\1\2") + 24
    made[at : at + 4] = claimed.to_bytes(4, "little")
    return bytes(made)


SMALL = Limits(file=2_000_000, unpacked=3_000_000, members=10, ratio=200)
HEX = "0" * 64


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", RefusalCode.BAD_ARCHIVE),
        (b"PK\5\6", RefusalCode.BAD_ARCHIVE),
        (archive((HEX, b"x"))[:-5], RefusalCode.BAD_ARCHIVE),
        (archive((HEX, b"x")) + b"more", RefusalCode.BAD_ARCHIVE),
        (archive(("../" + HEX, b"x")), RefusalCode.BAD_NAME),
        (archive(("/" + HEX, b"x")), RefusalCode.BAD_NAME),
        (archive((HEX + "\\x", b"x")), RefusalCode.BAD_NAME),
        (archive(("d/" + HEX, b"x")), RefusalCode.BAD_NAME),
        (archive((HEX.replace("0", "\uff10"), b"x")), RefusalCode.BAD_NAME),  # full-width digits
        (archive(("text.txt\u202e", b"x")), RefusalCode.BAD_NAME),
        (archive((HEX + "\n", b"x")), RefusalCode.BAD_NAME),
        (archive(*[(f"{n:064x}", b"x") for n in range(11)]), RefusalCode.TOO_LARGE),
        (archive(*[(f"{n:064x}", b"x") for n in range(1000)]), RefusalCode.TOO_LARGE),
        (archive((HEX, b"\0" * 2_900_000)), RefusalCode.TOO_LARGE),  # over 200 times
        (archive((HEX, b"\0" * 4_000_000)), RefusalCode.TOO_LARGE),
        (lying(HEX, 10), RefusalCode.BAD_ARCHIVE),
        (archive((HEX, b"x" * 100), method=zipfile.ZIP_BZIP2), RefusalCode.BAD_ARCHIVE),
        (archive((HEX, b"x"), ("1" + HEX[1:], b"x")).replace(b"1" + b"0" * 63, b"0" * 64), RefusalCode.BAD_NAME),
    ],
)  # fmt: skip
def test_an_archive_that_is_none_of_ours_has_a_code(content: bytes, code: RefusalCode) -> None:
    assert unpack(archive((HEX, b"x")), SMALL) == {HEX: b"x"}
    with pytest.raises(RefusalError) as refused:
        unpack(content, SMALL)
    assert refused.value.code is code


def test_whatever_cannot_be_decrypted_has_one_answer_and_no_bomb_unpacks(gpg: Gpg) -> None:
    _, file = sealed(A, B)
    own = B.receives(A, limits=Limits(file=100_000))
    gpg.run("--import", given=B.public)
    compressed = ("--trust-model", "always", "--compress-algo", "ZLIB", "--compress-level", "9")
    bomb = gpg.run(*compressed, "--recipient", B.party.key, "--encrypt", given=b"\0" * 50_000_000)
    assert len(bomb) < own.limits.file
    middle = len(file) // 2
    flipped = file[:middle] + bytes([file[middle] ^ 1]) + file[middle + 1 :]
    said = set()
    for bad in (b"", b"x" * 1000, file[:-1], file[:200], flipped, sealed(A, C)[1], bomb):
        with pytest.raises(RefusalError) as refused:
            open_file(bad, own.opening, own.limits)
        said.add((refused.value.code, str(refused.value)))
    assert {one for one, _ in said} == {RefusalCode.UNDECRYPTABLE}
    assert len(said) == 1
    assert code(b"x" * 100_001, own) is RefusalCode.TOO_LARGE


def test_each_fault_of_a_dispatch_has_its_code() -> None:
    members, _ = sealed(A, B)
    item = next(name for name in members if len(name) == 69)
    part = next(name for name in members if len(name) == 64)
    own = B.receives(A)

    def without(without: str) -> dict[str, bytes]:
        return {name: one for name, one in members.items() if name != without}

    stranger, public = peer(4), A.item(b"x", tlp=Tlp.RED)
    old = A.dispatch(B, expires=NOW - timedelta(hours=1))
    cases = {
        RefusalCode.MISSING_PART: [without("dispatch.json"), without(part), without(item), without(f"{item}.asc"),
                                   without("text.txt"), without("dispatch.json.asc")],
        RefusalCode.EXTRA_PART: [members | {"0" * 64: b"more"}, members | {"receipt.json": b"{}"}],
        RefusalCode.HASH_MISMATCH: [members | {part: b"else"}, members | {"text.txt": b"else"},
                                    members | {item: members[item] + b" "}],
        RefusalCode.BAD_SIGNATURE: [members | {"dispatch.json": members["dispatch.json"] + b" "},
                                    members | {f"{item}.asc": members["dispatch.json.asc"]}],
        RefusalCode.WRONG_RECIPIENT: [sealed(A, C)[0]],  # whoever opened it sent it on
        RefusalCode.UNKNOWN_KEY: [sealed(stranger, B)[0]],
        RefusalCode.EXPIRED: [members_of(old)],
        RefusalCode.MARKING: [members_of(A.dispatch(B, [public]), [public])],
        RefusalCode.TOO_LARGE: [sealed(A, B, Random(1).randbytes(500_001).hex())[0]],  # of a text that people read
        RefusalCode.BAD_STATEMENT: [members_of(A.item(b"x"))],
    }  # fmt: skip
    found = {wanted: {code(for_b(one), own) for one in given} for wanted, given in cases.items()}
    assert found == {wanted: {wanted} for wanted in cases}


def test_statements_of_a_third_node_pass_unchanged_and_are_named_until_its_key_is_pinned() -> None:
    item = C.item(b"x")
    file = for_b(members_of(A.dispatch(B, [item]), [item]))
    unknown, known = take(file, B.receives(A), NOW).contents, take(file, B.receives(A, C), NOW).contents
    assert unknown is not None
    assert known is not None
    assert (set(unknown.unverified), set(known.unverified)) == ({item.hash}, set())
    forged = Statement(item.content, A.item(b"x").signature, item.body)
    assert code(for_b(members_of(A.dispatch(B, [forged]), [forged])), B.receives(A, C)) is RefusalCode.BAD_SIGNATURE


def chain(sender: Peer, to: Peer, count: int) -> list[Statement]:
    made = list[Statement]()
    for number in range(1, count + 1):
        before = made[-1].hash if made else genesis(sender.party, to.party)
        made.append(sender.dispatch(to, number=number, before=before))
    return made


def test_numbers_decide_what_becomes_of_a_dispatch() -> None:
    one, two, three = chain(A, B, 3)
    start = IncomingLink(genesis(A.party, B.party))
    first = decide(start, one, NOW)
    assert (first.verdict, first.link.number, first.link.head) == (DispatchVerdict.TAKEN, 1, one.hash)
    assert decide(first.link, one, NOW).verdict is DispatchVerdict.REPEATED
    gap = decide(first.link, three, NOW)
    assert (gap.verdict, gap.link, gap.counts) == (DispatchVerdict.GAP, first.link, False)
    second = decide(first.link, two, NOW)
    assert decide(second.link, three, NOW).link.number == 3
    other = A.dispatch(B, number=1, before=start.head, text="")
    reused = decide(second.link, other, NOW)
    assert (reused.verdict, reused.code, reused.link) == (
        DispatchVerdict.REFUSED,
        RefusalCode.NUMBER_REUSED,
        second.link,
    )
    loose = decide(second.link, A.dispatch(B, number=3, before=one.hash), NOW)
    assert (loose.verdict, loose.code, loose.counts) == (DispatchVerdict.REFUSED, RefusalCode.BAD_CHAIN, False)
    expired = A.dispatch(B, number=3, before=two.hash, expires=NOW)
    late = decide(second.link, expired, NOW)
    assert (late.verdict, late.code, late.link.number, late.counts) == (
        DispatchVerdict.REFUSED,
        RefusalCode.EXPIRED,
        3,
        True,
    )
    assert decide(late.link, expired, NOW).verdict is DispatchVerdict.REPEATED
    assert genesis(A.party, B.party) != genesis(B.party, A.party)


def test_receipts_move_what_was_sent_and_a_restored_node_goes_on_after_them() -> None:
    sent = chain(A, B, 3)
    link = OutgoingLink(genesis(A.party, B.party))
    for one in sent:
        link = add_sealed(link, one)
    with pytest.raises(ValueError, match="does not follow"):
        add_sealed(link, sent[0])

    def receipt(number: int, verdict: ReceiptVerdict, had: int, code: str | None = None, **given: str) -> Receipt:
        said = {"of": sent[number - 1].hash} | given
        return Receipt(**B.head() | said, to=A.node, number=number, taken=NOW, verdict=verdict, had=had, code=code)

    second = receipt(2, ReceiptVerdict.TAKEN, 2)
    after = note_receipt(link, second)
    assert [one.state.value for one in after.dispatches] == ["received", "received", "sealed"]
    last = note_receipt(after, receipt(3, ReceiptVerdict.REFUSED, 3, "expired")).dispatches[-1]
    assert (last.state, last.reason) == (OutgoingState.REFUSED, "expired")
    gap = receipt(3, ReceiptVerdict.GAP, 1, "gap")
    assert [one.state.value for one in note_receipt(link, gap).dispatches] == ["received", "sealed", "sealed"]
    with pytest.raises(RefusalError) as refusal:
        note_receipt(add_sealed(OutgoingLink(genesis(A.party, B.party)), sent[0]), second)  # of what we never sent
    assert refusal.value.code is RefusalCode.HASH_MISMATCH
    with pytest.raises(RefusalError) as refusal:
        note_receipt(link, receipt(2, ReceiptVerdict.TAKEN, 2, of=sent[0].hash))
    assert refusal.value.code is RefusalCode.HASH_MISMATCH

    yesterday = add_sealed(OutgoingLink(genesis(A.party, B.party)), sent[0])
    restored = resume(yesterday, second)
    assert (restored.number, restored.head, restored.dispatches[0].state.value) == (2, sent[1].hash, "sealed")
    assert resume(link, second) == link  # it knows more than that


def test_a_dispatch_has_one_way_through_its_states() -> None:
    allowed = {(one.value, then.value) for one in OutgoingState for then in OutgoingState if may_become(one, then)}
    assert {"received", "refused"}.isdisjoint(one for one, _ in allowed), "these are final"
    assert {"sealed", "held"}.isdisjoint(then for _, then in allowed), "in these it begins"
    reached = {"sealed", "held"}
    for _ in OutgoingState:
        reached |= {then for one, then in allowed if one in reached}
    assert reached == {one.value for one in OutgoingState}
