"""Every kind of bad input ends in an error that names the cell and the rule, and writes nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tocsin.node.errors import InputError, NotFoundError, UsageError
from tocsin.readiness.run import ReadinessRun, build_run, load_run

Builder = Callable[..., ReadinessRun]

LEFT_AND_RIGHT = "2,left,Left,1,1,,,,index,Aggregate\n2,right,Right,1,3"
A_AND_B = "1,a,Indicator a,1,1,points,9,,left,Indicator\n1,b,Indicator b,-1,1"
NO_WEIGHT = LEFT_AND_RIGHT.replace("1,1", "1,0").replace("1,3", "1,0")
SHARES = A_AND_B.replace("a,1,1", "a,1,0.5").replace("-1,1", "-1,0.4")

META_CASES = [
    ("unknown parent", ("-1,1,points,1,,left", "-1,1,points,1,,lefty"), ["b", "unknown parent lefty"]),
    ("own parent", ("2,left,Left,1,1,,,,index", "2,left,Left,1,1,,,,left"), ["left", "cycle"]),
    ("two tops", ("2,left,Left,1,1,,,,index", "2,left,Left,1,1,,,,"), ["left", "index", "no parent"]),
    ("no members", ("2,right,Right", "2,empty,Empty,1,1,,,,index,Aggregate\n2,right,Right"), ["empty", "members"]),
    ("code twice", ("1,b,Indicator b", "1,a,Indicator b"), ["a", "unique"]),
    ("weights are zero", (LEFT_AND_RIGHT, NO_WEIGHT), ["index", "sum to 0"]),
    ("shares do not sum", (A_AND_B, SHARES), ["left", "sum to 0.9"]),
    ("negative weight", ("1,c,Indicator c,1,2", "1,c,Indicator c,1,-2"), ["c", "Weight", "negative"]),
    ("no weight", ("1,c,Indicator c,1,2", "1,c,Indicator c,1,"), ["c", "Weight", "missing"]),
    ("weight is a word", ("1,c,Indicator c,1,2", "1,c,Indicator c,1,much"), ["c", "Weight", "much"]),
    ("weight with a comma", ("1,c,Indicator c,1,2", '1,c,Indicator c,1,"2,5"'), ["c", "2,5", "decimal point"]),
    ("direction", ("1,c,Indicator c,1,2", "1,c,Indicator c,2,2"), ["c", "Direction", "-1"]),
    ("type", ("right,Indicator\n1,d", "right,Indikator\n1,d"), ["c", "Type", "Indikator"]),
    ("level", ("2,left,Left", "1,left,Left"), ["left", "Level"]),
    ("parent on the same level", (",,,,index,Aggregate\n2,right", ",,,,right,Aggregate\n2,right"), ["left", "level 2"]),
    ("unknown denominator", ("9,size,right", "9,sise,right"), ["d", "Denominator", "sise"]),
]  # fmt: skip

DATA_CASES = [
    ("decimal comma", ("U2,Two,x,20,4", 'U2,Two,x,20,"4,5"'), ["U2", "column a", "4,5", "decimal point"]),
    ("a word", ("U2,Two,x,20,4", "U2,Two,x,20,four"), ["U2", "column a", "four", "number"]),
    ("infinity", ("U2,Two,x,20,4", "U2,Two,x,20,inf"), ["U2", "column a", "inf"]),
    ("unit twice", ("U2,Two", "U1,Two"), ["U1", "twice", "unique"]),
    ("unit without code", ("U2,Two", ",Two"), ["uCode", "code"]),
    ("row of gaps", ("U3,Three,y,10,6,9,,50", "U3,Three,y,10,,,,"), ["U3", "every indicator is missing"]),
    ("column gone", ("uCode,uName,kind,size,a,b,c,d", "uCode,uName,kind,size,a,b,e,d"), ["column c", "missing"]),
    ("denominator of zero", ("U4,Four,y,40", "U4,Four,y,0"), ["U4", "size", "above 0"]),
    ("decimal comma without quotes", ("U2,Two,x,20,4", "U2,Two,x,20,4,5"), ["row 3", "U2", "9 cells"]),
    ("column twice", ("uCode,uName,kind,size,a,b", "uCode,uName,kind,size,a,a"), ["column a", "twice"]),
    ("too few cells", ("U3,Three,y,10,6,9,,50", "U3,Three,y"), ["row 4", "U3", "3 cells", "8"]),
]


@pytest.mark.parametrize(("change", "words"), [case[1:] for case in META_CASES], ids=[case[0] for case in META_CASES])
def test_bad_meta(change: tuple[str, str], words: list[str], small: Builder, meta_text: str, tmp_path: Path) -> None:
    assert change[0] in meta_text
    with pytest.raises(InputError) as caught:
        small(meta=meta_text.replace(*change, 1))
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("change", "words"), [case[1:] for case in DATA_CASES], ids=[case[0] for case in DATA_CASES])
def test_bad_data(change: tuple[str, str], words: list[str], small: Builder, data_text: str, tmp_path: Path) -> None:
    assert change[0] in data_text
    with pytest.raises(InputError) as caught:
        small(data=data_text.replace(*change, 1))
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_cycle_is_drawn(small: Builder, meta_text: str) -> None:
    without_levels = "\n".join(line.partition(",")[2] for line in meta_text.splitlines())
    looped = without_levels.replace("left,Left,1,1,,,,index", "left,Left,1,1,,,,right").replace(
        "right,Right,1,3,,,,index", "right,Right,1,3,,,,left"
    )
    with pytest.raises(InputError, match=r"cycle (left → right → left|right → left → right)"):
        small(meta=looped)


def test_levels_are_counted_when_the_meta_has_none(small: Builder, meta_text: str) -> None:
    with_levels = small().stages.aggregated
    without = small(meta="\n".join(line.partition(",")[2] for line in meta_text.splitlines())).stages.aggregated
    assert without.codes == with_levels.codes
    assert (without.values == with_levels.values).all()


def test_a_constant_indicator_cannot_be_scaled(small: Builder) -> None:
    data = "uCode,kind,size,a,b,c,d\nU1,x,1,7,1,1,1\nU2,x,1,7,2,2,2\nU3,y,1,7,3,3,3\n"
    with pytest.raises(InputError, match="a is constant"):
        small(data=data)


def test_an_indicator_of_gaps(small: Builder) -> None:
    data = "uCode,kind,size,a,b,c,d\nU1,x,1,1,1,,1\nU2,x,1,2,2,,2\nU3,y,1,3,3,,3\n"
    with pytest.raises(InputError, match="column c: every unit is missing"):
        small(data=data)


@pytest.mark.parametrize("method", ["gmean", "hmean"])
def test_zero_under_a_mean_that_needs_more(method: str, small: Builder) -> None:
    with pytest.raises(InputError) as caught:
        small(recipe=f'[aggregate]\nmethod = "{method}"\n')
    assert "U1" in str(caught.value)
    assert "column a" in str(caught.value)
    assert "above 0" in str(caught.value)
    assert "minmax" in caught.value.hint


def test_negative_under_a_geometric_mean(small: Builder) -> None:
    with pytest.raises(InputError, match="the geometric mean needs values above 0"):
        small(recipe='[normalise]\nmethod = "zscore"\n[aggregate]\nmethod = "gmean"\n')


def test_semicolons_and_decimal_commas(small: Builder) -> None:
    with pytest.raises(InputError, match="semicolons"):
        small(data="uCode;a;b\nU1;1,5;2\n")


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("[normalize]\n", "normalize. there is no such field"),
        ('[normalise]\nmethod = "minimax"\n', "normalise.method"),
        ("[treat]\nwinmax = -1\n", "treat.winmax"),
        ("[impute]\nmethod = 'guess'\n", "impute.method"),
        ("[impute]\ngroup = 'income'\n", "income"),
        ("[weights.set]\nz = 1\n", "element z"),
        ("[weights.set]\na = 0\nb = 0\n", "group left"),
        ("[screen]\nby = 'missing'\ninclude = ['U9']\n", "U9"),
        ("[aggregate]\nmethod = ['amean', 'gmean', 'hmean']\n", "entries"),
        ("[aggregate]\nmethod = 'genmean'\np = 0\n", "p cannot be 0"),
        ("[normalise]\nmethod = 'goalposts'\n", "goalposts"),
        ("[normalise]\nmethod = 'dist2ref'\nparams = { reference = 'U9' }\n", "U9"),
        ("[normalise]\nmethod = 'minmax'\nparams = { lower = 5, upper = 5 }\n", "upper must be above lower"),
        ("[normalise]\nmethod = 'minmax'\nparams = { lowest = 5 }\n", "lowest"),
        ("[normalise]\nmethod = 'minmax'\nparams = { lower = 5, min = 6 }\n", "lower is given twice"),
        ("title = \n", "TOML"),
    ],
)
def test_bad_recipe(recipe: str, words: str, small: Builder) -> None:
    with pytest.raises((InputError, UsageError), match=words):
        small(recipe=recipe)


def test_blank_rows_at_the_end_are_nothing(small: Builder, data_text: str, meta_text: str) -> None:
    plain = small()
    spread = small(data=data_text + "\n,,,,,,,\n\n", meta=meta_text + "\n\n")
    assert (spread.stages.aggregated.values == plain.stages.aggregated.values).all()


def test_files_without_content(small: Builder) -> None:
    with pytest.raises(InputError, match="empty or has no header"):
        small(data="")
    with pytest.raises(InputError, match="a header but no rows"):
        small(data="uCode,a\n\n")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"nothing\.csv"):
        build_run(tmp_path / "nothing.csv", tmp_path / "nothing.csv", None, tmp_path / "run")
    with pytest.raises(NotFoundError, match=r"run\.json"):
        load_run(tmp_path)


def test_a_run_whose_inputs_were_changed_is_refused(small: Builder, data_text: str, tmp_path: Path) -> None:
    small()
    (tmp_path / "run" / "inputs" / "data.csv").write_text(data_text.replace("U4,Four,y,40", "U4,Four,y,41"))
    with pytest.raises(InputError, match="changed after the run was built"):
        load_run(tmp_path / "run")
