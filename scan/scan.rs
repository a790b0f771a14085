//! One pass over a chunk of delimited text: where fields end, the proof that quotes are as RFC 4180 says, text columns
//! as Arrow string views, and XXH3 of each record. What it cannot prove it declines; see `tocsin.events.sources.delimited`.
//!
//! Strangers' bytes go through it: all of them are read through slices whose bounds are checked. `unsafe` is in the C
//! interfaces (the two functions at the end, and `arrow`), and where AVX2 is used after the processor was asked for it.
//! The number in the names of those functions rises whenever what they take or give changes.

pub mod addresses;
pub mod arrow;
mod xxh3;

#[cfg(target_endian = "big")]
compile_error!("views and masks are made for little-endian processors");

use std::slice::{from_raw_parts, from_raw_parts_mut};

const QUOTE: u8 = b'"';
const LF: u8 = b'\n';
const CR: u8 = b'\r';
const ROWS: usize = 256; // records that are taken apart at a time: they and their marks stay within the cache
pub const INLINE: usize = 12; // bytes that a view holds itself

/// What of 16 bytes is text of a value that begins at the fifth: as many bytes as it is long.
const INSIDE: [u128; INLINE + 1] = {
    let mut masks = [0; INLINE + 1];
    let mut length = 1;
    while length <= INLINE {
        masks[length] = masks[length - 1] << 8 | 0xFF << 32;
        length += 1;
    }
    masks
};

/// For each of 64 bytes, a bit: whether it is this.
struct Marks {
    quotes: u64,
    separators: u64,
    feeds: u64,
    returns: u64,
    blanks: u64,
    backslashes: u64,
    controls: u64,
    high: u64,
}

trait Marker {
    fn marks(block: &[u8; 64], separator: u8) -> Marks;
}

struct Portable;

const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
const EACH: u64 = 0x0101_0101_0101_0101;

impl Marker for Portable {
    #[inline(always)]
    fn marks(block: &[u8; 64], separator: u8) -> Marks {
        // Eight bytes at a time: `test` sets the high bit of each that it is true of, without a carry to the next.
        let bits = |test: &dyn Fn(u64) -> u64| {
            block.chunks_exact(8).enumerate().fold(0u64, |mask, (place, eight)| {
                let word = eight.try_into().map_or(0, u64::from_le_bytes);
                let high = (test(word) & !LOW) >> 7;
                mask | high.wrapping_mul(0x0102_0408_1020_4080) >> 56 << (8 * place)
            })
        };
        let equal = |byte: u8| {
            bits(&|word| {
                let other = word ^ EACH * byte as u64;
                !((other & LOW) + LOW | other)
            })
        };
        Marks {
            quotes: equal(QUOTE),
            separators: equal(separator),
            feeds: equal(LF),
            returns: equal(CR),
            blanks: equal(b' '),
            backslashes: equal(b'\\'),
            controls: bits(&|word| !((word & LOW) + EACH * 0x60 | word)),
            high: bits(&|word| word),
        }
    }
}

#[cfg(target_arch = "x86_64")]
struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Marker for Avx2 {
    #[inline(always)]
    fn marks(block: &[u8; 64], separator: u8) -> Marks {
        use core::arch::x86_64::*;
        // SAFETY: only `scan_avx2` uses this, which runs after the processor was asked; both loads are within the block.
        unsafe {
            let low = _mm256_loadu_si256(block.as_ptr().cast());
            let high = _mm256_loadu_si256(block.as_ptr().add(32).cast());
            let pair = |a: __m256i, b: __m256i| {
                _mm256_movemask_epi8(a) as u32 as u64 | (_mm256_movemask_epi8(b) as u32 as u64) << 32
            };
            let equal = |byte: u8| {
                let wanted = _mm256_set1_epi8(byte as i8);
                pair(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted))
            };
            let last = _mm256_set1_epi8(31);
            Marks {
                quotes: equal(QUOTE),
                separators: equal(separator),
                feeds: equal(LF),
                returns: equal(CR),
                blanks: equal(b' '),
                backslashes: equal(b'\\'),
                controls: pair(
                    _mm256_cmpeq_epi8(_mm256_min_epu8(low, last), low),
                    _mm256_cmpeq_epi8(_mm256_min_epu8(high, last), high),
                ),
                high: pair(low, high),
            }
        }
    }
}

/// For every bit, whether the number of set bits up to and with it is odd.
#[inline(always)]
fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// A text column as it grows: views, a bit for each value that is there, and the bytes of values too long for a view.
#[derive(Debug, Default, PartialEq)]
pub struct Column {
    pub views: Vec<u128>, // empty as long as there is no value
    pub valid: Vec<u8>,
    pub data: Vec<u8>,
    pub filled: usize,
}

/// The columns of a chunk, the hash of each record, and whether all values are plain.
#[derive(Debug, PartialEq)]
pub struct Table {
    pub columns: Vec<Column>,
    pub hashes: Vec<u64>,
    pub plain: bool,
}

/// What separates values, how many columns there are, and how many bytes a value may have.
pub struct Shape {
    pub separator: u8,
    pub width: usize,
    pub longest: usize,
}

/// The columns of the data; None where that is not proved to be what the exact reader reads.
#[inline(always)]
fn scan<M: Marker>(data: &[u8], shape: &Shape) -> Option<Table> {
    let size = data.len();
    if size == 0 || size >= 1 << 31 || shape.width == 0 || data.starts_with(b"\xef\xbb\xbf") {
        return None;
    }
    let mut table =
        Table { columns: (0..shape.width).map(|_| Column::default()).collect(), hashes: Vec::new(), plain: false };
    // starts[i] is where field i begins, and ends one before where field i + 1 begins
    let mut starts: Vec<u32> = vec![0; shape.width * ROWS + 64 + 2];
    let mut count = 0usize;
    let (mut carry, mut edge, mut closed, mut pending) = (0u64, 1u64, 0u64, 0u64);
    let (mut rim, mut blank, mut returned) = (1u64, 0u64, 0u64);
    let (mut bad, mut escapes, mut outer, mut backslashes, mut high) = (0u64, 0u64, 0u64, 0u64, 0u64);
    let (mut feeds_all, mut records, mut returns, mut controls) = (0usize, 0usize, 0usize, 0usize);
    let mut at = 0usize;
    loop {
        let rest = &data[at..];
        let marks = match rest.first_chunk::<64>() {
            Some(block) => M::marks(block, shape.separator),
            None => {
                let mut block = [b'.'; 64]; // no byte of meaning, unless it separates
                block[..rest.len()].copy_from_slice(rest);
                let mut marks = M::marks(&block, shape.separator);
                marks.separators &= (1u64 << rest.len()) - 1;
                marks
            }
        };
        // The end of the data counts as a line end.
        let end = if rest.len() < 64 { 1u64 << rest.len() } else { 0 };
        backslashes |= marks.backslashes;
        high |= marks.high;
        controls += marks.controls.count_ones() as usize;
        feeds_all += marks.feeds.count_ones() as usize;
        returns += marks.returns.count_ones() as usize;
        bad |= (marks.returns << 1 | returned) & !marks.feeds;
        returned = marks.returns >> 63;
        let edges = marks.separators | marks.feeds | marks.returns | end;
        let inside = parity(marks.quotes) ^ carry;
        let (opening, closing) = (marks.quotes & inside, marks.quotes & !inside);
        bad |= opening & !((edges | closing) << 1 | edge);
        bad |= pending & !((edges | opening) & 1);
        bad |= (closing & !(1 << 63)) & !((edges | opening) >> 1);
        escapes |= opening & (closing << 1 | closed);
        pending = closing >> 63;
        edge = (edges | closing) >> 63;
        closed = closing >> 63;
        let rims = (edges & !inside) | marks.quotes;
        outer |= marks.blanks & (rims << 1 | rim);
        outer |= (marks.blanks & !(1 << 63)) & (rims >> 1);
        outer |= blank & (rims & 1);
        blank = marks.blanks >> 63;
        rim = rims >> 63;
        carry = ((inside as i64) >> 63) as u64;
        let feeds = marks.feeds & !inside;
        records += feeds.count_ones() as usize;
        let mut ends = feeds | marks.separators & !inside;
        // Eight at a time, without asking whether there are as many: what is behind them is written over later.
        let (found, next) = (ends.count_ones() as usize, &mut starts[count + 1..count + 65]);
        for eight in next.chunks_exact_mut(8).take(found.div_ceil(8)) {
            for start in eight {
                *start = (at + ends.trailing_zeros() as usize + 1) as u32;
                ends &= ends.wrapping_sub(1);
            }
        }
        count += found;
        if bad != 0 {
            return None;
        }
        if count >= shape.width * ROWS {
            take(data, &starts, ROWS, shape, escapes != 0, &mut table)?;
            starts.copy_within(shape.width * ROWS..=count, 0);
            count -= shape.width * ROWS;
        }
        if end != 0 {
            break;
        }
        at += 64;
    }
    if bad != 0 || carry != 0 || controls != feeds_all + returns && data.contains(&0) {
        return None;
    }
    let ended = data[size - 1] == LF;
    if !ended {
        count += 1;
        starts[count] = size as u32 + 1;
    }
    let rows = count / shape.width;
    take(data, &starts, rows, shape, escapes != 0, &mut table)?;
    if rows * shape.width != count || table.hashes.len() != records + !ended as usize || high != 0 && std::str::from_utf8(data).is_err() {
        return None;
    }
    if shape.width == 1 && table.columns[0].filled != table.hashes.len() {
        return None; // a blank line looks like an empty value
    }
    table.plain = escapes == 0
        && outer == 0
        && backslashes == 0
        && controls == records + returns
        && (returns == 0 || returns == records);
    Some(table)
}

/// Take records apart whose fields are known; None where they have not as many as there are columns, or too long ones.
#[inline(always)]
fn take(data: &[u8], starts: &[u32], rows: usize, shape: &Shape, escapes: bool, table: &mut Table) -> Option<()> {
    let width = shape.width;
    let before = table.hashes.len();
    for row in 0..rows {
        let (start, mut end) = (starts[row * width] as usize, starts[(row + 1) * width] as usize - 1);
        if end < data.len() && data[end] != LF {
            return None;
        }
        if end > start && data[end - 1] == CR {
            end -= 1;
        }
        table.hashes.push(xxh3::hash(&data[start..end]));
    }
    for (place, column) in table.columns.iter_mut().enumerate() {
        let last = place + 1 == width;
        if column.filled > 0 {
            column.views.resize(before + rows, 0);
        }
        let mut valid = [0u8; ROWS / 8];
        let mut filled = 0;
        for row in 0..rows {
            let field = row * width + place;
            let (mut start, mut end) = (starts[field] as usize, starts[field + 1] as usize - 1);
            if last && end > start && data[end - 1] == CR {
                end -= 1;
            }
            if end <= start {
                continue;
            }
            let quoted = data[start] == QUOTE;
            if quoted {
                (start, end) = (start + 1, end - 1);
                if end <= start {
                    continue;
                }
            }
            if column.views.is_empty() {
                let guess = data.len() / (starts[width * rows] as usize / rows).max(1);
                column.views.reserve(guess + guess / 16 + ROWS);
                column.views.resize(before + rows, 0);
            }
            filled += 1;
            valid[row / 8] |= 1 << (row % 8);
            column.views[before + row] = if quoted && escapes && data[start..end].contains(&QUOTE) {
                unescaped(&mut column.data, &data[start..end], shape.longest)?
            } else {
                view(&mut column.data, data, start, end, shape.longest)?
            };
        }
        column.valid.extend_from_slice(&valid[..rows.div_ceil(8)]);
        column.filled += filled;
    }
    Some(())
}

/// A value as a view, with its bytes in `kept` where they are too many for the view; None where it is too long.
#[inline(always)]
fn view(kept: &mut Vec<u8>, data: &[u8], start: usize, end: usize, longest: usize) -> Option<u128> {
    let length = end - start;
    if length > longest {
        return None;
    }
    if length > INLINE {
        let place = kept.len();
        // Most are short: to copy a known number of bytes is faster than to copy as many as there are.
        match data[start..].first_chunk::<48>() {
            Some(bytes) if length <= 48 => kept.extend_from_slice(bytes),
            _ => kept.extend_from_slice(&data[start..end]),
        }
        kept.truncate(place + length);
        let head = u32::from_le_bytes(*data[start..].first_chunk::<4>()?);
        return Some(length as u128 | (head as u128) << 32 | (place as u128) << 96); // the middle: buffer 0
    }
    let bytes = match data.get(start.wrapping_sub(4)..).and_then(|rest| rest.first_chunk::<16>()) {
        Some(bytes) => u128::from_le_bytes(*bytes) & INSIDE[length],
        None => data[start..end].iter().rev().fold(0, |bytes, byte| bytes << 8 | *byte as u128) << 32,
    };
    Some(bytes | length as u128)
}

/// The same of a value with doubled quotes.
#[cold]
fn unescaped(kept: &mut Vec<u8>, raw: &[u8], longest: usize) -> Option<u128> {
    let mut value = Vec::with_capacity(raw.len());
    let mut after = false;
    for byte in raw {
        after = *byte == QUOTE && !after;
        if !after {
            value.push(*byte);
        }
    }
    view(kept, &value, 0, value.len(), longest)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn scan_avx2(data: &[u8], shape: &Shape) -> Option<Table> {
    scan::<Avx2>(data, shape)
}

pub fn scan_any(data: &[u8], shape: &Shape, portable: bool) -> Option<Table> {
    #[cfg(target_arch = "x86_64")]
    if !portable && has_avx2() {
        // SAFETY: the processor has what the function asks for.
        return unsafe { scan_avx2(data, shape) };
    }
    scan::<Portable>(data, shape)
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

/// Scan a chunk. Returns 1 and fills `plain`, `array` and `schema` (Arrow's C data interface: a struct of `width` string
/// view columns, and behind them the hashes), or 0 and fills nothing.
///
/// # Safety
/// `data` has `size` bytes; `plain`, `array` and `schema` can be written.
#[no_mangle]
pub unsafe extern "C" fn tocsin_scan_1(
    data: *const u8,
    size: usize,
    separator: u8,
    width: usize,
    longest: usize,
    portable: u8,
    plain: *mut u8,
    array: *mut arrow::Array,
    schema: *mut arrow::Schema,
) -> i32 {
    let data = if size == 0 { &[] } else { from_raw_parts(data, size) };
    let shape = Shape { separator, width, longest };
    guarded(|| match scan_any(data, &shape, portable != 0) {
        Some(table) => {
            plain.write(table.plain as u8);
            schema.write(arrow::schema(width));
            array.write(arrow::array(table));
            true
        }
        None => false,
    })
}

/// The addresses of a stream of texts: high and low half, and 1 into `read` for those that are some. Returns 1, or 0
/// where it is no such stream, or has more than `size` values.
///
/// # Safety
/// `stream` is a live one; `high`, `low` and `read` have `size` places, at least one.
#[no_mangle]
pub unsafe extern "C" fn tocsin_addresses_1(
    stream: *mut arrow::Stream,
    size: usize,
    high: *mut u64,
    low: *mut u64,
    read: *mut u8,
) -> i32 {
    let (high, low, read) =
        (from_raw_parts_mut(high, size), from_raw_parts_mut(low, size), from_raw_parts_mut(read, size));
    guarded(|| {
        arrow::each(stream, |before, texts| {
            for row in 0..texts.length as usize {
                if let Some(address) = texts.text(row).and_then(addresses::read) {
                    let place = before + row;
                    (high[place], low[place], read[place]) = ((address >> 64) as u64, address as u64, 1);
                }
            }
        })
    })
}

/// Whether it did what it should: a failed check of bounds is a no.
fn guarded(act: impl FnOnce() -> bool) -> i32 {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).unwrap_or(false) as i32
}
