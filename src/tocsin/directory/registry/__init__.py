"""What registries say of networks, AS numbers and teams, brought into the directory.

Delegation files say which country numbers were given to; RPSL dumps, RDAP, Trusted Introducer and security.txt say whom
to tell. Each is loaded when first asked for.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.directory.registry.delegation_store import (
        DelegationsImported,
        Denominator,
        Transfers,
        allocated_asns,
        files_as_of,
        import_delegations,
        kept_files,
        transfers,
    )
    from tocsin.directory.registry.dumps import import_rpsl
    from tocsin.directory.registry.rdap import RdapResult, RdapSettings, kept_answer, look_up
    from tocsin.directory.registry.rdap_answer import RdapAnswer
    from tocsin.directory.registry.record import RegistryImported
    from tocsin.directory.registry.rpsl.numbers import RESERVED_ASNS
    from tocsin.directory.registry.security_txt import fetch_security_txt, parse_security_txt, read_security_txt
    from tocsin.directory.registry.trusted_introducer import read_team_list
else:
    lazy_face(__name__)
