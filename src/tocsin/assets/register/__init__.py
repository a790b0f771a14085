"""The register itself: its tables, and the door by which it is read. For the pages of the register alone."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.assets.register.fields import (
        CONTACT,
        NEED,
        as_lines,
        numbers_by_name,
        read_contacts,
        read_identifiers,
        read_needs,
    )
    from tocsin.assets.register.kinds import ASSET_KINDS, STALE_DAYS, AssetKind, ChangeState, IdentifierKind
    from tocsin.assets.register.models import Asset, AssetChange, AssetMatch, AssetTouch, CallSheet
    from tocsin.assets.register.read import (
        AssetSearch,
        Neighbours,
        assets_by_number,
        call_sheets,
        changes_to_review,
        dependencies,
        find_asset,
        is_stale,
        list_assets,
        names,
        neighbours,
        open_touches,
        refused_changes,
        sectors,
        stale,
        touches_of,
    )
else:
    lazy_face(__name__)
