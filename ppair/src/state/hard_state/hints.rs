//! What a refused field is told, by the way its type is written.
//!
//! `#[derive(HardState)]` calls one of these functions for each field. They differ in their words only: each condition
//! holds for all hard states and for nothing else, so a type of the user's own that is called `String` is measured
//! like any other.
//!
//! rustc words a refusal after the condition that the call states, if that one and the one that fails behind it are
//! about the same type. It also quotes the condition: hence no macro writes these functions, and they are alone in
//! their file.

use super::super::layout::{Field, Layout};
use super::HardState;

#[doc(hidden)]
#[allow(missing_docs, clippy::must_use_candidate)]
impl Layout {
    pub const fn field<S, T: AnyField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_text<S, T: TextField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_elements<S, T: ElementsField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_owned<S, T: OwnedField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_address<S, T: AddressField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_function<S, T: FunctionField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_optional<S, T: OptionalField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_elapsed<S, T: ElapsedField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_monotonic<S, T: MonotonicField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_wall_clock<S, T: WallClockField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_tuple<S, T: TupleField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_mutable<S, T: MutableField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_lock<S, T: LockField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }

    pub const fn field_uninitialized<S, T: UninitializedField>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        Self::measure(read, name, offset)
    }
}

/// A hard state that is written like no type that is known here.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "the bytes of `{Self}` are not known to survive a crash",
    note = "a hard state is integers, floats, `bool`, `char`, arrays of them, and types that derive `HardState`",
    note = "a struct of yours becomes one by `#[derive(Clone, Copy, HardState)]` and `#[repr(C)]`, an enum by `#[repr(u8)]`"
)]
pub trait AnyField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> AnyField for T {}

/// A hard state that is written like a text on the heap.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "its text is on the heap of one worker, and is gone with it",
    note = "use a `ppair::Text<N>`, which holds a text of at most N bytes"
)]
pub trait TextField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> TextField for T {}

/// A hard state that is written like a collection on the heap.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "its elements are on the heap of one worker, and are gone with it",
    note = "use a `ppair::Vector<T, N>`, which holds at most N elements, or an array `[T; N]`"
)]
pub trait ElementsField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> ElementsField for T {}

/// A hard state that is written like a value on the heap.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "its value is on the heap of one worker, and is gone with it",
    note = "keep the value itself in place of a pointer to it"
)]
pub trait OwnedField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> OwnedField for T {}

/// A hard state that is written like a reference or a pointer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "it holds an address in the memory of one worker",
    note = "keep the value itself, or an index that says which one it is"
)]
pub trait AddressField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> AddressField for T {}

/// A hard state that is written like a pointer to a function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "it holds the address of code, which another build of the program has elsewhere",
    note = "keep a number that says which function to call"
)]
pub trait FunctionField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> FunctionField for T {}

/// A hard state that is written like an option.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "where it keeps its `None` is up to each build of the compiler",
    note = "use a `ppair::Maybe<T>`; of options, only those of `NonZero` fit"
)]
pub trait OptionalField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> OptionalField for T {}

/// A hard state that is written like a duration.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "the layout of `Duration` is not documented",
    note = "use a `ppair::Elapsed`, which converts from and to `Duration`"
)]
pub trait ElapsedField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> ElapsedField for T {}

/// A hard state that is written like an instant.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "the zero of this clock is unknown and changes when the system starts again",
    note = "use a `ppair::Timestamp`, which is the time of the wall clock"
)]
pub trait MonotonicField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> MonotonicField for T {}

/// A hard state that is written like a time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "the layout of `SystemTime` is not documented",
    note = "use a `ppair::Timestamp`, which is the time of the wall clock"
)]
pub trait WallClockField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> WallClockField for T {}

/// A hard state that is written like a tuple.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "the order of a tuple's fields is up to each build of the compiler",
    note = "use a struct with `#[derive(Clone, Copy, HardState)]` and `#[repr(C)]`"
)]
pub trait TupleField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> TupleField for T {}

/// A hard state that is written like a cell or an atomic.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "it changes in place, so no commit would know of the change",
    note = "use the plain type and change it with `Checkpoint::update`"
)]
pub trait MutableField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> MutableField for T {}

/// A hard state that is written like a lock.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "a worker that dies with the lock held would leave it locked for ever",
    note = "use the plain type: `Checkpoint::update` takes its turn among the threads of a worker"
)]
pub trait LockField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> LockField for T {}

/// A hard state that is written like bytes without a value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "its bytes may be uninitialized, and then there is nothing to store",
    note = "use the plain type with a value such as 0 for what is not there yet"
)]
pub trait UninitializedField: HardState {}

#[diagnostic::do_not_recommend]
impl<T: HardState> UninitializedField for T {}
