//! Types of other crates in a hard state: wrappers for what [`bytemuck`](https://docs.rs/bytemuck) or
//! [`zerocopy`](https://docs.rs/zerocopy) has found to be plain bytes.
//!
//! Of such a type nothing is known but its size and its alignment: neither names nor kinds of its fields. So a change of its
//! fields that keeps the size is not noticed. Give the wrapper another `VERSION` whenever the type changes.

use core::fmt;
use core::ops::{Deref, DerefMut};

use crate::state::{HardState, Kind, Layout};

macro_rules! wrapper {
    ($(#[$doc:meta])* $name:ident: $($bound:path),+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name<T, const VERSION: u32 = 0>(pub T);

        // SAFETY: to the points of `HardState`:
        // 1. `repr(transparent)`: size and alignment are those of `T`.
        // 2. `T` has no padding and no uninitialised bytes, by the contract of the traits that it has to implement.
        // 3. Any bytes are a `T`, by the same contracts.
        // 4. They exclude references and interior mutability; `'static` and `Copy` are asked for here, and `Send` and `Sync`,
        //    which pointers are not: bytemuck can be built so that they are `Pod`.
        #[diagnostic::do_not_recommend]
        unsafe impl<T: Copy + Send + Sync + 'static $(+ $bound)+, const VERSION: u32> HardState for $name<T, VERSION> {
            const LAYOUT: Layout =
                Layout::scalar(stringify!($name), size_of::<T>(), align_of::<T>(), Kind::Bytes).versioned(VERSION);
        }

        impl<T, const VERSION: u32> $name<T, VERSION> {
            /// The value.
            #[must_use]
            pub fn into_inner(self) -> T {
                self.0
            }
        }

        impl<T, const VERSION: u32> From<T> for $name<T, VERSION> {
            fn from(value: T) -> Self {
                Self(value)
            }
        }

        impl<T, const VERSION: u32> Deref for $name<T, VERSION> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }

        impl<T, const VERSION: u32> DerefMut for $name<T, VERSION> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.0
            }
        }

        impl<T: fmt::Debug, const VERSION: u32> fmt::Debug for $name<T, VERSION> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

#[cfg(feature = "bytemuck")]
wrapper! {
    /// A type that is `bytemuck::Pod`. With the feature `bytemuck`.
    ///
    /// ```
    /// use ppair::HardState;
    /// use ppair::interop::Pod;
    ///
    /// #[derive(Clone, Copy, Default, HardState)]
    /// #[repr(C)]
    /// struct Body {
    ///     position: Pod<[f32; 3]>,
    ///     // The second version of what is in there.
    ///     matrix: Pod<[[f32; 4]; 4], 2>,
    /// }
    ///
    /// let mut body = Body::default();
    /// body.position[1] = 0.5;
    /// assert_eq!(body.position.0, [0.0, 0.5, 0.0]);
    /// ```
    Pod: bytemuck::Pod
}

#[cfg(feature = "zerocopy")]
wrapper! {
    /// A type that is zerocopy's `FromBytes`, `IntoBytes` and `Immutable`. With the feature `zerocopy`.
    ///
    /// ```
    /// use ppair::HardState;
    /// use ppair::interop::Bytes;
    ///
    /// #[derive(Clone, Copy, HardState)]
    /// #[repr(C)]
    /// struct Header {
    ///     length: Bytes<zerocopy::big_endian::U32>,
    /// }
    ///
    /// let header = Header { length: Bytes(7.into()) };
    /// assert_eq!(header.length.get(), 7);
    /// ```
    Bytes: zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable
}
