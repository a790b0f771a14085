"""How much the largest matrices ask: in CI a part of all pairs that varies from test to test, or all of them."""

import os
from typing import Final

WHOLE: Final = bool(os.environ.get("TOCSIN_WHOLE"))
"""Set by ``TOCSIN_WHOLE=1``."""
