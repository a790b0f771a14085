//! A table given away by Arrow's C data interface (<https://arrow.apache.org/docs/format/CDataInterface.html>).

use super::{Column, Table, INLINE};
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
    pub length: i64,
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

/// Release both as a consumer does.
pub fn let_go(mut array: Array, mut schema: Schema) {
    // SAFETY: both are ours and whole, and are not used again.
    unsafe {
        release_array(&mut array);
        release_schema(&mut schema);
    }
}

#[repr(C)]
pub struct Stream {
    get_schema: Option<unsafe extern "C" fn(*mut Stream, *mut Schema) -> i32>,
    get_next: Option<unsafe extern "C" fn(*mut Stream, *mut Array) -> i32>,
    get_last_error: Option<unsafe extern "C" fn(*mut Stream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut Stream)>,
    private: *mut c_void,
}

impl Array {
    /// Where a value lies in the buffers; None where it is null.
    unsafe fn place(&self, row: usize) -> Option<usize> {
        let (at, valid) = (self.offset as usize + row, (*self.buffers).cast::<u8>());
        (valid.is_null() || *valid.add(at / 8) >> (at % 8) & 1 == 1).then_some(at)
    }

    /// A value of an array of string views.
    ///
    /// # Safety
    /// It is one, keeps Arrow's format, and has such a row.
    pub unsafe fn text(&self, row: usize) -> Option<&[u8]> {
        let at = self.place(row)?;
        let buffers = from_raw_parts(self.buffers, self.buffers_count as usize);
        let view = &*buffers[1].cast::<[u32; 4]>().add(at);
        let length = view[0] as usize;
        if length <= INLINE {
            return Some(from_raw_parts(view[1..].as_ptr().cast(), length));
        }
        let (last, buffer, start) = (buffers.len() - 1, 2 + view[2] as usize, view[3] as usize);
        let sizes = from_raw_parts(buffers[last].cast::<i64>(), last - 2);
        from_raw_parts(buffers[buffer].cast::<u8>(), sizes[buffer - 2] as usize).get(start..start + length)
    }
}

/// Call `take` with each array of a stream of string views, and how many values came before it; false where it is no
/// such stream, or fails.
///
/// # Safety
/// The stream is a live one, and keeps Arrow's format.
pub unsafe fn each(stream: *mut Stream, mut take: impl FnMut(usize, &Array)) -> bool {
    let (Some(get_schema), Some(get_next)) = ((*stream).get_schema, (*stream).get_next) else { return false };
    let mut schema = MaybeUninit::<Schema>::zeroed().assume_init();
    if get_schema(stream, &mut schema) != 0 {
        return false;
    }
    let fits = CStr::from_ptr(schema.format) == c"vu";
    if let Some(release) = schema.release {
        release(&mut schema);
    }
    let mut before = 0;
    while fits {
        let mut array = MaybeUninit::<Array>::zeroed().assume_init();
        if get_next(stream, &mut array) != 0 {
            return false;
        }
        let Some(release) = array.release else { return true };
        take(before, &array);
        before += array.length as usize;
        release(&mut array);
    }
    false
}
