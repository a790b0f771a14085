"""TAXII 2.1: for each partner a collection of what the release gate lets it read, and one that takes what it offers."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.faces.taxii.collection import CollectionWriter, purge_incident, read_objects, refresh
    from tocsin.exchange.faces.taxii.models import TaxiiCollection, TaxiiObject
    from tocsin.exchange.faces.taxii.pages import MOST, TaxiiFilter, TaxiiPage, has_object, read_filter, read_page
    from tocsin.exchange.faces.taxii.posts import MOST_BYTES, post, status_of
else:
    lazy_face(__name__)
