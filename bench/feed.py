"""A seeded world to measure with: 2,000 teams, 100,000 rules, and days of reports of 48 columns and 20 types.

What it is like: 415 bytes a row as plain CSV with quoted text, 5 % IPv6, 5 % rows repeated, 10 % of the networks
claimed by two teams. Addresses are drawn from the rules' own prefixes, so every event is owed to somebody. Machines
are of 600 profiles that share make, software and certificate algorithms, as in real scans; names, dates, lengths and
the rest differ by row.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

TYPES = (
    "scan_adb scan_amqp scan_chargen scan_coap scan_couchdb scan_dns scan_elasticsearch scan_ftp scan_http scan_ipmi "
    "scan_ldap_tcp scan_mdns scan_memcached scan_mongodb scan_mqtt scan_mssql scan_rdp scan_redis scan_smb scan_telnet"
).split()
COLUMNS = (
    "timestamp severity ip protocol port hostname tag asn geo region city naics hostname_source sector "
    "device_vendor device_type device_model device_version device_sector version banner handshake cipher_suite "
    "cert_length subject_common_name issuer_common_name cert_issue_date cert_expiration_date key_algorithm "
    "signature_algorithm subject_organization_name subject_country issuer_organization_name sha1_fingerprint "
    "cert_valid self_signed cert_expired validation_level http_code http_reason content_type server "
    "content_length transfer_encoding http_date jarm page_sha1fp raw_cert_status"
).split()
TEAMS = 2_000
RULES = 100_000
_BLOCK = 200_000
_PROFILES = 600


@dataclass(frozen=True)
class World:
    """The prefixes that rules name: IPv4 /20 as first addresses, IPv6 /40 as high halves; the team of each."""

    v4: np.ndarray
    v6: np.ndarray
    teams: np.ndarray


def make_world(seed: int) -> World:
    rng = np.random.default_rng(seed)
    blocks = np.arange(0x01000000 >> 12, 0xDF000000 >> 12, dtype=np.int64)
    v4 = np.sort(rng.choice(blocks, RULES * 9 // 11, replace=False)) * np.int64(1 << 12)
    low = np.sort(rng.choice(1 << 24, RULES // 11, replace=False)).astype(np.int64)
    v6 = np.int64(0x2A00 << 48) + low * np.int64(1 << 24)
    return World(v4, v6, rng.integers(0, TEAMS, len(v4) + len(v6)))


def write_directory(world: World, folder: Path, seed: int) -> list[Path]:
    """Two files for `tocsin directory import`: the teams, and their rules (every tenth prefix claimed twice)."""
    rng = np.random.default_rng(seed + 1)
    teams, rules = folder / "teams.csv", folder / "rules.csv"
    with teams.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["key", "name", "mailboxes", "interval", "formats"])
        rows.writerows(
            [f"team-{n:04d}", f"Team {n:04d}", f"abuse@team-{n:04d}.example", "at_once", "csv"] for n in range(TEAMS)
        )
    prefixes = [f"{v4_text(n)}/20" for n in world.v4.tolist()] + [f"{v6_text(n)}/40" for n in world.v6.tolist()]
    second = rng.random(len(prefixes)) < 0.1
    with rules.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["team", "kind", "value"])
        for prefix, team, twice in zip(prefixes, world.teams.tolist(), second.tolist(), strict=True):
            rows.writerow([f"team-{team:04d}", "prefix", prefix])
            if twice:
                rows.writerow([f"team-{(team + 1) % TEAMS:04d}", "prefix", prefix])
    return [teams, rules]


def write_reports(world: World, folder: Path, rows: int, seed: int, day: str = "2026-11-23") -> list[Path]:
    """One report for each type, rows shared evenly; each about 415 bytes a row."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, kind in enumerate(TYPES):
        path = folder / f"{day}-{kind}-world-geo.csv"
        with path.open("wb") as out:
            out.write((",".join(f'"{name}"' for name in COLUMNS) + "\n").encode())
            for block in _blocks(world, rows // len(TYPES), np.random.default_rng((seed, number)), day):
                block.write_csv(out, include_header=False, quote_style="non_numeric")
        paths.append(path)
    return paths


def _blocks(world: World, rows: int, rng: np.random.Generator, day: str) -> Iterator[pl.DataFrame]:
    for start in range(0, rows, _BLOCK):
        count = min(_BLOCK, rows - start)
        fresh = _rows(world, count, rng, day, start / rows)
        repeated = np.flatnonzero(rng.random(count) < 0.05)
        order = np.arange(count)
        order[repeated] = rng.integers(0, count, len(repeated))
        yield fresh[np.sort(order)]


def _rows(world: World, count: int, rng: np.random.Generator, day: str, at: float) -> pl.DataFrame:
    is_v6 = rng.random(count) < 0.05
    place4, place6 = rng.integers(0, len(world.v4), count), rng.integers(0, len(world.v6), count)
    v4 = world.v4[place4] + rng.integers(0, 4096, count)
    low = rng.integers(0, 1 << 16, count)
    addresses = pl.select(
        v4=pl.concat_str([pl.Series((v4 >> shift) & 255) for shift in (24, 16, 8, 0)], separator="."),
        v6=pl.concat_str(
            pl.Series([v6_text(n)[:-2] for n in world.v6[place6[is_v6]].tolist()] or [""]).gather(
                pl.Series(np.maximum(np.cumsum(is_v6) - 1, 0))
            ),
            pl.lit("::"),
            pl.Series([f"{n:x}" for n in low.tolist()]),
        ),
    )
    seconds = np.sort((at * 86_400 + rng.random(count) * 600) % 86_400).astype(np.int64)
    number = rng.integers(0, 1 << 31, count)

    profile = pl.Series(rng.integers(0, _PROFILES, count))

    def pick(values: list[str]) -> pl.Series:
        return pl.Series(values).gather(pl.Series(rng.integers(0, len(values), count)))

    def same(name: str, values: list[str] | list[int]) -> pl.Series:
        """What devices of one profile share: the value of each row's profile."""
        of_profile = np.random.default_rng(sum(name.encode())).integers(0, len(values), _PROFILES)
        return pl.Series(values).gather(pl.Series(of_profile)).gather(profile)

    def sometimes(share: float, values: pl.Series) -> pl.Series:
        return pl.select(pl.when(pl.Series(rng.random(count) < share)).then(values).otherwise(pl.lit(""))).to_series()

    hosts = pl.select(pl.format("host-{}.net{}.example", pl.Series(number % 4096), pl.Series(number % 977))).to_series()
    names = [f"device-{n}.local" for n in range(400)]
    made: dict[str, pl.Series] = {
        "timestamp": pl.Series(np.datetime64(day, "ms") + seconds * np.timedelta64(1000, "ms")).dt.strftime(
            "%Y-%m-%d %H:%M:%S"
        ),
        "severity": pick(["high", "medium", "low"]),
        "ip": pl.select(pl.when(pl.Series(is_v6)).then(addresses["v6"]).otherwise(addresses["v4"])).to_series(),
        "protocol": pick(["tcp", "udp"]),
        "port": pl.Series(rng.choice([21, 22, 23, 80, 443, 445, 1883, 3389, 5432, 8080], count)),
        "hostname": sometimes(0.6, hosts),
        "tag": pick(["iot", "ssl;vpn", "http", "rdp", "cve-2024-3400;ssl"]),
        "asn": pl.Series(64_500 + place4 % 3000),
        "geo": pick(["MU", "SC", "KM", "MG", "MZ"]),
        "region": pick([f"REGION {n}" for n in range(40)]),
        "city": pick([f"CITY NUMBER {n}" for n in range(300)]),
        "naics": pl.Series(rng.choice([517311, 518210, 0], count)),
        "hostname_source": pick(["ptr", "ssl"]),
        "sector": pick(["Communications, Service Provider, and Hosting Service", "Education", ""]),
        "device_vendor": same("device_vendor", ["Fortinet", "MikroTik", "Hikvision", ""]),
        "device_type": same("device_type", ["firewall", "router", "ip-camera", ""]),
        "device_model": same("device_model", ["FortiGate", "RouterOS", "DS-2CD", ""]),
        "version": same("version", ["6.4.1", "7.0.12", "2.0"]),
        "banner": sometimes(
            0.1, pick([f"Welcome to device {n}, unauthorised access is forbidden" for n in range(200)])
        ),
        "handshake": same("handshake", ["TLSv1.2", "TLSv1.0"]),
        "cipher_suite": same("cipher_suite", ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_CBC_SHA"]),
        "cert_length": same("cert_length", [1024, 2048, 4096]),
        "subject_common_name": pick(names),
        "issuer_common_name": pick(names[:40]),
        "cert_issue_date": pick([f"2025-0{m}-11" for m in range(1, 10)]),
        "cert_expiration_date": pick([f"2027-0{m}-11" for m in range(1, 10)]),
        "key_algorithm": same("key_algorithm", ["rsaEncryption", "ecdsa"]),
        "signature_algorithm": same("signature_algorithm", ["sha256WithRSAEncryption", "sha1WithRSAEncryption"]),
        "cert_valid": pick(["Y", "N"]),
        "self_signed": same("self_signed", ["Y", "N"]),
        "http_code": same("http_code", [200, 301, 401, 403]),
        "http_reason": same("http_reason", ["OK", "Unauthorized", "Forbidden"]),
        "content_type": same("content_type", ["text/html", "text/html; charset=utf-8", ""]),
        "server": same("server", ["nginx", "Apache/2.4.57 (Debian)", "lighttpd", ""]),
        "content_length": pl.Series(rng.integers(0, 5000, count)),
        "raw_cert_status": pick(["stored", ""]),
    }
    empty = pl.Series([None], dtype=pl.String).new_from_index(0, count)
    frame = pl.DataFrame([made.get(name, empty).alias(name) for name in COLUMNS])
    return frame.with_columns(pl.col(pl.String).replace("", None))


def v4_text(number: int) -> str:
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def v6_text(high: int) -> str:
    return ":".join(f"{high >> shift & 0xFFFF:x}" for shift in (48, 32, 16)) + "::"
