//! Damaged reports through the pass, with and without AVX2: both say the same, and read nothing that is not theirs.
//! `scripts/build-scan --fuzz` builds it so that a wrong access ends it.

#[allow(dead_code)]
#[path = "scan.rs"]
mod scan;

use std::time::{Duration, Instant};

const PIECES: [&[u8]; 18] = [
    b"a", b"192.0.2.1", b" ", b"\"", b"\"\"", b",", b",", b"\n", b"\n", b"\r\n", b"\r", b"\x00", b"\xe9", b"\xc3\xa9", b"\"x\",", b"\\",
    b"2001:db8::7", b"a value that is longer than the twelve bytes of a view and than those that are copied at once",
];

struct Dice(u64);

impl Dice {
    /// A number below `most` (xorshift64*).
    fn throw(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % most
    }

    fn piece(&mut self) -> &'static [u8] {
        PIECES[self.throw(PIECES.len())]
    }
}

/// A report of some columns, some hundred records at most, with as much damage as the dice want.
fn report(dice: &mut Dice, width: usize) -> Vec<u8> {
    let (mut data, most, end) = (Vec::new(), 1 << dice.throw(11), [&b"\n"[..], b"\r\n"][dice.throw(2)]);
    for _ in 0..dice.throw(most) {
        for field in 0..width {
            let quoted = dice.throw(2) == 0;
            data.extend_from_slice(if field > 0 { b"," } else { b"" });
            data.extend_from_slice(if quoted { b"\"" } else { b"" });
            match dice.throw(8) {
                0 if quoted => data.extend_from_slice(b"say \"\"no\"\", and\nthen"),
                1..=4 => data.extend_from_slice(&PIECES[17][..dice.throw(PIECES[17].len())]),
                _ => (),
            }
            data.extend_from_slice(if quoted { b"\"" } else { b"" });
        }
        data.extend_from_slice(end);
    }
    for _ in 0..[0, 0, 0, 1, 2, 9][dice.throw(6)] {
        let (at, piece) = (dice.throw(data.len() + 1), dice.piece());
        let until = (at + dice.throw(3)).min(data.len());
        data.splice(at..until, piece.iter().copied());
    }
    if dice.throw(3) == 0 {
        data.truncate(dice.throw(data.len() + 1));
    }
    data
}

fn main() {
    let words: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let (seconds, seed) = (words.first().copied().unwrap_or(10), words.get(1).copied().unwrap_or(1));
    let (mut dice, started, mut tries, mut taken) = (Dice(seed.max(1)), Instant::now(), 0u64, 0u64);
    while started.elapsed() < Duration::from_secs(seconds) {
        let width = 1 + dice.throw(6);
        let made = if dice.throw(3) == 0 {
            (0..dice.throw(300)).flat_map(|_| dice.piece()).copied().collect()
        } else {
            report(&mut dice, width)
        };
        let data = made.into_boxed_slice(); // not a byte more than there is
        let shape = scan::Shape { separator: b",;"[dice.throw(20) / 19], width, longest: [9, 60, 1 << 20][dice.throw(3)] };
        let [fast, portable] = [false, true].map(|portable| scan::scan_any(&data, &shape, portable));
        assert_eq!(fast, portable, "seed {seed}, try {tries}");
        for field in data.split(|byte| *byte == b',') {
            scan::addresses::read(field);
        }
        if let Some(table) = fast {
            taken += 1;
            scan::arrow::let_go(scan::arrow::array(table), scan::arrow::schema(width));
        }
        tries += 1;
    }
    println!("{tries} reports, {taken} of them taken");
}
