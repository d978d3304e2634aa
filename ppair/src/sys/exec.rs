//! Starting this program afresh in this process.

use core::ffi::c_char;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;

use nix::libc;

use super::Errno;

/// Everything that [`Image::exec`] needs, made while allocating is allowed.
#[derive(Debug)]
pub(crate) struct Image {
    argument_pointers: Vec<*const c_char>,
    environment_pointers: Vec<*const c_char>,
    /// What the pointers lead to; the texts stay where they are when this is moved.
    _texts: [Vec<CString>; 2],
}

impl Image {
    /// This program with its own arguments and environment, and one more variable, `name`.
    pub(crate) fn of_this_program(name: &str, value: &str) -> Self {
        let arguments: Vec<_> = std::env::args_os()
            .filter_map(|argument| to_c(argument.into_vec()))
            .collect();
        let own = std::env::vars_os().filter(|(key, _)| key != name);
        let added = (OsString::from(name), OsString::from(value));
        let environment: Vec<_> = own
            .chain([added])
            .filter_map(|(key, value)| {
                let mut entry = key.into_vec();
                entry.push(b'=');
                entry.extend(value.into_vec());
                to_c(entry)
            })
            .collect();
        Self {
            argument_pointers: pointers(&arguments),
            environment_pointers: pointers(&environment),
            _texts: [arguments, environment],
        }
    }

    /// `execve`. Returns only if it failed. Allocates nothing.
    pub(crate) fn exec(&self) -> Errno {
        // This link leads to the file that is running, also if another one has been put in its place since.
        let program = c"/proc/self/exe".as_ptr();
        let (arguments, environment) = (&self.argument_pointers, &self.environment_pointers);
        // SAFETY: a string, and two arrays that end with a null and whose other pointers lead to strings; `self` keeps all
        // of them alive.
        unsafe { libc::execve(program, arguments.as_ptr(), environment.as_ptr()) };
        Errno::last()
    }
}

/// The array that `execve` takes.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings
        .iter()
        .map(|string| string.as_ptr())
        .chain([core::ptr::null()])
        .collect()
}

/// A string that came from the kernel has no zero byte inside; one that has is left out.
fn to_c(bytes: Vec<u8>) -> Option<CString> {
    CString::new(bytes).ok()
}
