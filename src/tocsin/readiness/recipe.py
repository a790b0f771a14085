"""The recipe of an index: every choice of method, as TOML, validated; docs/readiness/engine.md explains each field."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tocsin.node.errors import InputError, NotFoundError
from tocsin.readiness import aggregate, normalise

Imputation = Literal[
    "none",
    "mean",
    "median",
    "mean_by_group",
    "median_by_group",
    "em",
    "latest",
    "constant",
    "linear",
    "linear_constant",
]
Transform = Literal["none", "winsorise", "log", "log_ct", "log_ct_plus", "log_ct_orig", "log_gii", "boxcox"]
Value = float | int | bool | str | list[float]


class RecipePart(BaseModel):
    """A section of the recipe; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Denominate(RecipePart):
    """[denominate]: divide by the denominators that the meta names."""

    enabled: bool = Field(default=True, description="Divide each indicator by its Denominator column.")
    scale: dict[str, float] = Field(default={}, description="A factor for single indicators after division.")


class Impute(RecipePart):
    """[impute]: estimate missing values; methods of a list are applied one after the other."""

    method: Imputation | list[Imputation] = Field(
        default="mean_by_group", description="One method or several in turn; the group is the field below."
    )
    group: str | None = Field(
        default=None, description="The grouping column; by default the last Group of the meta, without one all units."
    )
    fallback: Literal["all", "none"] = Field(
        default="all",
        description='Where a whole group is missing: the centre of "all" units, or "none" leaves the gap.',
    )
    max_years: int | None = Field(default=None, ge=1, description='How far "latest" may look back.')
    em_level: int = Field(
        default=2, ge=2, description="EM estimates the indicators of each group of this level together."
    )


class Screen(RecipePart):
    """[screen]: leave out units with too little data."""

    by: Literal["none", "missing", "zeros", "missing_or_zeros"] = Field(
        default="none", description="What to screen by."
    )
    min_available: float = Field(default=0.66, ge=0, le=1, description="Least share of values that must be there.")
    min_nonzero: float = Field(default=0.05, ge=0, le=1, description="Least share of values that must not be zero.")
    include: tuple[str, ...] = Field(default=(), description="Units kept in any case.")
    exclude: tuple[str, ...] = Field(default=(), description="Units left out in any case.")
    before_imputation: bool = Field(default=False, description="Screen on the measured values, not the imputed ones.")


class TreatOne(RecipePart):
    """[treat.indicator.CODE]: what differs for one indicator."""

    first: Transform | None = None
    second: Transform | None = None
    winmax: int | None = Field(default=None, ge=0)
    skew: float | None = Field(default=None, gt=0)
    kurtosis: float | None = None
    force: bool | None = None
    combine: bool | None = None
    boxcox_lambda: float | None = None


class Treat(RecipePart):
    """[treat]: outliers; ``first`` where the check fails, ``second`` where it still fails."""

    first: Transform = Field(default="winsorise", description="The first treatment.")
    second: Transform = Field(default="log_ct", description="The second, on the original values.")
    winmax: int = Field(default=5, ge=0, description="Most points to winsorise.")
    skew: float = Field(default=2.0, gt=0, description="An indicator fails with an absolute skew of this or more")
    kurtosis: float = Field(default=3.5, description="together with a kurtosis of this or more.")
    force: bool = Field(default=False, description="Winsorise winmax points whatever skew and kurtosis say.")
    combine: bool = Field(default=False, description="Apply the second treatment on top of the first.")
    boxcox_lambda: float = Field(default=0.0, description="The exponent of boxcox.")
    over_panel: bool = Field(default=False, description="Judge and treat all years together instead of each year.")
    indicator: dict[str, TreatOne] = Field(default={}, description="What differs for single indicators.")


class NormaliseOne(RecipePart):
    """[normalise.indicator.CODE]: another method or parameters for one indicator."""

    method: str = Field(default="minmax", description="One of the methods below.")
    params: dict[str, Value] = Field(default={}, description="Parameters of the method, see below.")

    @field_validator("method")
    @classmethod
    def _known(cls, method: str) -> str:
        if method not in normalise.METHODS:
            raise ValueError(f"choose from {', '.join(normalise.METHODS)}")
        return method


class Normalise(NormaliseOne):
    """[normalise]: one scale for all indicators."""

    over_panel: bool = Field(default=True, description="All years on one scale, so that years can be compared.")
    indicator: dict[str, NormaliseOne] = Field(default={}, description="What differs for single indicators.")


class Weights(RecipePart):
    """[weights]: given in the meta unless changed here."""

    source: Literal["given", "equal"] = Field(default="given", description="The Weight column, or 1 for each element.")
    sum: Literal["auto", "relative", "one"] = Field(
        default="auto",
        description='"relative": scaled within the group; "one": each group must sum to 1; '
        '"auto": "one" for groups whose weights are all below 1.',
    )
    set: dict[str, float] = Field(default={}, description="Other weights for single elements.")

    @field_validator("set")
    @classmethod
    def _positive(cls, given: dict[str, float]) -> dict[str, float]:
        for code, weight in given.items():
            if not 0 <= weight < float("inf"):
                raise ValueError(f"{code}: a weight must be 0 or above")
        return given


class Aggregate(RecipePart):
    """[aggregate]: one entry for all levels, or a list with one for each level above the indicators."""

    method: str | list[str] = Field(default="amean", description=f"One of {', '.join(aggregate.METHODS)}.")
    p: float | list[float] = Field(default=1.0, description="The exponent of genmean.")
    min_available: float | list[float] = Field(default=0.0, description="Least share of members for an aggregate.")

    @field_validator("method")
    @classmethod
    def _known(cls, method: str | list[str]) -> str | list[str]:
        for name in [method] if isinstance(method, str) else method:
            if name not in aggregate.METHODS:
                raise ValueError(f"choose from {', '.join(aggregate.METHODS)}")
        return method


class Recipe(RecipePart):
    """Every choice of a run. An empty file is the default recipe."""

    title: str = Field(default="", description="What the recipe is for.")
    denominate: Denominate = Denominate()
    impute: Impute = Impute()
    screen: Screen = Screen()
    treat: Treat = Treat()
    normalise: Normalise = Normalise()
    weights: Weights = Weights()
    aggregate: Aggregate = Aggregate()


def read_recipe(path: Path | None) -> Recipe:
    """The validated recipe of a TOML file, or the default. Raises InputError naming each wrong field."""
    if path is None:
        return Recipe()
    return validate(read_toml(path), path.name)


def read_toml(path: Path) -> dict[str, object]:
    """The content of a TOML file. Raises NotFoundError, or InputError with the line."""
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is not valid TOML: {error}") from None


def validate(content: object, name: str) -> Recipe:
    """The recipe in ``content``; ``name`` stands in errors."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise wrong_fields(name, error) from None


def wrong_fields(name: str, error: ValidationError) -> InputError:
    """An error that names each wrong field of a TOML file and its rule."""
    lines = []
    for item in error.errors():
        place = f"[{'.'.join(str(part) for part in item['loc'])}]" if item["loc"] else ""
        rule = {"extra_forbidden": "there is no such field", "missing": "this field is required"}.get(
            item["type"], item["msg"].removeprefix("Value error, ")
        )
        lines.append(f"{place} {rule}".strip())
    return InputError(f"{name}: " + "; ".join(lines), hint="docs/readiness/engine.md lists every field.")


def identity(recipe: Recipe, inputs: dict[str, str]) -> str:
    """SHA-256 over the recipe, with its defaults, and the SHA-256 of each input file."""
    document = {"inputs": inputs, "recipe": recipe.model_dump(mode="json")}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
