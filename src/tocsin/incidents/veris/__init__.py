"""VERIS, a vocabulary for incidents (https://verisframework.org): records checked, and incidents as such."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.veris.check import EDITION, VerisFault, check_veris
    from tocsin.incidents.veris.export import veris_record
else:
    lazy_face(__name__)
