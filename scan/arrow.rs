//! A table given away by Arrow's C data interface (<https://arrow.apache.org/docs/format/CDataInterface.html>).

use crate::{Column, Table};
use std::ffi::{c_char, c_void, CString};
use std::ptr::null_mut;

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
