"""What a reply says in a word, in five languages, and what is left to people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.delivery.mailbox import ReplyVerdict, confirmation_in, verdicts_in
from tocsin.delivery.mailbox.verdicts import meanings
from tocsin.problems.answers import AnswerVerdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("fixed", "fixed"),
        ("FIXED!", "fixed"),
        ("*Fixed*", "fixed"),
        ("Hello,\n\nfixed - the router is patched\n\nRegards", "fixed"),
        ("Not ours.", "not_ours"),
        ("false positive", "false"),
        ("Accepted: the camera stays", "accepted"),
        ("Bonjour,\nCorrigé, merci\n", "fixed"),
        ("CORRIGE", "fixed"),
        ("faux positif", "false"),
        ("Bien reçu", "acknowledged"),
        ("Resuelto", "fixed"),
        ("no es nuestro", "not_ours"),
        ("Resolvido.", "fixed"),
        ("Não é nosso", "not_ours"),
        ("تم الإصلاح", "fixed"),
        ("ليس لنا", "not_ours"),
        ("إنذار كاذب", "false"),
    ],
)
def test_a_word_alone_is_about_all(text: str, verdict: str) -> None:
    assert verdicts_in(text) == (ReplyVerdict(verdict),)


@pytest.mark.parametrize(
    "text",
    [
        "This is not fixed yet",
        "fixed?",
        "Fixed, but 192.0.2.7 is still open",
        "fixed, except one",
        "Fixed, we hope it will last until tomorrow",
        "It will be fixed tomorrow",
        "when will this be fixed",
        "falsehoods",
        "corrigé, sauf un",
        "resuelto, pero no todo",
        "تم الإصلاح، لكن ليس كله",
        "fixed\nnot ours",
        "a\nb\nc\nd\ne\nf\nfixed",
        "We are here\n-- \nfixed",
        "",
    ],
)
def test_what_is_not_plain_is_left_to_people(text: str) -> None:
    assert verdicts_in(text) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fixed 192.0.2.1", [ReplyVerdict("fixed", ("192.0.2.1",))]),
        ("fixed: 192.0.2.1, 192.0.2.2; 2001:db8::", [ReplyVerdict("fixed", ("192.0.2.1", "192.0.2.2", "2001:db8::"))]),
        ("192.0.2.1: not ours", [ReplyVerdict("not_ours", ("192.0.2.1",))]),
        ("192.0.2.1 - fixed.", [ReplyVerdict("fixed", ("192.0.2.1",))]),
        ("192.0.2.0/24 false positive", [ReplyVerdict("false", ("192.0.2.0/24",))]),
        ("fixed 192.0.2.1:3389", [ReplyVerdict("fixed", ("192.0.2.1:3389",))]),
        ("corrigé www.example.org", [ReplyVerdict("fixed", ("www.example.org",))]),
        ("fixed 0123456789abcdef", [ReplyVerdict("fixed", ("0123456789abcdef",))]),
        ("fixed\nnot ours 192.0.2.7", [ReplyVerdict("fixed"), ReplyVerdict("not_ours", ("192.0.2.7",))]),
        (
            "Hello\n\nfixed 192.0.2.1\nfalse 192.0.2.2",
            [ReplyVerdict("fixed", ("192.0.2.1",)), ReplyVerdict("false", ("192.0.2.2",))],
        ),
        ("we fixed 192.0.2.1", []),
        ("fixed 192.0.2.1 and the others", []),
        ("192.0.2.1 fixed 192.0.2.2", []),
    ],
)
def test_a_word_and_places_are_about_some(text: str, said: list[ReplyVerdict]) -> None:
    assert list(verdicts_in(text)) == said


def test_each_word_names_a_verdict_and_reads_as_itself() -> None:
    assert {AnswerVerdict(verdict) for verdict in meanings("verdict").values()} == set(AnswerVerdict)
    for phrase, verdict in meanings("verdict").items():
        assert verdicts_in(phrase.upper()) == (ReplyVerdict(verdict),), phrase


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes.", "ours"),
        ("Oui, c'est bien nous", "ours"),
        ("Bonjour,\n\nsí", "ours"),
        ("نعم", "ours"),
        ("Wrong address!", "wrong"),
        ("não é nosso", "wrong"),
        ("yes, but not for 192.0.2.0/24", ""),
        ("no", ""),
        ("yes\nwrong", ""),
        ("Who are you?", ""),
    ],
)
def test_whether_a_mailbox_is_theirs(text: str, said: str) -> None:
    assert confirmation_in(text) == said


@given(st.text(max_size=500))
def test_any_text_is_read(text: str) -> None:
    assert all(said.verdict in set(AnswerVerdict) for said in verdicts_in(text))


def test_a_long_line_costs_little() -> None:
    assert verdicts_in("fixed " + "a.a " * 400) == (ReplyVerdict("fixed", ("a.a",)),)
    assert verdicts_in("fixed " + "a.a " * 100_000 + "?") == ()
    assert verdicts_in(("fixed, " + "192.0.2.1 " * 200 + "x\n") * 2_000) == ()
