//! Return addresses of the calling thread, and where this program's code lies, so that an address can be looked up in the
//! program's file. Allocates nothing.

use core::ffi::{c_int, c_void};
use core::ops::Range;
use core::ptr;

use nix::libc;

/// Where the code of this program is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// What has been added to the addresses in the file.
    bias: u64,
    start: u64,
    end: u64,
}

impl Code {
    /// Looks; `None` if the loader does not tell.
    pub(crate) fn of_this_program() -> Option<Self> {
        let mut found: Option<Self> = None;
        // SAFETY: the callback has the type that is asked for, and its argument is `found`, which lives and is not used otherwise
        // during the call (dl_iterate_phdr(3)).
        unsafe { libc::dl_iterate_phdr(Some(on_object), (&raw mut found).cast()) };
        found
    }

    /// The address in the program's file, as `addr2line` wants it; `None` if it lies in another file, or in none.
    pub(crate) fn in_file(&self, address: u64) -> Option<u64> {
        let is_inside = (self.start..self.end).contains(&address);
        is_inside.then(|| address.wrapping_sub(self.bias))
    }

    /// With the addresses of one segment of the file more.
    fn with(self, segment: &Range<u64>) -> Self {
        Self {
            start: self.start.min(segment.start),
            end: self.end.max(segment.end),
            ..self
        }
    }
}

/// The first object is the program itself: that one is looked at, and no other.
extern "C" fn on_object(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    found: *mut c_void,
) -> c_int {
    const STOP: c_int = 1;
    // SAFETY: `dl_iterate_phdr` hands over a valid `info` for the length of the call.
    let info = unsafe { &*info };
    #[allow(clippy::useless_conversion, reason = "it has the width of an address")]
    let bias = u64::from(info.dlpi_addr);
    if info.dlpi_phdr.is_null() {
        return STOP;
    }
    // SAFETY: `dlpi_phdr` points to `dlpi_phnum` headers, which stay as long as the object is loaded.
    let headers = unsafe { core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let code = headers
        .iter()
        .filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0)
        .map(|header| {
            let start = bias.wrapping_add(header.p_vaddr);
            start..start.wrapping_add(header.p_memsz)
        })
        .fold(None::<Code>, |code, segment| {
            let code = code.unwrap_or(Code {
                bias,
                start: segment.start,
                end: segment.end,
            });
            Some(code.with(&segment))
        });
    // SAFETY: `of_this_program` handed over a pointer to its own `Option<Code>`, which nobody uses during the call.
    unsafe { found.cast::<Option<Code>>().write(code) };
    STOP
}

/// What the unwinder knows of a frame.
#[repr(C)]
struct Frame {
    _opaque: [u8; 0],
}

// The standard library links an unwinder for its own backtraces, also where panics abort; these two are of the "Itanium C++ ABI:
// Exception Handling", level I, and an extension that libgcc and LLVM's unwinder both have.
unsafe extern "C" {
    fn _Unwind_Backtrace(
        on_frame: extern "C" fn(*mut Frame, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIPInfo(frame: *mut Frame, is_exact: *mut c_int) -> usize;
}

/// What [`capture`] has gathered.
struct Capture<'a> {
    code: &'a Code,
    addresses: &'a mut [u64],
    depth: usize,
}

/// Fills `addresses` with those of the callers that lie in `code`, as the program's file has them, the nearest first; and returns
/// how many these are. Each is that of a call, and not of what follows it, so that `addr2line` names the call's line.
#[inline(never)]
pub(crate) fn capture(code: &Code, addresses: &mut [u64]) -> usize {
    let mut capture = Capture {
        code,
        addresses,
        depth: 0,
    };
    // SAFETY: the callback has the type that is asked for, and its argument is `capture`, which lives and is not used otherwise
    // during the call. The unwinder reads frames of this thread only and takes no lock that a panicking thread may hold: the
    // standard library calls it at the same place, in its own hook.
    unsafe { _Unwind_Backtrace(on_frame, (&raw mut capture).cast()) };
    capture.depth
}

extern "C" fn on_frame(frame: *mut Frame, capture: *mut c_void) -> c_int {
    const GO_ON: c_int = 0;
    const STOP: c_int = 5;
    // SAFETY: `capture` handed over a pointer to its own `Capture`, which nobody else uses during the call.
    let capture = unsafe { &mut *capture.cast::<Capture<'_>>() };
    let mut is_exact = 0;
    // SAFETY: `frame` is what the unwinder has just handed over, and `is_exact` is valid and writable.
    let address = unsafe { _Unwind_GetIPInfo(frame, ptr::from_mut(&mut is_exact)) } as u64;
    // A return address is that of the instruction behind the call.
    let address = address.saturating_sub(u64::from(is_exact == 0));
    let Some(place) = capture.addresses.get_mut(capture.depth) else {
        return STOP;
    };
    if let Some(address) = capture.code.in_file(address) {
        *place = address;
        capture.depth += 1;
    }
    GO_ON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_program_is_found_in_its_file() {
        let code = Code::of_this_program().expect("the loader tells");
        let here = capture as *const () as u64;
        let in_file = code.in_file(here).expect("it is of this program");
        assert_eq!(in_file, here - code.bias);
        let on_the_stack = (&raw const code) as u64;
        assert_eq!(code.in_file(on_the_stack), None);
        assert_eq!(code.in_file(0), None);
    }

    #[test]
    fn the_callers_are_captured_up_to_the_room_that_there_is() {
        let code = Code::of_this_program().expect("the loader tells");
        let mut all = [0; 32];
        let depth = capture(&code, &mut all);
        assert!(depth > 2, "{depth}");
        assert!(all[..depth].iter().all(|&address| address != 0));
        let mut two = [0; 2];
        assert_eq!(capture(&code, &mut two), 2);
        assert_eq!(capture(&code, &mut []), 0);
    }
}
