//! XXH3 with 64 bits and no seed (xxHash 0.8, <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>).

const SECRET: [u8; 192] = [
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb,
    0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb,
    0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31,
    0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc,
    0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
];
const P32: [u64; 3] = [0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D];
const P64: [u64; 5] = [
    0x9E37_79B1_85EB_CA87,
    0xC2B2_AE3D_27D4_EB4F,
    0x1656_67B1_9E37_79F9,
    0x85EB_CA77_C2B2_AE63,
    0x27D4_EB2F_1656_67C5,
];

#[inline(always)]
fn u64_at(data: &[u8], place: usize) -> u64 {
    let bytes: [u8; 8] = data[place..place + 8].try_into().unwrap();
    u64::from_le_bytes(bytes)
}

#[inline(always)]
fn u32_at(data: &[u8], place: usize) -> u64 {
    let bytes: [u8; 4] = data[place..place + 4].try_into().unwrap();
    u32::from_le_bytes(bytes) as u64
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

#[inline(always)]
fn avalanche(mut hash: u64) -> u64 {
    hash ^= hash >> 37;
    hash = hash.wrapping_mul(0x1656_6791_9E37_79F9);
    hash ^ hash >> 32
}

#[inline(always)]
fn avalanche64(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 33).wrapping_mul(P64[1]);
    hash = (hash ^ hash >> 29).wrapping_mul(P64[2]);
    hash ^ hash >> 32
}

#[inline(always)]
fn mix(data: &[u8], place: usize, secret: usize) -> u64 {
    fold(u64_at(data, place) ^ u64_at(&SECRET, secret), u64_at(data, place + 8) ^ u64_at(&SECRET, secret + 8))
}

#[inline(always)]
pub fn hash(data: &[u8]) -> u64 {
    match data.len() {
        241.. => large(data),
        129.. => medium(data),
        17.. => small(data),
        _ => tiny(data),
    }
}

fn tiny(data: &[u8]) -> u64 {
    let size = data.len();
    if size > 8 {
        let low = u64_at(data, 0) ^ u64_at(&SECRET, 24) ^ u64_at(&SECRET, 32);
        let high = u64_at(data, size - 8) ^ u64_at(&SECRET, 40) ^ u64_at(&SECRET, 48);
        let sum = (size as u64).wrapping_add(low.swap_bytes()).wrapping_add(high);
        return avalanche(sum.wrapping_add(fold(low, high)));
    }
    if size >= 4 {
        let mut hash = u32_at(data, size - 4) | u32_at(data, 0) << 32;
        hash ^= u64_at(&SECRET, 8) ^ u64_at(&SECRET, 16);
        hash ^= hash.rotate_left(49) ^ hash.rotate_left(24);
        hash = hash.wrapping_mul(0x9FB2_1C65_1E98_DF25);
        hash ^= (hash >> 35).wrapping_add(size as u64);
        hash = hash.wrapping_mul(0x9FB2_1C65_1E98_DF25);
        return hash ^ hash >> 28;
    }
    if size > 0 {
        let [first, middle, last] = [data[0], data[size >> 1], data[size - 1]].map(u64::from);
        let all = first << 16 | middle << 24 | last | (size as u64) << 8;
        return avalanche64(all ^ u32_at(&SECRET, 0) ^ u32_at(&SECRET, 4));
    }
    avalanche64(u64_at(&SECRET, 56) ^ u64_at(&SECRET, 64))
}

fn small(data: &[u8]) -> u64 {
    let size = data.len();
    let mut sum = (size as u64).wrapping_mul(P64[0]);
    for pair in 0..=(size - 1) / 32 {
        sum = sum.wrapping_add(mix(data, 16 * pair, 32 * pair));
        sum = sum.wrapping_add(mix(data, size - 16 * (pair + 1), 32 * pair + 16));
    }
    avalanche(sum)
}

fn medium(data: &[u8]) -> u64 {
    let size = data.len();
    let mut sum = (size as u64).wrapping_mul(P64[0]);
    for round in 0..8 {
        sum = sum.wrapping_add(mix(data, 16 * round, 16 * round));
    }
    sum = avalanche(sum);
    for round in 8..size / 16 {
        sum = sum.wrapping_add(mix(data, 16 * round, 16 * (round - 8) + 3));
    }
    avalanche(sum.wrapping_add(mix(data, size - 16, 136 - 17)))
}

#[inline(always)]
fn accumulate(sums: &mut [u64; 8], stripe: &[u8], secret: &[u8]) {
    let (stripe, secret) = (&stripe[..64], &secret[..64]);
    for lane in 0..8 {
        let value = u64_at(stripe, 8 * lane);
        let key = value ^ u64_at(secret, 8 * lane);
        sums[lane ^ 1] = sums[lane ^ 1].wrapping_add(value);
        sums[lane] = sums[lane].wrapping_add((key & 0xFFFF_FFFF).wrapping_mul(key >> 32));
    }
}

#[inline(always)]
fn large(data: &[u8]) -> u64 {
    let size = data.len();
    let mut sums = [P32[2], P64[0], P64[1], P64[2], P64[3], P32[1], P64[4], P32[0]];
    let mut blocks = data[..size - 1].chunks_exact(1024);
    for block in &mut blocks {
        for (place, stripe) in block.chunks_exact(64).enumerate() {
            accumulate(&mut sums, stripe, &SECRET[8 * place..]);
        }
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum = (*sum ^ *sum >> 47 ^ u64_at(&SECRET, 128 + 8 * lane)).wrapping_mul(P32[0]);
        }
    }
    for (place, stripe) in blocks.remainder().chunks_exact(64).enumerate() {
        accumulate(&mut sums, stripe, &SECRET[8 * place..]);
    }
    accumulate(&mut sums, &data[size - 64..], &SECRET[121..]);
    let mut hash = (size as u64).wrapping_mul(P64[0]);
    for pair in 0..4 {
        let secret = 11 + 16 * pair;
        hash = hash.wrapping_add(fold(
            sums[2 * pair] ^ u64_at(&SECRET, secret),
            sums[2 * pair + 1] ^ u64_at(&SECRET, secret + 8),
        ));
    }
    avalanche(hash)
}
