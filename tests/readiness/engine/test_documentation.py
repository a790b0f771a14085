"""The page names every field with its meaning and default, and its examples work."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from tocsin.readiness import aggregate, normalise, recipe, uncertainty
from tocsin.readiness.reweigh import WEIGHT_METHODS

PAGE = Path(__file__).parents[3] / "docs" / "readiness" / "engine.md"

MODELS = (
    recipe.Denominate,
    recipe.Impute,
    recipe.Screen,
    recipe.Treat,
    recipe.Normalise,
    recipe.Weights,
    recipe.Aggregate,
    uncertainty.Specification,
    uncertainty.Factor,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_explained(model: type[BaseModel]) -> None:
    page = PAGE.read_text()
    for name, field in model.model_fields.items():
        assert field.description, name
        line = next(
            (line for line in page.splitlines() if line.startswith(f"| `{name}` |") and field.description in line), None
        )
        assert line is not None, f"{model.__name__}.{name}"
        default = field.get_default(call_default_factory=True)
        if isinstance(default, str | bool | int | float) and default is not None:
            shown = str(default).lower() if isinstance(default, bool) else str(default)
            assert shown in line.split("|")[2]


def test_every_method_is_explained() -> None:
    page = PAGE.read_text()
    for name in (*normalise.METHODS, *aggregate.METHODS, *get_args(recipe.Transform), *WEIGHT_METHODS):
        assert f"`{name}`" in page, name


def test_the_examples_are_valid() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    recipe_text, specification_text = blocks
    assert recipe.validate(tomllib.loads(recipe_text), "example").treat.winmax == 3
    found = uncertainty.Specification.model_validate(tomllib.loads(specification_text))
    assert list(found.factors) == ["winmax", "normalisation", "weights", "aggregation"]
