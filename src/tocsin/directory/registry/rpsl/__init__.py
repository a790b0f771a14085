"""RPSL dumps of the registries' databases: who is to be told of each AS number and network."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.directory.registry.rpsl.dump import read_dump, team_key
    from tocsin.directory.registry.rpsl.numbers import take_asns, take_ipv4, take_ipv6
    from tocsin.directory.registry.rpsl.territory import CountryFilter
else:
    lazy_face(__name__)
