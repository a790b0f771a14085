"""One table from the type that feeds and tools use (IDF) to both taxonomies: IDF's own, and RSIT's taxonomy and type.

IDF: the IntelMQ Data Format's classification, which has types of its own (``blacklist``, ``tor``, ``proxy`` …) beside
those of the Reference Security Incident Taxonomy. RSIT: ENISA and TF-CSIRT, version 1003.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl


@dataclass(frozen=True)
class Classes:
    """What a type means in both taxonomies."""

    type: str
    taxonomy: str
    rsit_taxonomy: str
    rsit_type: str


# RSIT's taxonomies with their types; in IDF each has the same name and the same taxonomy.
_RSIT: Final = {
    "abusive-content": "spam harmful-speech violence",
    "malicious-code": "infected-system c2-server malware-distribution malware-configuration",
    "information-gathering": "scanner sniffing social-engineering",
    "intrusion-attempts": "ids-alert brute-force exploit",
    "intrusions": "privileged-account-compromise unprivileged-account-compromise application-compromise"
    " system-compromise burglary",
    "availability": "dos ddos misconfiguration sabotage outage",
    "information-content-security": "unauthorised-information-access unauthorised-information-modification data-loss"
    " data-leak",
    "fraud": "copyright masquerade phishing",
    "vulnerable": "weak-crypto ddos-amplifier potentially-unwanted-accessible information-disclosure vulnerable-system",
    "other": "other undetermined",
    "test": "test",
}

# Types that only IDF has, or that it writes in another way: its taxonomy, RSIT's taxonomy and type.
_IDF_ONLY: Final = {
    "blacklist": ("other", "other", "other"),
    "dga-domain": ("other", "malicious-code", "c2-server"),
    "malware": ("other", "malicious-code", "malware-distribution"),
    "proxy": ("other", "other", "other"),
    "tor": ("other", "other", "other"),
    "unauthorized-use-of-resources": ("fraud", "fraud", "unauthorised-use-of-resources"),
}

# What other feeds, older tools and RSIT itself call a type of IDF.
_ALSO: Final = {
    "backdoor": "system-compromise",
    "blocklist": "blacklist",
    "botnet-drone": "infected-system",
    "c&c": "c2-server",
    "c2server": "c2-server",
    "command-and-control": "c2-server",
    "compromised": "system-compromise",
    "defacement": "unauthorised-information-modification",
    "leak": "data-leak",
    "open-proxy": "proxy",
    "ransomware": "infected-system",
    "unauthorised-use-of-resources": "unauthorized-use-of-resources",
    "unknown": "undetermined",
    "vulnerable-client": "vulnerable-system",
    "vulnerable-service": "vulnerable-system",
}

_KNOWN: Final = {
    **{name: Classes(name, taxonomy, taxonomy, name) for taxonomy, names in _RSIT.items() for name in names.split()},
    **{name: Classes(name, *rest) for name, rest in _IDF_ONLY.items()},
}

TYPES: Final = {**_KNOWN, **{name: _KNOWN[idf] for name, idf in _ALSO.items()}}
"""Every type we know, by each of its names."""

RSIT_TYPES: Final = {
    one.rsit_type: one.rsit_taxonomy
    for name, one in _KNOWN.items()
    if name in {one.rsit_type, "unauthorized-use-of-resources"}
}
"""RSIT's types, each with its taxonomy."""

_UNDETERMINED: Final = TYPES["undetermined"]
_COLUMNS: Final = ("classification.type", "classification.taxonomy", "rsit.taxonomy", "rsit.type")


def classes(stated: str | None) -> Classes:
    """What a stated type means; one that nobody knows keeps its name and is undetermined in both taxonomies."""
    if not stated:
        return _UNDETERMINED
    name = _name(stated)
    unknown = Classes(name, _UNDETERMINED.taxonomy, _UNDETERMINED.rsit_taxonomy, _UNDETERMINED.rsit_type)
    return TYPES.get(name, unknown)


def is_known(stated: str) -> bool:
    """Whether there is such a type, by any of its names."""
    return _name(stated) in TYPES


def _name(stated: str) -> str:
    return stated.strip().lower().replace(" ", "-").replace("_", "-")


def classify(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its type in IDF's name, the taxonomy that follows from it, and both of RSIT.

    A stated taxonomy stays where the type says nothing of it.
    """
    stated = frame["classification.type"]
    known = {name: classes(name) for name in stated.unique().to_list()}
    if len(known) == 1:
        (found,) = known.values()
        values = [pl.lit(found.type), pl.lit(found.taxonomy), pl.lit(found.rsit_taxonomy), pl.lit(found.rsit_type)]
    else:
        column = pl.col("classification.type")
        values = [
            column.replace_strict({name: getattr(found, part) for name, found in known.items()}, return_dtype=pl.String)
            for part in ("type", "taxonomy", "rsit_taxonomy", "rsit_type")
        ]
    silent = [name for name in known if name is None or name not in TYPES]
    if silent:
        says_nothing = pl.col("classification.type").is_null() | pl.col("classification.type").is_in(
            [name for name in silent if name is not None]
        )
        said = pl.col("classification.taxonomy")
        values[1] = pl.when(says_nothing & said.is_not_null()).then(said).otherwise(values[1])
    return frame.with_columns(value.alias(name) for name, value in zip(_COLUMNS, values, strict=True))
