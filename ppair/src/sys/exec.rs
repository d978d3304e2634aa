//! Starting this program afresh in this process.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;

use nix::unistd::execve;

use super::Errno;

/// Everything that [`Image::exec`] needs, made while allocating is allowed.
#[derive(Debug)]
pub(crate) struct Image {
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Image {
    /// This program with its own arguments and environment, and one more variable, `name`.
    pub(crate) fn of_this_program(name: &str, value: &str) -> Self {
        let arguments = std::env::args_os()
            .filter_map(|argument| to_c(argument.into_vec()))
            .collect();
        let own = std::env::vars_os().filter(|(key, _)| key != name);
        let added = (OsString::from(name), OsString::from(value));
        let environment = own
            .chain([added])
            .filter_map(|(key, value)| {
                let mut entry = key.into_vec();
                entry.push(b'=');
                entry.extend(value.into_vec());
                to_c(entry)
            })
            .collect();
        Self {
            arguments,
            environment,
        }
    }

    /// `execve`. Returns only if it failed.
    pub(crate) fn exec(&self) -> Errno {
        // This link leads to the file that is running, also if another one has been put in its place since.
        match execve(c"/proc/self/exe", &self.arguments, &self.environment) {
            Ok(never) => match never {},
            Err(errno) => errno,
        }
    }
}

/// A string that came from the kernel has no zero byte inside; one that has is left out.
fn to_c(bytes: Vec<u8>) -> Option<CString> {
    CString::new(bytes).ok()
}
