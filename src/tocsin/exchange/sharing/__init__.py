"""Sharing with partners: who is one, what would be sent to it, and why a thing is not. Decisions; nothing is sent."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.sharing.incident_items import (
        IncidentView,
        brought_things,
        incident_items,
        read_view,
        repeated_things,
    )
    from tocsin.exchange.sharing.jurisdictions import JurisdictionRow, countries, side_by_side
    from tocsin.exchange.sharing.misp_events import (
        EventComparison,
        compare_events,
        deleted_attributes,
        incident_collection,
        incident_event,
        rsit_labels,
        withdrawn_event,
    )
    from tocsin.exchange.sharing.packages import (
        NOT_CHOSEN,
        USUAL,
        PackageFile,
        PackageItem,
        PackageKind,
        PackagePart,
        PackagePolicy,
        PartnerPackage,
        WrittenPart,
        compose,
    )
    from tocsin.exchange.sharing.partners import (
        AdoptedAgreement,
        SharingPartner,
        SourceAnswer,
        agreement_rules,
        item_source,
        partner_recipient,
    )
    from tocsin.exchange.sharing.withheld import why_withheld
else:
    lazy_face(__name__)
