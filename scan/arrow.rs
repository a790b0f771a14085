//! A table given away by Arrow's C data interface (<https://arrow.apache.org/docs/format/CDataInterface.html>).

use crate::{Column, Table, INLINE};
use std::ffi::{c_char, c_void, CStr, CString};
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::slice::from_raw_parts;

#[repr(C)]
pub struct Schema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    children_count: i64,
    children: *mut *mut Schema,
    dictionary: *mut Schema,
    release: Option<unsafe extern "C" fn(*mut Schema)>,
    private: *mut c_void,
}

#[repr(C)]
pub struct Array {
    length: i64,
    nulls: i64,
    offset: i64,
    buffers_count: i64,
    children_count: i64,
    buffers: *mut *const c_void,
    children: *mut *mut Array,
    dictionary: *mut Array,
    release: Option<unsafe extern "C" fn(*mut Array)>,
    private: *mut c_void,
}

/// What a schema holds alive.
struct Held {
    _name: CString,
    children: Vec<*mut Schema>,
}

/// What an array holds alive: its buffers, and the list of them.
struct Kept {
    _column: Column,
    _numbers: Vec<u64>,
    _sizes: Vec<i64>,
    buffers: Vec<*const c_void>,
    children: Vec<*mut Array>,
}

fn field(format: &'static std::ffi::CStr, name: String, children: Vec<*mut Schema>) -> Schema {
    let mut held = Box::new(Held { _name: CString::new(name).unwrap_or_default(), children });
    Schema {
        format: format.as_ptr(),
        name: held._name.as_ptr(),
        metadata: std::ptr::null(),
        flags: 2, // may be null
        children_count: held.children.len() as i64,
        children: held.children.as_mut_ptr(),
        dictionary: null_mut(),
        release: Some(release_schema),
        private: Box::into_raw(held).cast(),
    }
}

pub fn schema(width: usize) -> Schema {
    let mut children: Vec<_> =
        (0..width).map(|place| Box::into_raw(Box::new(field(c"vu", place.to_string(), Vec::new())))).collect();
    children.push(Box::into_raw(Box::new(field(c"L", "hash".to_string(), Vec::new()))));
    field(c"+s", String::new(), children)
}

fn node(
    length: usize,
    nulls: usize,
    column: Column,
    numbers: Vec<u64>,
    sizes: Vec<i64>,
    buffers: Vec<*const c_void>,
    children: Vec<*mut Array>,
) -> Array {
    let mut kept = Box::new(Kept { _column: column, _numbers: numbers, _sizes: sizes, buffers, children });
    Array {
        length: length as i64,
        nulls: nulls as i64,
        offset: 0,
        buffers_count: kept.buffers.len() as i64,
        children_count: kept.children.len() as i64,
        buffers: kept.buffers.as_mut_ptr(),
        children: kept.children.as_mut_ptr(),
        dictionary: null_mut(),
        release: Some(release_array),
        private: Box::into_raw(kept).cast(),
    }
}

fn text(mut column: Column, rows: usize) -> Array {
    if column.filled == 0 {
        column.views = vec![0; rows];
    }
    let nulls = rows - column.filled;
    let valid = if nulls == 0 { std::ptr::null() } else { column.valid.as_ptr().cast() };
    let sizes = vec![column.data.len() as i64];
    let buffers =
        vec![valid, column.views.as_ptr().cast(), column.data.as_ptr().cast(), sizes.as_ptr().cast::<c_void>()];
    node(rows, nulls, column, Vec::new(), sizes, buffers, Vec::new())
}

pub fn array(table: Table) -> Array {
    let rows = table.hashes.len();
    let mut children: Vec<_> =
        table.columns.into_iter().map(|column| Box::into_raw(Box::new(text(column, rows)))).collect();
    let buffers = vec![std::ptr::null(), table.hashes.as_ptr().cast::<c_void>()];
    let hashes = node(rows, 0, Column::default(), table.hashes, Vec::new(), buffers, Vec::new());
    children.push(Box::into_raw(Box::new(hashes)));
    node(rows, 0, Column::default(), Vec::new(), Vec::new(), vec![std::ptr::null()], children)
}

unsafe extern "C" fn release_schema(given: *mut Schema) {
    let held = Box::from_raw((*given).private.cast::<Held>());
    for child in &held.children {
        let mut child = Box::from_raw(*child);
        if let Some(release) = child.release {
            release(&mut *child); // one that was moved away has none
        }
    }
    (*given).release = None;
}

unsafe extern "C" fn release_array(given: *mut Array) {
    let kept = Box::from_raw((*given).private.cast::<Kept>());
    for child in &kept.children {
        let mut child = Box::from_raw(*child);
        if let Some(release) = child.release {
            release(&mut *child);
        }
    }
    (*given).release = None;
}

#[repr(C)]
pub struct Stream {
    get_schema: Option<unsafe extern "C" fn(*mut Stream, *mut Schema) -> i32>,
    get_next: Option<unsafe extern "C" fn(*mut Stream, *mut Array) -> i32>,
    get_last_error: Option<unsafe extern "C" fn(*mut Stream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut Stream)>,
    private: *mut c_void,
}

/// Call `use_text` with the place and the bytes of each value of a stream of string views; false where it is none.
///
/// # Safety
/// The stream is a live one, and keeps Arrow's format.
pub unsafe fn each_text(stream: *mut Stream, mut use_text: impl FnMut(usize, &[u8])) -> bool {
    let (Some(get_schema), Some(get_next)) = ((*stream).get_schema, (*stream).get_next) else { return false };
    let mut schema = MaybeUninit::<Schema>::zeroed().assume_init();
    if get_schema(stream, &mut schema) != 0 {
        return false;
    }
    let is_text = CStr::from_ptr(schema.format) == c"vu";
    if let Some(release) = schema.release {
        release(&mut schema);
    }
    let mut before = 0;
    while is_text {
        let mut array = MaybeUninit::<Array>::zeroed().assume_init();
        if get_next(stream, &mut array) != 0 {
            return false;
        }
        let Some(release) = array.release else { return true };
        let (length, offset) = (array.length as usize, array.offset as usize);
        let buffers = from_raw_parts(array.buffers, array.buffers_count as usize);
        let count = buffers.len().saturating_sub(3);
        let sizes = if count > 0 { from_raw_parts(buffers[2 + count].cast::<i64>(), count) } else { &[] };
        for place in 0..length {
            let at = offset + place;
            let valid = buffers[0].cast::<u8>();
            if !valid.is_null() && *valid.add(at / 8) >> (at % 8) & 1 == 0 {
                continue;
            }
            let view = *buffers[1].cast::<[u32; 4]>().add(at);
            let length = view[0] as usize;
            let text = if length <= INLINE {
                from_raw_parts(buffers[1].cast::<u8>().add(16 * at + 4), length)
            } else {
                let (buffer, start) = (view[2] as usize, view[3] as usize);
                let whole = from_raw_parts(buffers[2 + buffer].cast::<u8>(), sizes[buffer] as usize);
                &whole[start..start + length]
            };
            use_text(before + place, text);
        }
        before += length;
        release(&mut array);
    }
    false
}
