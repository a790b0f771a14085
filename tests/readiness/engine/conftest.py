"""The worked example, built once, and small inputs that each test can bend."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tocsin.readiness.run import ReadinessRun, build_run

META = """Level,iCode,iName,Direction,Weight,Unit,Target,Denominator,Parent,Type
1,a,Indicator a,1,1,points,9,,left,Indicator
1,b,Indicator b,-1,1,points,1,,left,Indicator
1,c,Indicator c,1,2,points,9,,right,Indicator
1,d,Indicator d,1,1,points,9,size,right,Indicator
2,left,Left,1,1,,,,index,Aggregate
2,right,Right,1,3,,,,index,Aggregate
3,index,Index,1,1,,,,,Aggregate
,kind,Kind,,,,,,,Group
,size,Size,,,,,,,Denominator
"""

DATA = """uCode,uName,kind,size,a,b,c,d
U1,One,x,10,1,5,2,30
U2,Two,x,20,4,3,7,10
U3,Three,y,10,6,9,,50
U4,Four,y,40,8,1,4,80
U5,Five,y,10,3,6,9,20
"""


@pytest.fixture(scope="session")
def asem(shared_data: Path) -> Path:
    """The folder of the worked example."""
    return shared_data / "readiness" / "asem"


@pytest.fixture(scope="session")
def asem_folder(asem: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the worked example as we build it, with the default recipe."""
    folder = tmp_path_factory.mktemp("asem")
    build_run(asem / "ASEM_iData.csv", asem / "ASEM_iMeta.csv", None, folder)
    return folder


@pytest.fixture(scope="session")
def asem_run(asem: Path, tmp_path_factory: pytest.TempPathFactory) -> ReadinessRun:
    return build_run(asem / "ASEM_iData.csv", asem / "ASEM_iMeta.csv", None, tmp_path_factory.mktemp("asem"))


Builder = Callable[..., ReadinessRun]


@pytest.fixture
def small(tmp_path: Path) -> Builder:
    """Builds an index of two pillars and five units; data, meta and recipe may be replaced."""

    def build(data: str = DATA, meta: str = META, recipe: str = "") -> ReadinessRun:
        (tmp_path / "data.csv").write_text(data)
        (tmp_path / "meta.csv").write_text(meta)
        (tmp_path / "recipe.toml").write_text(recipe)
        return build_run(tmp_path / "data.csv", tmp_path / "meta.csv", tmp_path / "recipe.toml", tmp_path / "run")

    return build


@pytest.fixture
def meta_text() -> str:
    return META


@pytest.fixture
def data_text() -> str:
    return DATA
