"""Which networks and AS numbers of a dump are of some countries, where not all are wanted."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from tocsin.directory.registry.rpsl.gather import HandleRegister


@dataclass(frozen=True)
class CountryFilter:
    """Some countries (ISO 3166-1 alpha-2), and AS numbers with the country that they were given to.

    A network is where its ``country`` attributes say. An AS number has none in RPSL: it is where ``asns`` (``asn``,
    ``country``) says, of what is not in there where its organisation is.
    """

    countries: frozenset[str]
    asns: "pl.DataFrame"

    def split(self, part: "pl.DataFrame", register: "HandleRegister", elsewhere: Counter[str]) -> "pl.DataFrame":
        """The rows of a part that are of these countries; the others are counted by kind."""
        import polars as pl

        codes = sorted(self.countries)
        here = [handle for handle, one in register.organisations.items() if one.country in self.countries]
        number = pl.col("value").str.to_uppercase().str.extract("^AS([0-9]{1,10})$").cast(pl.UInt32, strict=False)
        given = pl.when(number.is_in(self.asns["asn"].implode())).then(
            number.is_in(self.asns.filter(pl.col("country").is_in(codes))["asn"].implode())
        )
        said = pl.col("countries").str.split(" ").list.set_intersection(codes).list.len() > 0
        asn = pl.col("kind") == "asn"
        inside = pl.when(asn).then(pl.coalesce(given, pl.col("org").is_in(here))).otherwise(said)
        rows = part.with_columns(inside=inside.fill_null(value=False))
        for kind, count in rows.filter(~pl.col("inside"))["kind"].value_counts().iter_rows():
            elsewhere[kind] += count
        return rows.filter("inside").drop("inside")
