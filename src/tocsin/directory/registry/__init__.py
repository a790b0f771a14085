"""What registries say of networks, AS numbers and teams, brought into the directory.

Delegation files say which country numbers were given to; RPSL dumps, RDAP, Trusted Introducer and security.txt say whom
to tell. Each is loaded when first asked for.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.directory.registry.delegation_store import (
        Delegated,
        DelegationsImported,
        Denominator,
        Transfers,
        allocated_asns,
        delegated_networks,
        files_as_of,
        import_delegations,
        kept_files,
        transfers,
    )
    from tocsin.directory.registry.delegations import GIVEN, RIRS
    from tocsin.directory.registry.dumps import import_rpsl
    from tocsin.directory.registry.rdap import Looked, RdapSettings, look_up
    from tocsin.directory.registry.rdap_answer import RdapAnswer, RdapContact
    from tocsin.directory.registry.record import RegistryImported
    from tocsin.directory.registry.security_txt import fetch_security_txt, read_security_txt
    from tocsin.directory.registry.trusted_introducer import read_team_list

__all__ = [
    "GIVEN",
    "RIRS",
    "Delegated",
    "DelegationsImported",
    "Denominator",
    "Looked",
    "RdapAnswer",
    "RdapContact",
    "RdapSettings",
    "RegistryImported",
    "Transfers",
    "allocated_asns",
    "delegated_networks",
    "fetch_security_txt",
    "files_as_of",
    "import_delegations",
    "import_rpsl",
    "kept_files",
    "look_up",
    "read_security_txt",
    "read_team_list",
    "transfers",
]

_LATER = {
    "read_team_list": "trusted_introducer",
    "read_security_txt": "security_txt",
    "fetch_security_txt": "security_txt",
    "RdapContact": "rdap_answer",
    "RdapAnswer": "rdap_answer",
    "look_up": "rdap",
    "RdapSettings": "rdap",
    "Looked": "rdap",
    "GIVEN": "delegations",
    "RIRS": "delegations",
    "Delegated": "delegation_store",
    "DelegationsImported": "delegation_store",
    "Denominator": "delegation_store",
    "RegistryImported": "record",
    "Transfers": "delegation_store",
    "allocated_asns": "delegation_store",
    "delegated_networks": "delegation_store",
    "files_as_of": "delegation_store",
    "import_delegations": "delegation_store",
    "import_rpsl": "dumps",
    "kept_files": "delegation_store",
    "transfers": "delegation_store",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
