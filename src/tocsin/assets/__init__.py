"""The register of critical assets: what must not fail, what it depends on, whom to call. It has no way out.

Its face gives the rest of Tocsin counts and acts. What the register says is behind `register`, which the pages of the
register alone may import. docs/design/assets.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.assets import acts, rows, sheet_acts
    from tocsin.assets.acts import check_enabled
    from tocsin.assets.watch import (
        EVENT_COLUMNS,
        AssetMatcher,
        asset_matcher,
        changes_waiting,
        match_observables,
        note_touches,
        register_counts,
        stale_assets,
        touched_assets,
    )
else:
    lazy_face(__name__)
