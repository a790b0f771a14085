//! Addresses as `tocsin.networks` reads them; what is neither plain IPv4 nor plain IPv6 is left to it.

use std::net::Ipv6Addr;

/// The 128 bits of an address, IPv4 as ::ffff:0:0/96.
pub fn read(text: &[u8]) -> Option<u128> {
    let text = trimmed(text);
    match ipv4(text) {
        Some(value) => Some(0xFFFF_0000_0000 | value as u128),
        None if text.contains(&b':') && !text.contains(&b'.') => {
            std::str::from_utf8(text).ok()?.parse::<Ipv6Addr>().ok().map(u128::from)
        }
        None => None,
    }
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| b" \t\r\n\x0b\x0c".contains(byte);
    while let [first, rest @ ..] = text {
        if !is_blank(first) {
            break;
        }
        text = rest;
    }
    while let [rest @ .., last] = text {
        if !is_blank(last) {
            break;
        }
        text = rest;
    }
    text
}

/// Four decimal numbers without leading zeros (RFC 6943, section 3.1.1).
fn ipv4(text: &[u8]) -> Option<u32> {
    let (mut value, mut octet, mut digits, mut dots) = (0u32, 0u32, 0, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' if digits == 0 || octet != 0 => {
                octet = octet * 10 + (byte - b'0') as u32;
                digits += 1;
                if octet > 255 {
                    return None;
                }
            }
            b'.' if digits > 0 && dots < 3 => {
                value = value << 8 | octet;
                (octet, digits, dots) = (0, 0, dots + 1);
            }
            _ => return None,
        }
    }
    (dots == 3 && digits > 0).then_some(value << 8 | octet)
}
