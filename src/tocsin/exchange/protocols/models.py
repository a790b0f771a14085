"""The table of what partners' programs sign in with."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.exchange.partners import Partner
from tocsin.node.records import Base, Json, UTCDateTime


class PartnerToken(Base):
    """A partner's token for one `AccessProtocol`.

    ``hash``: SHA-256 of it, in hexadecimal; ``scopes``: values of `TokenScope`.
    """

    __tablename__ = "exchange_face_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), index=True)
    protocol: Mapped[str] = mapped_column("face", Text)
    scopes: Mapped[list[str]] = mapped_column(Json)
    hash: Mapped[str] = mapped_column(Text, unique=True)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    made_by: Mapped[str] = mapped_column(Text)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
