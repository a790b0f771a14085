"""Whether a person wrote it, told from the signs that programs, ticket systems and mail servers leave."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.mail_corpus import (
    ARRIVED,
    AUTOMATIC,
    EXIM,
    FULL,
    GONE,
    LATE,
    LATE_WORDS,
    LISTS,
    PEOPLE,
    QMAIL,
    RECEIPTS,
    UNCLEAR,
    Sample,
    report,
)
from tocsin.delivery.mailbox import MailKind, original_ids, read_mail, sort_mail

OURS = {"csirt@example.org"}
SAMPLES = [*PEOPLE, *AUTOMATIC, *LISTS, *RECEIPTS, *UNCLEAR, QMAIL, EXIM, LATE_WORDS]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.kind}-{sample.name}")
def test_each_mail_is_what_it_is(sample: Sample) -> None:
    found = sort_mail(read_mail(sample.raw()), ours=OURS)

    assert (found.kind, found.ticket) == (sample.kind, sample.ticket), found.why
    assert found.why


@pytest.mark.parametrize("automatic", [*AUTOMATIC, *RECEIPTS], ids=lambda sample: sample.name)
def test_a_verdict_in_an_automatic_reply_makes_it_no_answer(automatic: Sample) -> None:
    if "auto-replied" not in automatic.head and automatic in RECEIPTS:
        return  # a person may have written it in a ticket system
    quoting = Sample(
        "", automatic.kind, f"fixed\n{automatic.body}", automatic.head, automatic.subject, automatic.sender
    )
    assert sort_mail(read_mail(quoting.raw()), ours=OURS).kind in {MailKind.AUTOMATIC, MailKind.RECEIPT}


@pytest.mark.parametrize("word", ["fixed, thanks", "not ours", "fixed 192.0.2.1", "received", "wrong address"])
@pytest.mark.parametrize("way", LISTS, ids=lambda sample: sample.name)
def test_a_word_that_counts_on_a_way_of_programs_is_for_a_person(way: Sample, word: str) -> None:
    found = sort_mail(read_mail(Sample("", way.kind, f"{word}\n{way.body}", way.head).raw()), ours=OURS)

    assert found.kind is MailKind.UNKNOWN
    assert word.replace("received", "acknowledged").split()[0].strip(",") in found.why


def test_a_verdict_that_a_ticket_system_sends_to_nobody_is_for_a_person() -> None:
    head = "X-Zendesk-Ticket-Id: 88\nAuto-Submitted: auto-generated\nReturn-Path: <>"
    found = sort_mail(read_mail(Sample("", MailKind.UNKNOWN, "Fixed.", head).raw()), ours=OURS)

    assert (found.kind, found.ticket) == (MailKind.UNKNOWN, "88")


def test_a_standard_report_says_whom_it_did_not_reach() -> None:
    found = sort_mail(read_mail(report(GONE, LATE, FULL, ARRIVED).raw()), ours=OURS)

    assert found.kind is MailKind.BOUNCE
    assert [(one.mailbox, one.failed, one.permanent, one.status) for one in found.bounces] == [
        ("noc@isp.example", True, True, "5.1.1"),
        ("noc@isp.example", False, False, "4.4.1"),
        ("noc@isp.example", True, False, "4.2.2"),
    ]
    assert found.bounces[0].detail == "550 5.1.1 no user"


def test_a_report_that_a_mail_arrived_is_no_bounce() -> None:
    assert sort_mail(read_mail(report(ARRIVED).raw()), ours=OURS).kind is MailKind.AUTOMATIC


@pytest.mark.parametrize("whole", [False, True])
def test_a_report_names_the_mail_that_it_is_about(whole: bool) -> None:
    mail = read_mail(report(GONE, original="<x@example.org>", whole=whole).raw())
    assert original_ids(mail) == ("<x@example.org>",)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (QMAIL, [("", True, True, "")]),
        (EXIM, [("noc@isp.example", True, True, "")]),
        (LATE_WORDS, [("", False, False, "4.4.7")]),
    ],
    ids=["qmail", "exim", "late"],
)
def test_reports_in_other_words(sample: Sample, expected: list[tuple[str, bool, bool, str]]) -> None:
    found = sort_mail(read_mail(sample.raw()), ours=OURS)
    assert [(one.mailbox, one.failed, one.permanent, one.status) for one in found.bounces] == expected


@given(st.sampled_from([*SAMPLES, report(GONE)]), st.data())
def test_mutated_mails_are_always_sorted(sample: Sample, data: st.DataObject) -> None:
    raw = bytearray(sample.raw())
    for _ in range(data.draw(st.integers(1, 8))):
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, min(len(raw), start + 200)))
        raw[start:end] = data.draw(st.one_of(st.binary(max_size=20), st.just(bytes(raw[start:end]) * 3)))
    found = sort_mail(read_mail(bytes(raw)), ours=OURS)
    assert found.kind in MailKind
    assert len(found.ticket) <= 40
    assert all("\0" not in f"{one.mailbox}{one.detail}" for one in found.bounces)
