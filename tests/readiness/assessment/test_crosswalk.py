"""Crosswalks: what old answers still say under new criteria, and the break made visible."""

import pytest

from tocsin.node.errors import InputError
from tocsin.readiness.assessment import UNKNOWN, Framework, QuestionLink, QuestionScore
from tocsin.readiness.assessment.compare import _compose
from tocsin.readiness.assessment.crosswalk import chain_link, links, reverse, translate
from tocsin.readiness.assessment.frameworks import parse_framework
from tocsin.readiness.assessment.scoring import exactly


def framework(version: str, questions: dict[str, str], crosswalk: str = "") -> Framework:
    asked = "".join(
        f'\n[[pillar.indicator.question]]\nid = "{i}"\ntext = "{t}"\nscale = "s"' for i, t in questions.items()
    )
    return parse_framework(
        f"""
id = "f"
version = "{version}"
title = "F"
[origin]
source = "us"
original = "nothing"
ours = "all"
licence = "Apache-2.0"
[scales.s]
levels = [{{ label = "No", value = 0 }}, {{ label = "Half", value = 0.5 }}, {{ label = "Yes", value = 1 }}]
{crosswalk}
[[pillar]]
id = "p"
title = "P"
[[pillar.indicator]]
id = "i"
title = "I"{asked}
""",
        f"f-{version}.toml",
    )


OLD = framework("1", {"a": "A?", "b": "B?", "c": "C?"})
CROSSWALK = """
[crosswalk]
from_version = "1"
mapping = [
    { from = "b", to = "b2", relation = "broader" },
    { from = "c", relation = "dropped" },
    { to = "d", relation = "new" },
]
"""
NEW = framework("2", {"a": "A?", "b2": "B and more?", "d": "D?"}, CROSSWALK)


def test_each_question_of_both_versions_is_accounted_for() -> None:
    assert {(link.old, link.new, link.relation) for link in links(OLD, NEW)} == {
        ("a", "a", "same"),
        ("b", "b2", "broader"),
        ("c", None, "dropped"),
        (None, "d", "new"),
    }


def test_a_question_left_out_is_refused_by_name() -> None:
    silent = framework("2", {"a": "A?", "b": "B, differently?", "c": "C?"}, '[crosswalk]\nfrom_version = "1"')

    with pytest.raises(InputError, match="leaves out from 'b', to 'b'"):
        links(OLD, silent)


def test_a_line_about_a_question_that_never_was_is_refused() -> None:
    odd = CROSSWALK.replace('from = "b"', 'from = "z"')

    with pytest.raises(InputError, match="from = 'z' is no question of 1"):
        links(OLD, framework("2", {"a": "A?", "b2": "B and more?", "d": "D?"}, odd))


def test_an_old_answer_says_less_where_the_question_changed() -> None:
    chain = [
        QuestionLink("a", "a", "same"),
        QuestionLink("b", "b2", "broader"),
        QuestionLink("c", "c2", "narrower"),
        QuestionLink(None, "d", "new"),
        QuestionLink("e", None, "dropped"),
    ]
    found = translate({"a": exactly(0.5), "b": exactly(0.5), "c": exactly(0.5), "e": exactly(1)}, chain)

    assert found == {
        "a": exactly(0.5),
        "b2": QuestionScore(0.0, None, 0.5),
        "c2": QuestionScore(0.5, None, 1.0),
        "d": UNKNOWN,
    }


def test_two_questions_that_became_one_keep_what_each_rules_out() -> None:
    chain = [QuestionLink("a", "z", "broader"), QuestionLink("b", "z", "broader")]

    assert translate({"a": exactly(0.5), "b": exactly(1.0)}, chain) == {"z": QuestionScore(0.0, None, 0.5)}


def test_read_backward_broader_is_narrower_and_new_is_dropped() -> None:
    turned = reverse(links(OLD, NEW))

    assert {(link.old, link.new, link.relation) for link in turned} == {
        ("a", "a", "same"),
        ("b2", "b", "narrower"),
        (None, "c", "new"),
        ("d", None, "dropped"),
    }


def test_over_two_changes_of_version_an_answer_says_what_both_leave() -> None:
    first = [
        QuestionLink("a", "a", "same"),
        QuestionLink("b", "b", "broader"),
        QuestionLink("c", "c", "broader"),
        QuestionLink("d", None, "dropped"),
    ]
    second = [
        QuestionLink("a", "a", "broader"),
        QuestionLink("b", "b", "broader"),
        QuestionLink("c", "c", "narrower"),
        QuestionLink(None, "e", "new"),
    ]

    assert {(link.old, link.new, link.relation) for link in _compose(first, second)} == {
        ("a", "a", "broader"),
        ("b", "b", "broader"),
        ("c", None, "dropped"),
        (None, "c", "new"),
        ("d", None, "dropped"),
        (None, "e", "new"),
    }


def test_a_chain_link_moves_by_the_common_questions_and_shows_the_break() -> None:
    first = {"a": exactly(0.5), "b": exactly(0.5), "c": exactly(0.5)}
    second = {"a": exactly(1.0), "b2": exactly(0.5), "d": exactly(0.0)}
    found = chain_link(OLD, NEW, links(OLD, NEW), first, second)

    assert found.common == ("a",)
    assert (found.first, found.change.value, found.linked, found.second, found.break_) == (50, 50, 100, 50, -50)


def test_there_is_no_link_without_a_common_answer() -> None:
    with pytest.raises(InputError, match="nothing to link on"):
        chain_link(OLD, NEW, links(OLD, NEW), {"b": exactly(1)}, {"d": exactly(1)})
