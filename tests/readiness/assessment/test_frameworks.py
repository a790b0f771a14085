"""Framework files: those that come along are sound, and a wrong one is refused with file, line, key and rule."""

from pathlib import Path

import pytest

from tocsin.node.errors import InputError, NotFoundError
from tocsin.readiness.assessment import bundled, find_query, load_framework
from tocsin.readiness.assessment.frameworks import bundled_framework, from_document, parse_framework

SMALL = """\
id = "small"
version = "1"
title = "Small"
[origin]
source = "us"
original = "nothing"
ours = "all"
licence = "Apache-2.0"
[scales.yesno]
levels = [{ label = "No", value = 0 }, { label = "Yes", value = 1 }]
[[pillar]]
id = "p"
title = "P"
[[pillar.indicator]]
id = "p.1"
title = "One"
[[pillar.indicator.question]]
id = "q1"
text = "Is it so?"
scale = "yesno"
"""


def test_each_bundled_framework_has_the_shape_of_its_model() -> None:
    shapes = {name: (len(f.pillar), sum(1 for _ in f.indicators())) for name, f in bundled().items()}

    assert shapes == {"c5": (16, 23), "cmm-shape": (5, 23), "gci-shape": (5, 20), "sim3-shape": (4, 45)}


def test_c5_has_the_texts_pillars_in_order_and_its_targets() -> None:
    c5 = bundled_framework("c5")

    assert [p.id for p in c5.pillar] == ["existing", *"abcdefghijk", "k-bis", "l", "m", "targets"]
    assert {"t-cirt", "t-presence", "t-space", "t-children"} == {i.id for i in c5.pillar[-1].indicator}
    assert all(pillar.standing for pillar in c5.pillar)


def test_sim3_has_the_parameters_levels_and_profiles() -> None:
    sim3 = bundled_framework("sim3-shape")
    counted = {pillar.id: [i.id for i in pillar.indicator] for pillar in sim3.pillar}

    assert counted == {
        q: [f"{q}-{n}" for n in range(1, most + 1)] for q, most in zip("OHTP", (11, 7, 10, 17), strict=True)
    }
    assert len(sim3.scales["maturity"].levels) == 5
    basic, intermediate, advanced = (sim3.profiles[name].minimum for name in ("basic", "intermediate", "advanced"))
    assert all(basic[i] <= intermediate[i] <= advanced[i] for i in basic)
    assert set(basic) == set(intermediate) == set(advanced) == {i.id for _, i in sim3.indicators()}


@pytest.mark.parametrize("name", ["c5", "cmm-shape", "gci-shape", "sim3-shape"])
def test_bundled_frameworks_say_whose_words_are_whose_and_measure_by_known_queries(name: str) -> None:
    framework = bundled_framework(name)

    assert all(len(text) > 20 for text in (framework.origin.source, framework.origin.original, framework.origin.ours))
    for question in framework.questions().values():
        assert question.measured is None or find_query(question.measured.query)
    assert from_document(framework.document()).digest() == framework.digest()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('scale = "yesno"', 'scale = "often"', "small.toml, line 18: question 'q1': scale 'often' is none of yesno"),
        ('title = "One"', 'title = "One"\nweight = 0', "line 15: pillar 'p' > indicator 'p.1' > weight:"),
        ('title = "One"', 'titel = "One"', "pillar 'p' > indicator 'p.1' > title: Field required"),
        ("value = 1 }", "value = 0.5 }", "line 9: scales.yesno: the values of the levels must rise from 0 to 1"),
        ('ours = "all"\n', "", "origin > ours: Field required"),
        ('version = "1"', 'version = 1"', "not valid TOML"),
        ('id = "p.1"', 'id = "p 1"', "pillar 'p' > indicator 'p 1' > id:"),
        ("[[pillar]]", '[profiles.x]\ntitle = "X"\nminimum = { "p.9" = 1 }\n[[pillar]]', "'p.9' is no indicator"),
        ("[[pillar]]", '[profiles.x]\ntitle = "X"\nminimum = { "p.1" = 2 }\n[[pillar]]', "is not between 0 and 1"),
        (
            "[[pillar]]",
            '[[target]]\nid = "t"\ntitle = "T"\nkind = "reach"\ngoal = 1\nbaseline = 9\nend = 9\n[[pillar]]',
            "end 9 must come after baseline 9",
        ),
        (
            "[[pillar]]",
            '[crosswalk]\nfrom_version = "0"\nmapping = [{ to = "q9", relation = "new" }]\n[[pillar]]',
            "to = 'q9' is no question",
        ),
        (
            "[[pillar]]",
            '[crosswalk]\nfrom_version = "0"\nmapping = [{ to = "q1", relation = "same" }]\n[[pillar]]',
            "'same' takes from and to",
        ),
    ],
)
def test_a_wrong_file_is_refused_naming_file_place_and_rule(old: str, new: str, said: str) -> None:
    assert parse_framework(SMALL, "small.toml").questions().keys() == {"q1"}

    with pytest.raises(InputError) as raised:
        parse_framework(SMALL.replace(old, new, 1), "small.toml")

    assert "small.toml" in str(raised.value)
    assert said in str(raised.value)


def test_a_question_that_stands_twice_is_refused_at_its_second_line() -> None:
    again = '[[pillar.indicator.question]]\nid = "q1"\ntext = "Again?"\nscale = "yesno"\n'

    with pytest.raises(InputError, match=r"line 22: question 'q1' stands twice"):
        parse_framework(SMALL + again, "small.toml")


def test_levels_are_given_by_index_or_label() -> None:
    framework = parse_framework(SMALL, "small.toml")
    question = framework.question("q1")

    assert [framework.level(question, given) for given in ("0", "1", "yes", " NO ")] == [0, 1, 1, 0]
    with pytest.raises(InputError, match="no level '2'"):
        framework.level(question, "2")
    with pytest.raises(NotFoundError, match="no question 'q2'"):
        framework.question("q2")


def test_a_file_that_is_missing_or_not_utf8_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_bytes(b'id = "\xff"')

    with pytest.raises(NotFoundError, match="no framework file"):
        load_framework(tmp_path / "none.toml")
    with pytest.raises(InputError, match="byte 6 is not UTF-8"):
        load_framework(tmp_path / "odd.toml")
