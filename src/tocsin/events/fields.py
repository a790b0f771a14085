"""The fields of an event: each with its kind, class and meaning; plain data, quick to import.

Names are those of the IntelMQ Data Format (IDF) where it has one. The field reference in docs/fields.md, the headers
of exports and the columns of the event table (`tocsin.events.schema`) are all made from ``FIELDS``. ``extra`` is a JSON
object as text and holds what a feed says beyond these fields.
"""

from dataclasses import dataclass
from enum import StrEnum


class FieldKind(StrEnum):
    """How a field's text is read and checked."""

    IP = "ip"  # one address; two columns
    NETWORK = "network"  # CIDR text, canonical
    PORT = "port"  # 0 to 65535
    ASN = "asn"  # 1 to 4294967295
    TIME = "time"  # UTC, microseconds
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TEXT = "text"  # as it is, without blanks at both ends
    LOWER = "lower"  # lower-cased text
    UPPER = "upper"  # upper-cased text
    DOMAIN = "domain"  # lower-cased, no final dot
    COUNTRY = "country"  # two letters, upper-cased
    URL = "url"
    JSON = "json"  # a JSON object as text


class Privacy(StrEnum):
    """The class that the release gate decides by."""

    PUBLIC = "public"  # says nothing of one network or person
    TECHNICAL = "technical"  # says something of one network or machine
    PERSONAL = "personal"  # may say something of a person (GDPR, article 4)


@dataclass(frozen=True)
class Field:
    """One field of an event."""

    name: str
    kind: FieldKind
    privacy: Privacy
    meaning: str
    idf: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns in the event table."""
        return (f"{self.name}.hi", f"{self.name}.lo") if self.kind is FieldKind.IP else (self.name,)


_PUBLIC, _TECHNICAL, _PERSONAL = Privacy.PUBLIC, Privacy.TECHNICAL, Privacy.PERSONAL


def _end(side: str, role: str) -> tuple[Field, ...]:
    """The fields that source and destination share."""
    return (
        Field(f"{side}.ip", FieldKind.IP, _TECHNICAL, f"Address of the {role}."),
        Field(f"{side}.port", FieldKind.PORT, _TECHNICAL, f"Port of the {role}."),
        Field(
            f"{side}.network", FieldKind.NETWORK, _TECHNICAL, f"Network of the {role}, where the feed names a network."
        ),
        Field(
            f"{side}.asn", FieldKind.ASN, _TECHNICAL, f"AS number of the {role}: the feed's, else the one we looked up."
        ),
        Field(f"{side}.as_name", FieldKind.TEXT, _TECHNICAL, f"Name of that AS ({role})."),
        Field(f"{side}.geolocation.cc", FieldKind.COUNTRY, _PUBLIC, f"Country code of the {role} (ISO 3166-1)."),
        Field(f"{side}.geolocation.region", FieldKind.TEXT, _TECHNICAL, f"Region of the {role}."),
        Field(f"{side}.geolocation.city", FieldKind.TEXT, _TECHNICAL, f"City of the {role}."),
        Field(f"{side}.geolocation.country", FieldKind.TEXT, _PUBLIC, f"Country of the {role}, by name."),
        Field(
            f"{side}.geolocation.geoip_cc",
            FieldKind.COUNTRY,
            _PUBLIC,
            f"Country code of the {role} by the feed's GeoIP.",
        ),
        Field(f"{side}.geolocation.latitude", FieldKind.FLOAT, _TECHNICAL, f"Latitude of the {role}, in degrees."),
        Field(f"{side}.geolocation.longitude", FieldKind.FLOAT, _TECHNICAL, f"Longitude of the {role}, in degrees."),
        Field(f"{side}.registry", FieldKind.UPPER, _PUBLIC, f"Regional registry of the address of the {role}."),
        Field(f"{side}.tor_node", FieldKind.BOOLEAN, _PUBLIC, f"Whether the {role} is a node of Tor."),
        Field(f"{side}.fqdn", FieldKind.DOMAIN, _TECHNICAL, f"Domain name of the {role}."),
        Field(f"{side}.reverse_dns", FieldKind.DOMAIN, _TECHNICAL, f"Reverse DNS name of the {role}."),
        Field(f"{side}.url", FieldKind.URL, _TECHNICAL, f"URL of the {role}."),
        Field(f"{side}.urlpath", FieldKind.TEXT, _TECHNICAL, f"Path of a request to the {role}."),
        Field(f"{side}.account", FieldKind.TEXT, _PERSONAL, f"Account or e-mail address at the {role}."),
        Field(
            f"{side}.abuse_contact", FieldKind.LOWER, _PERSONAL, f"Abuse contact that the feed names for the {role}."
        ),
        Field(f"{side}.local_hostname", FieldKind.TEXT, _PERSONAL, f"Host name inside the network of the {role}."),
        Field(f"{side}.local_ip", FieldKind.TEXT, _PERSONAL, f"Address inside the network of the {role}, behind NAT."),
    )


FIELDS: tuple[Field, ...] = (
    Field("time.source", FieldKind.TIME, _PUBLIC, "When it happened, as the feed says."),
    Field("time.observation", FieldKind.TIME, _PUBLIC, "When this node heard of it."),
    Field("classification.taxonomy", FieldKind.LOWER, _PUBLIC, "IDF taxonomy; follows from the type."),
    Field("classification.type", FieldKind.LOWER, _PUBLIC, "IDF type, as feeds and tools use it."),
    Field("classification.identifier", FieldKind.LOWER, _PUBLIC, "Which service, flaw or malware exactly."),
    Field("rsit.taxonomy", FieldKind.LOWER, _PUBLIC, "Class of the Reference Security Incident Taxonomy.", idf=False),
    Field("rsit.type", FieldKind.LOWER, _PUBLIC, "Type of the Reference Security Incident Taxonomy.", idf=False),
    Field("severity", FieldKind.LOWER, _PUBLIC, "critical, high, medium, low, info or undefined."),
    Field("status", FieldKind.TEXT, _PUBLIC, "State of the resource, for example online."),
    *_end("source", "machine the event is about"),
    *_end("destination", "other side"),
    Field("protocol.transport", FieldKind.LOWER, _PUBLIC, "tcp, udp, icmp."),
    Field("protocol.application", FieldKind.LOWER, _PUBLIC, "http, ssh, rdp and others."),
    Field("malware.name", FieldKind.LOWER, _PUBLIC, "Name of the malware."),
    Field("malware.version", FieldKind.TEXT, _PUBLIC, "Version of the malware."),
    Field("malware.hash.md5", FieldKind.TEXT, _PUBLIC, "MD5 of the sample."),
    Field("malware.hash.sha1", FieldKind.TEXT, _PUBLIC, "SHA-1 of the sample."),
    Field("malware.hash.sha256", FieldKind.TEXT, _PUBLIC, "SHA-256 of the sample."),
    Field("product.full_name", FieldKind.TEXT, _TECHNICAL, "Product, as one name."),
    Field("product.vendor", FieldKind.LOWER, _TECHNICAL, "Vendor of the product."),
    Field("product.name", FieldKind.LOWER, _TECHNICAL, "Name of the product."),
    Field("product.version", FieldKind.LOWER, _TECHNICAL, "Version of the product."),
    Field("product.vulnerabilities", FieldKind.LOWER, _TECHNICAL, "Vulnerability ids, separated by semicolons."),
    Field("event_description.text", FieldKind.TEXT, _TECHNICAL, "What happened, in words."),
    Field("event_description.target", FieldKind.TEXT, _TECHNICAL, "Who was the target."),
    Field("event_description.url", FieldKind.URL, _PUBLIC, "Where to read more."),
    Field("screenshot_url", FieldKind.URL, _TECHNICAL, "A picture of the resource."),
    Field("comment", FieldKind.TEXT, _TECHNICAL, "Remark of an analyst."),
    Field("feed.provider", FieldKind.TEXT, _PUBLIC, "Who sends the feed."),
    Field("feed.name", FieldKind.TEXT, _PUBLIC, "Name of the feed."),
    Field("feed.code", FieldKind.TEXT, _PUBLIC, "Short name of the feed, by which it is configured."),
    Field("feed.accuracy", FieldKind.FLOAT, _PUBLIC, "How accurate the feed is, 0 to 100."),
    Field("tlp", FieldKind.UPPER, _PUBLIC, "TLP 2.0 label: CLEAR, GREEN, AMBER, AMBER+STRICT or RED."),
    Field("pap", FieldKind.UPPER, _PUBLIC, "Permissible Actions Protocol: what a recipient may do.", idf=False),
    Field("network.prefix", FieldKind.NETWORK, _TECHNICAL, "Largest prefix of our table that holds it.", idf=False),
    Field("network.asn", FieldKind.ASN, _TECHNICAL, "AS number in our table.", idf=False),
    Field("network.country", FieldKind.COUNTRY, _PUBLIC, "Country in our table.", idf=False),
    Field(
        "flags",
        FieldKind.TEXT,
        _TECHNICAL,
        "Warnings, separated by blanks: private, documentation, future, …",
        idf=False,
    ),
    Field("extra", FieldKind.JSON, _PERSONAL, "What the feed says beyond these fields."),
)

BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
