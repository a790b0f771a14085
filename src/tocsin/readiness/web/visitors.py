"""Who may open the pages of readiness, and send their forms."""

from typing import Annotated, TypeAlias

from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal

Reader: TypeAlias = Annotated[Principal, needs(Permission.READINESS_READ)]
Assessor: TypeAlias = Annotated[Principal, needs(Permission.READINESS_WRITE)]
