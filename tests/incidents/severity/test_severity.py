"""Severity by published schemes: the tables and rules of others, what is not known as a range, and bad schemes."""

import csv
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cast import Tocsin
from tocsin.incidents.severity import SeverityScheme, find_scheme, read_scheme, score_severity, shipped_schemes
from tocsin.incidents.text_files import TextFaultError


def _rows(shared_data: Path, name: str, folder: str = "severity") -> list[dict[str, str]]:
    with (shared_data / "incidents" / folder / name).open() as file:
        return list(csv.DictReader(file))


def _level(scheme: SeverityScheme, **answers: Any) -> str:
    found = score_severity(scheme, {name.replace("_", "-"): answer for name, answer in answers.items()})
    return "|".join(one.id for one in found.levels)


NCSC = find_scheme("impact-size")
ENISA = find_scheme("enisa-breach")
DORA = find_scheme("dora")
MEAN = find_scheme("weighted-mean")


def test_the_six_categories_are_those_of_others(shared_data: Path) -> None:
    examples = {  # what each definition says, as impact and victim
        "1": [("emergency", "essential-services"), ("emergency", "central-government")],
        "2": [("serious", one) for one in ("central-government", "essential-services", "population", "economy")],
        "3": [("serious", "large"), ("serious", "local-government"), ("risk", "central-government")],
        "4": [("serious", "medium"), ("risk", "large"), ("risk", "local-government")],
        "5": [
            ("serious", "small"),
            ("risk", "medium"),
            ("indications", "large"),
            ("indications", "central-government"),
        ],
        "6": [("serious", "individual"), ("indications", "small"), ("indications", "medium")],
    }
    rows = {row["category"]: row for row in _rows(shared_data, "ncsc-uk-2018.csv")}
    titles = {level.id: level.title.lower() for level in NCSC.level}
    assert titles == {key: row["name"] for key, row in rows.items()}
    for category, cases in examples.items():
        for impact, victim in cases:
            assert _level(NCSC, impact=impact, victim=victim) == category, (impact, victim)


def test_the_rule_that_decided_is_named() -> None:
    found = score_severity(NCSC, {"impact": "risk", "victim": "large"})
    assert found.rule == "category-4-risk"
    assert found.why == (
        "Holds: category-4-risk, considerable risk to a large organisation or to wider or local government",
    )
    lowest = score_severity(NCSC, {"impact": "risk", "victim": "individual"})
    assert (lowest.rule, lowest.why) == ("", ("No condition of a more severe level holds.",))


def test_what_is_not_known_is_a_range_and_never_zero() -> None:
    assert _level(NCSC, impact="risk", victim="unknown") == "3|4|5|6"
    assert _level(NCSC, impact="risk", victim=["medium", "large"]) == "4|5"
    assert _level(NCSC, impact="risk", victim=["small", "medium"]) == "5"  # two answers, one level
    assert _level(NCSC) == "1|2|3|4|5|6"
    found = score_severity(NCSC, {"impact": "risk"})
    assert (found.level, found.unknown, found.why) == (None, ("victim",), ("It depends on: victim.",))
    mean = score_severity(MEAN, {})
    assert mean.score == (0.0, 100.0)
    assert len(mean.levels) == len(MEAN.level)


def test_the_context_of_data_has_the_scores_of_others(shared_data: Path) -> None:
    worth = {choice.id: choice.value for one in ENISA.input if one.id == "dpc" for choice in one.choices}
    rows = _rows(shared_data, "enisa-2013-dpc.csv")
    for row in rows:
        assert float(row["dpc"]) in {value for name, value in worth.items() if name.startswith(row["category"])}, row
    assert len(rows) >= 14


def test_a_breach_of_data_is_context_times_identification_plus_circumstances() -> None:
    for dpc, ei, cb in product((1, 2, 3, 4), (0.25, 0.5, 0.75, 1), (0, 0.25, 0.5, 1, 1.5, 2)):
        found = score_severity(ENISA, {"dpc": dpc, "ei": ei, "cb": cb})
        expected = dpc * ei + cb
        level = "low" if expected < 2 else "medium" if expected < 3 else "high" if expected < 4 else "very-high"
        assert found.score == (expected, expected)
        assert found.level is not None
        assert found.level.id == level
    circumstances = {
        "confidentiality": "not-known",
        "integrity": "none",
        "availability": "temporary",
        "intent": "malicious",
    }
    found = score_severity(ENISA, {"dpc": "sensitive", "ei": "limited", **circumstances})
    assert found.score == (3.25, 3.25)
    without_intent = {name: answer for name, answer in circumstances.items() if name != "intent"}
    found = score_severity(ENISA, {"dpc": "sensitive", "ei": "limited", **without_intent})
    assert found.score == (2.75, 3.25)
    assert [one.id for one in found.levels] == ["high", "medium"]


def test_an_incident_is_major_as_the_act_says_in_every_combination(shared_data: Path) -> None:
    rows = _rows(shared_data, "dora-2024-1772-art8-9.csv", "notices")
    thresholds = [row["id"] for row in rows if row["id"].startswith("dora-")]
    assert len(thresholds) == 13
    for number, met in enumerate(product((False, True), repeat=13)):
        if number % 7:
            continue
        answers = dict(zip(thresholds, met, strict=True))
        paragraphs = {key[:8] for key, holds in answers.items() if holds and key != "dora-9.5.b"}
        major = answers["dora-9.5.b"] or len(paragraphs) >= 2
        assert _is_major({**answers, "critical": True}) == major, answers
        assert not _is_major({**answers, "critical": False})


def _is_major(answers: dict[str, Any]) -> bool:
    found = score_severity(DORA, answers).level
    assert found is not None
    return found.id == "major"


def test_thresholds_are_passed_by_more_than_they_say() -> None:
    numbers = {
        "clients-share": (10, "dora-9.1.a"),
        "clients": (100_000, "dora-9.1.b"),
        "counterparts-share": (30, "dora-9.1.c"),
        "transactions-share": (10, "dora-9.1.d"),
        "transactions-value-share": (10, "dora-9.1.e"),
        "duration": (24, "dora-9.3.a"),
        "downtime": (2, "dora-9.3.b"),
        "costs": (100_000, "dora-9.6"),
    }
    none = {one.id: 0 if one.number else False for one in DORA.input} | {"critical": True}
    other = {"reputation": True}
    for name, (threshold, _) in numbers.items():
        assert not _is_major({**none, **other, name: threshold}), name
        assert _is_major({**none, **other, name: threshold + 0.5}), name
        assert not _is_major({**none, name: threshold + 0.5}), name
    assert _is_major({**none, **other, "member-states": 2})
    assert _is_major({**none, "recurring": True})
    assert not _is_major({**none, "recurring": True, "microenterprise": True})
    found = score_severity(DORA, {**none, **other, "costs": 100_001})
    assert found.rule == "rule-8.1"
    assert any("dora-9.6" in why for why in found.why)


def test_unknown_thresholds_of_dora_leave_it_open_only_where_they_matter() -> None:
    assert _level(DORA, critical=False) == "not-major"
    assert _level(DORA, critical=True, malicious_access=True) == "major"
    assert _level(DORA, critical=True) == "major|not-major"
    assert _level(DORA, critical="unknown", malicious_access=True) == "major|not-major"
    none = {one.id: 0 if one.number else False for one in DORA.input} | {"critical": True, "dora-9.1.a": True}
    found = score_severity(DORA, none | {"costs": [50_000, 200_000], "clients": "unknown"})
    assert found.unknown == ("clients", "costs")
    assert found.why == ("It depends on: costs.",)  # 9(1) holds already


def test_a_digital_entity_has_a_significant_incident_by_one_criterion() -> None:
    scheme = find_scheme("nis2-2024-2690")
    none = {one.id: 0 if one.number else False for one in scheme.input}
    significant = [("loss", 500_001), ("loss-share", 5.1), *((one.id, True) for one in scheme.input if not one.number)]
    for name, answer in significant:
        level = score_severity(scheme, {**none, name: answer}).level
        assert level is not None
        assert (level.id == "significant") == (name != "planned"), name
        planned = score_severity(scheme, {**none, name: answer, "planned": True}).level
        assert planned is not None
        assert planned.id == "not-significant"


def test_a_weighted_mean_is_that_of_the_formula() -> None:
    chosen = {one.id: one.choices[len(one.choices) // 2] for one in MEAN.input}
    found = score_severity(MEAN, {name: choice.id for name, choice in chosen.items()})
    weights = {one.id: one.weight for one in MEAN.input}
    total = sum(weights[name] * choice.value for name, choice in chosen.items())
    least = sum(one.weight * min(choice.value for choice in one.choices) for one in MEAN.input)
    most = sum(one.weight * max(choice.value for choice in one.choices) for one in MEAN.input)
    assert found.score is not None
    assert found.score[0] == pytest.approx(100 * (total - least) / (most - least))
    assert score_severity(MEAN, {one.id: one.choices[-1].id for one in MEAN.input}).score == (100, 100)


@given(st.data())
def test_knowing_more_never_adds_a_level(data: st.DataObject) -> None:
    """For every shipped scheme: an answer in place of none leaves a part of what was possible, and never nothing."""
    scheme = find_scheme(data.draw(st.sampled_from(sorted(shipped_schemes()))))
    answers: dict[str, Any] = {}
    before = {one.id for one in score_severity(scheme, answers).levels}
    for one in data.draw(st.permutations(scheme.input)):
        if one.choices:
            answers[one.id] = data.draw(st.sampled_from([choice.id for choice in one.choices]))
        elif one.number:
            answers[one.id] = data.draw(st.sampled_from([0, 3, 50, 100]))
        elif one.default is None:
            answers[one.id] = data.draw(st.booleans())
        after = {one.id for one in score_severity(scheme, answers).levels}
        assert after
        assert after <= before
        before = after
    assert len(before) == 1


@pytest.mark.parametrize(
    ("answers", "place", "words"),
    [
        ({"impact": "huge"}, "impact", "is none of emergency"),
        ({"impact": []}, "impact", "is none of"),
        ({"victm": "large"}, "victm", "does not ask"),
        ({"impact": 7}, "impact", "not between"),
    ],
)
def test_answers_that_do_not_fit_are_named(answers: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(TextFaultError) as wrong:
        score_severity(NCSC, answers)
    assert [(fault.place, words in fault.reason) for fault in wrong.value.faults] == [(place, True)]


@pytest.mark.parametrize("answer", ["many", -1, [3, 2], [1, 2, 3], True, 101, float("inf")])
def test_numbers_that_do_not_fit_are_named(answer: object) -> None:
    with pytest.raises(TextFaultError, match=r"clients-share: .* is no number from 0 to 100"):
        score_severity(DORA, {"clients-share": answer})
    with pytest.raises(TextFaultError, match=r"critical: .* is none of yes, no, unknown"):
        score_severity(DORA, {"critical": "perhaps"})
    with pytest.raises(TextFaultError, match="clients: int too large"):
        score_severity(DORA, {"clients": 10**400})


_HEAD = 'id = "a"\ntitle = "A"\nedition = "1"\n'
_INPUT = '[[input]]\nid = "x"\n'
_LAST = '[[level]]\nid = "low"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_INPUT + '[[condition]]\nid = "c"\nall = ["z"]\n' + _LAST, "condition 'c' (line 6): There is no condition"),
        (_INPUT + '[[condition]]\nid = "c"\n' + _LAST, "condition 'c' (line 6): Give one of where"),
        (
            _INPUT + '[[condition]]\nid = "c"\ninput = "x"\nover = 1\n' + _LAST,
            "(line 6): input: There is no number 'x'",
        ),
        (_INPUT + '[[condition]]\nid = "c"\ninput = "x"\n' + _LAST, "A number has one of over and at_least"),
        (_INPUT + '[[condition]]\nid = "c"\nof = ["x"]\ncount = 2\n' + _LAST, "'count' is more than there are"),
        (_INPUT + '[[condition]]\nid = "c"\nwhere = { x = ["y"] }\n' + _LAST, "where: 'x' has no choice 'y'"),
        (
            _INPUT + '[[condition]]\nid = "c"\nall = ["d"]\n[[condition]]\nid = "d"\nall = ["c"]\n' + _LAST,
            "These are made of each other: ",
        ),
        (_INPUT + '[[level]]\nid = "high"\nwhen = ["x"]\n', "The last level holds always"),
        (_INPUT + '[[level]]\nid = "high"\nscore_from = 3\n' + _LAST, "The scheme has no [score]"),
        (_INPUT + _INPUT + _LAST, "input 'x' (line 6): id: Another one has the id 'x'"),
        (
            'score = { kind = "sum of products", terms = [["q"]] }\n' + _INPUT + _LAST,
            "score.terms: There is no choice, or number with most",
        ),
        (_INPUT + 'choices = [{ id = "a" }, { id = "a" }]\n' + _LAST, "Two choices have the same id"),
    ],
)
def test_a_bad_scheme_is_refused_with_the_place(text: str, words: str) -> None:
    with pytest.raises(TextFaultError) as wrong:
        read_scheme((_HEAD + text).encode())
    assert words in str(wrong.value)


def test_the_command_scores_and_stores_nothing(tmp_path: Path) -> None:
    tocsin, file = Tocsin(tmp_path / "home", {}), tmp_path / "inputs.json"
    file.write_text(json.dumps({"dpc": "sensitive", "ei": "limited", "cb": 0.75}))
    said = json.loads(tocsin.run("--json", "severity", "score", "enisa-breach", "--inputs", file))
    assert (said["level"], said["score"], said["rule"], said["levels"]) == ("medium", 2.75, "score", ["medium"])
    assert "Score 2.75" in tocsin.run("severity", "score", "enisa-breach", "--inputs", file)
    file.write_text('impact = "risk"\n')
    said = json.loads(tocsin.run("--json", "severity", "score", "impact-size", "--inputs", file))
    assert (said["level"], said["levels"], said["unknown"]) == (None, ["3", "4", "5", "6"], ["victim"])
    assert "One of: 3: Significant" in tocsin.run("severity", "score", "impact-size", "--inputs", file)
    file.write_text('impact = "huge"\n')
    tocsin.run("severity", "score", "impact-size", "--inputs", file, code=1)
    file.write_text("impact = \n")
    tocsin.run("severity", "score", "impact-size", "--inputs", file, code=2)
    tocsin.run("severity", "score", "no-such-scheme", "--inputs", file, code=2)
    assert "weighted-mean" in tocsin.run("severity", "list")
    assert not (tmp_path / "home").exists()
