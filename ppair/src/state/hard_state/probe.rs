//! Where `#[derive(HardState)]` asks the compiler for what it cannot read off the tokens.

use core::mem::size_of;

use super::super::bytes::{stage, value_of};
use super::super::checkpoint::with_stack_for;
use super::super::layout::{Default, Field, Layout, Predecessor, Variant};
use super::{HardState, MigrateFrom};

#[doc(hidden)]
impl Layout {
    /// The field that `read` reads: `T` is inferred, so it is the real one whatever the derive was shown.
    pub(super) const fn measure<S, T: HardState>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        _ = read;
        Field::new(name, offset, T::LAYOUT)
    }

    /// What writes `value()` as the field that `read` reads.
    pub fn write_default<S, T: HardState>(read: fn(S) -> T, value: fn() -> T, bytes: &mut [u8]) {
        _ = read;
        with_stack_for(size_of::<T>(), || stage(&value(), bytes));
    }

    /// A function that writes the value of a field for which nothing is stored.
    #[must_use]
    pub const fn default(write: fn(&mut [u8])) -> Default {
        Default(write)
    }

    /// The variant `name`, whose value is `value` and whose discriminant is `number`. By reference, so that the lack of `Copy`
    /// is said once.
    ///
    /// # Safety
    ///
    /// Every byte of an `E` is initialised. In a `const` that is not so, it is a compile error.
    ///
    /// # Panics
    ///
    /// If the bytes of `value` are not those of the integer `number`: in a `const`, that is a compile error.
    #[must_use]
    #[track_caller]
    pub const unsafe fn variant<E>(name: &'static str, value: &E, number: i128) -> Variant {
        // SAFETY: the caller's promise is the same.
        if !unsafe { is_stored_as(value, number) } {
            panic!(
                "this enum is not stored as the number of its variant: its `repr` says otherwise than the derive was \
                 shown, so another macro must have changed it"
            );
        }
        Variant::new(name, number)
    }

    /// What came before `New`.
    #[must_use]
    pub const fn predecessor_of<New: MigrateFrom<Old>, Old: HardState>() -> Predecessor {
        Predecessor {
            layout: const { &Old::LAYOUT },
            migrate: |old, new| {
                let room = size_of::<Old>().max(size_of::<New>());
                with_stack_for(room, || {
                    let old = value_of(old).expect("whoever migrates has found these bytes valid");
                    stage(&New::migrate_from(old), new);
                });
            },
        }
    }
}

/// Whether the bytes of `value` are those of `number`, as an integer of the same size.
///
/// # Safety
///
/// Every byte of an `E` is initialised.
const unsafe fn is_stored_as<E>(value: &E, number: i128) -> bool {
    let number = number.to_ne_bytes();
    let size = size_of::<E>();
    if size == 0 || size > size_of::<u64>() {
        return false;
    }
    let first = if cfg!(target_endian = "big") {
        number.len() - size
    } else {
        0
    };
    let bytes = core::ptr::from_ref(value).cast::<u8>();
    let mut at = 0;
    while at < size {
        // SAFETY: `at` is below the size of the object that `bytes` leads to.
        let byte = unsafe { bytes.add(at) };
        // SAFETY: as above, and it is initialised, as the caller promises.
        let byte = unsafe { byte.read() };
        if byte != number[first + at] {
            return false;
        }
        at += 1;
    }
    true
}
