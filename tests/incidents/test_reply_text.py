"""The words of the writer alone: as tests of three other programs have them, and in what CSIRTs get and send."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cast import Tocsin
from tocsin.incidents.reply_text import reply_text

MISSES = {"email_7.txt"}
"""Of crisp's texts; docs/design/threads.md says why."""


def _text(file: Path) -> str:
    return reply_text(file.read_bytes())


def test_crisps_texts_are_equal_but_for_the_misses_that_are_listed(shared_data: Path) -> None:
    folder = shared_data / "incidents/replies/crisp"
    misses = set()
    cases = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["cases"]
    for case in cases:
        text = _text(folder / case["id"])
        whole = case.get("first_or_visible_text_trimmed", case.get("first_or_visible_text"))
        if whole is not None and text != whole.strip():
            misses.add(case["id"])
        assert all(re.search(pattern, text) for pattern in case.get("first_text_matches", ()))
        if case.get("fragments_of_the_reference_parser") == 1:
            assert text == (folder / case["id"]).read_text(encoding="utf-8").strip()
    assert misses & {case["id"] for case in cases} == MISSES
    assert len(misses) <= len(cases) / 10


def test_zapiers_texts_end_before_what_is_hidden_from_the_reader(shared_data: Path) -> None:
    folder = shared_data / "incidents/replies/zapier"
    texts = {file.stem: _text(file) for file in folder.glob("*.txt")}
    assert texts["email_1_1"].endswith("I am currently using the Java HTTP API.")
    assert texts["email_1_4"] == "Awesome! I haven't had another problem with it."
    assert texts["email_1_6"] == "I get proper rendering as well."
    assert texts["email_1_7"] == ":+1:"
    assert texts["email_headers_no_delimiter"] == "And another reply!"
    assert texts["email_BlackBerry"] == texts["email_iPhone"] == "Here is another email"
    assert texts["pathological"].endswith("get back to a computer.")


def test_talons_mails_and_pages(shared_data: Path) -> None:
    folder = shared_data / "incidents/replies/talon"
    for mail in (folder / "standard_replies").glob("*.eml"):
        expected = mail.with_name(f"{mail.stem}_reply_text")
        assert _text(mail) == (expected.read_text(encoding="utf-8").strip() if expected.exists() else "Hello"), (
            mail.name
        )
    for page in (folder / "html_replies").glob("*.html"):
        assert _text(page).split() == "Hi. I am fine. Thanks, Alex".split(), page.name
    misses = set()
    for body in (folder / "signature").glob("*_body"):
        signature = body.with_name(body.name.replace("_body", "_signature")).read_text(encoding="utf-8").strip()
        if _text(body) != body.read_text(encoding="utf-8").strip().removesuffix(signature).strip():
            misses.add(body.name)
    assert misses == {"short_url_body"}  # "Thank you, Noam" is what a person writes


@pytest.mark.parametrize(
    "line",
    [
        "On Mon, 24 Nov 2026 at 09:00, CSIRT <csirt@cert.example> wrote:",
        "Le lun. 24 nov. 2026 à 09:00, CSIRT national <csirt@cert.example> a\nécrit :",
        "El lun, 24 nov 2026 a las 9:00, CSIRT (<csirt@cert.example>) escribió:",
        "Em seg., 24 de nov. de 2026 às 09:00, CSIRT\n<csirt@cert.example> escreveu:",
        "في الاثنين، 24 نوفمبر 2026 في 9:00 ص كتب CSIRT <csirt@cert.example>:",
        "Am Mo., 24. Nov. 2026 um 09:00 Uhr schrieb CSIRT <csirt@cert.example>:",
        "Il giorno lun 24 nov 2026 alle ore 09:00 CSIRT <csirt@cert.example> ha\nscritto:",
        "Op ma 24 nov 2026 om 09:00 schreef CSIRT <csirt@cert.example>:",
        "pon., 24 lis 2026 o 09:00 CSIRT <csirt@cert.example> napisał(a):",
        "пн, 24 нояб. 2026 г. в 09:00, CSIRT <csirt@cert.example>:",  # noqa: RUF001 (as its mail programs write)
        "24 Kas 2026 Pzt, saat 09:00 tarihinde CSIRT <csirt@cert.example> şunu\nyazdı:",  # noqa: RUF001 (as its mail programs write)
        "2026年11月24日(火) 9:00 CSIRT <csirt@cert.example>:",
        "CSIRT <csirt@cert.example> 于2026年11月24日周二 09:00写道：",  # noqa: RUF001 (as its mail programs write)
        "CSIRT <csirt@cert.example> schrieb am Di., 24. Nov. 2026 um 09:00:",
        "---- On Mon, 24 Nov 2026 09:00:00 +0000 CSIRT <csirt@cert.example> wrote ----",
        "-----Mensaje original-----\nDe: CSIRT",
        "Begin forwarded message:",
        "  _____  \n\nFrom: CSIRT [mailto:csirt@cert.example]\nSent: Monday\nTo: noc",
        "________________________________\nDe : CSIRT <csirt@cert.example>\nEnvoyé : lundi\nÀ : noc",
        "Von: CSIRT <csirt@cert.example>\nGesendet: Montag, 24. November 2026 09:00\nAn: NOC\nBetreff: x",
        "De: CSIRT <csirt@cert.example>\nEnviado el: lunes, 24 de noviembre de 2026\nPara: noc\nAsunto: x",
        "*From:* CSIRT <csirt@cert.example>\n*Sent:* Monday\n*To:* noc\n*Subject:* x",
        "Subject: x\nDate: Mon, 24 Nov 2026 09:00:00 +0000\nFrom: CSIRT <csirt@cert.example>\nTo: noc",
        "От: CSIRT <csirt@cert.example>\nОтправлено: 24 ноября 2026 г. 9:00\nКому: noc\nТема: x",  # noqa: RUF001 (as its mail programs write)
        "发件人: CSIRT <csirt@cert.example>\n发送时间: 2026年11月24日 9:00\n收件人: noc\n主题: x",
    ],
)
def test_what_follows_the_line_of_a_mail_program_is_quoted(line: str) -> None:
    assert reply_text(f"192.0.2.1 is clean.\nYes\n\n{line}\n\nfixed\n".encode()) == "192.0.2.1 is clean.\nYes"
    assert reply_text(f"192.0.2.1 is clean.\nYes\n{line}\n> fixed\n".encode()) == "192.0.2.1 is clean.\nYes"


@pytest.mark.parametrize(
    "line",
    [
        "On Mon, 24 Nov 2026 at 09:00, CSIRT <csirt@cert.example> wrote",
        "On Mon, 24 Nov 2026 at 09:00, CSIRT of the Ministry of Example\n<csirt@cert.example> wrote",
        "El lun, 24 nov 2026 a las 9:00, CSIRT (<csirt@cert.example>) escribió",
        "Le lun. 24 nov. 2026 à 09:00, csirt@cert.example a écrit",
    ],
)
def test_a_line_that_names_the_writer_needs_no_colon(line: str) -> None:
    for quoted in ("\nIs 192.0.2.1 fixed?\n\nAna Lima\n", "> Is 192.0.2.1 fixed?\n"):
        assert reply_text(f"It is clean.\n\n{line}\n{quoted}".encode()) == "It is clean."


@pytest.mark.parametrize("rule", ["====", "===", "=====", "---", "____", "* * *", "= = = ="])
def test_a_rule_above_what_is_quoted_goes_with_it(rule: str) -> None:
    for quoted in (
        "On Mon, 24 Nov 2026 at 09:00, CSIRT <csirt@cert.example> wrote:\n> old",
        "From: CSIRT <csirt@cert.example>\nSent: Monday\nTo: noc\n\nold",
        "> old\n> older",
    ):
        assert reply_text(f"It is clean.\n\n{rule}\n{quoted}\n".encode()) == "It is clean."
        assert reply_text(f"It is clean.\n\n{rule}\n\n{quoted}\n".encode()) == "It is clean."


_LONG = "> Please tell us by Friday whether the machine at 192.0.2.1 is one of the servers"
_LONGER = "> of your hospital, since it still answers to everybody on the port that we have named"


@pytest.mark.parametrize("rest", ["of yours.", "that your customers use.", "2 and 3.", "(or not)."])
def test_the_second_half_of_a_quoted_line_that_a_program_broke_is_quoted(rest: str) -> None:
    head = "It is clean.\n\nOn 24 Nov 2026, csirt@cert.example wrote:\n"
    for end in ("", ">\n> CSIRT\n", "\n", f"{_LONGER}\nabove.\n> CSIRT\n"):
        assert reply_text(f"{head}{_LONG}\n{rest}\n{end}".encode()) == "It is clean."
    between = f"{head}> Dear team,\n{_LONG}\n{rest}\n> Is it?\nYes, it is.\n> Bye\n"
    assert reply_text(between.encode()) == "It is clean.\n\nYes, it is."


def test_an_answer_below_what_was_broken_off_stays() -> None:
    text = f"On 24 Nov 2026, csirt@cert.example wrote:\n{_LONG}\nof yours\nyes\n> Bye\n"
    assert reply_text(text.encode()) == "yes"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (f"{_LONG}?", "yes"),  # it ends there
        (_LONG, "Yes, it is."),  # a sentence of its own
        ("> Is 192.0.2.1 one of the servers", "of ours, yes"),  # there was room for it
        (f"{_LONG}\n", "no"),  # it does not stand beside it
        (_LONG, "yes, the whole network is ours and has been cleaned by our own people on Friday last"),  # no rest
    ],
)
def test_an_answer_below_a_long_question_stays(question: str, answer: str) -> None:
    text = f"On 24 Nov 2026, csirt@cert.example wrote:\n{question}\n{answer}\n> Bye\n"
    assert reply_text(text.encode()) == answer


@pytest.mark.parametrize(
    "text",
    [
        "On 24 Nov 2026 at 10:00 ana@isp.example wrote\nto us that all is well.",
        "On 24 Nov 2026 the attacker wrote\n\npay or else",
        "Title\n====\nAll is well.",
        "Before\n\n====\n\nAfter",
        "At 10:15 the host answered:\n\n200 OK",
        "These five hosts of 2026 are ours:\n192.0.2.1\n192.0.2.2",
        "The log of 24 Nov 2026 says:\n\nFailed password for root",
        "From: 192.0.2.1\nTo: 198.51.100.7\nBytes: 9000",
        "Date: 2026-11-24 10:00\nHost: www.example.com\nContact: ana@isp.example",
        "At noon the dropper writes 3 files:\n\na.exe",
        "The note wrote of 5 coins:\n\npay",
        "Steps:\n\n-- look\n-- clean\n\nThat is all.",
        "- one\n- two\n\n-v is an option",
        "Findings\n--------\nNothing at all.",
        "Ring me:\n\nAna Lima",
        "Thanks,\nAna",
        "The spam was sent from my server, I am afraid.",
        "Is > 5 and < 7.",
    ],
)
def test_facts_of_a_report_are_not_taken_for_quotes_or_signatures(text: str) -> None:
    assert reply_text(f"Good day\n\n{text}\n".encode()) == f"Good day\n\n{text}"


def test_a_signature_goes_from_a_bare_text_and_stays_in_a_mail() -> None:
    text = "It is fixed.\n\n-- \nAna Lima\n+258 21 000 000"
    assert reply_text(text.encode()) == "It is fixed."
    assert reply_text(f"From: ana@isp.example\nSubject: Re: x\n\n{text}\n".encode()) == text
    for line in (
        "Sent from my iPhone",
        "Sent with Proton Mail secure email.",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "Enviado do meu iPhone",
    ):
        assert reply_text(
            f"It is fixed.\n\n{line}\n\nOn Mon, 24 Nov 2026, csirt@cert.example wrote:\n> x".encode()
        ) == ("It is fixed.")
    block = "Ana Lima\nHead of network\nana@isp.example\n+258 21 000 000"
    assert reply_text(f"It is fixed.\n\n{block}".encode()) == "It is fixed."
    assert reply_text(block.encode()) == block  # all that was written


def test_answers_between_the_quoted_lines_are_all_there() -> None:
    text = "See below.\n\nOn 24 Nov 2026, csirt@cert.example wrote:\n> Is 192.0.2.1 yours?\nYes.\n> And 192.0.2.2?\nNo."
    assert reply_text(text.encode()) == "See below.\n\nYes.\nNo."


@given(st.binary(max_size=400))
def test_any_bytes_have_a_text(raw: bytes) -> None:
    assert isinstance(reply_text(raw), str)


@given(st.lists(st.sampled_from(["a", "> b", "", "-- ", "On 1 May 2026, a@x wrote:", "From: a@x", "Sent: 1", "---"])))
def test_every_word_is_in_the_mail(lines: list[str]) -> None:
    assert set(reply_text("\n".join(lines).encode()).splitlines()) <= {*lines, "--"}


def test_the_command_has_a_line_for_each_file(tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    (tmp_path / "mail.eml").write_bytes(
        b"Subject: x\nContent-Type: text/html\n\n<p>Yes</p><blockquote>old</blockquote>"
    )
    (tmp_path / "text.txt").write_bytes(b"No\n\n> old\n")
    said = tocsin.lines("incidents", "reply-text", "--json", tmp_path / "mail.eml", tmp_path / "text.txt")
    assert said == [
        {"file": str(tmp_path / "mail.eml"), "text": "Yes"},
        {"file": str(tmp_path / "text.txt"), "text": "No"},
    ]
    assert tocsin.run("incidents", "reply-text", tmp_path / "text.txt") == "No\n"
    tocsin.run("incidents", "reply-text", tmp_path / "not-there", code=2)
    assert not tocsin.home.exists()
