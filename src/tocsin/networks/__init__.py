"""Networks: addresses as numbers, tables of prefixes and ranges, the AS register, countries."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.networks.addresses import (
        AddressRange,
        Network,
        format_address,
        format_addresses,
        format_networks,
        network_bounds,
        parse_address,
        parse_addresses,
        parse_integer,
        parse_integers,
        parse_network,
        parse_networks,
    )
    from tocsin.networks.announcements import announced, networks_of
    from tocsin.networks.as_by_country import as_numbers_in
    from tocsin.networks.countries import country_names
    from tocsin.networks.folders import current_folder
    from tocsin.networks.formats import FORMATS, Format
    from tocsin.networks.intervals import Cover, IntervalTable, Ranges, flatten_cover, flatten_ranges, overlay
    from tocsin.networks.lines import read_chunks
    from tocsin.networks.load import LoadReport, load_table, read_networks
    from tocsin.networks.public import host_address, is_public
    from tocsin.networks.sources import table_files
    from tocsin.networks.special import SPECIAL_USE, special_use
    from tocsin.networks.tables import AsRegister, NetworkLookup, Networks
else:
    lazy_face(__name__)
