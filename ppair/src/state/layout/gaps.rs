//! The bytes of a value that belong to no field: they may be uninitialised and are never read.

use core::ops::Range;

use super::body::Body;
use super::{Field, Kind, Layout};

impl Layout {
    /// Whether there is padding anywhere in it. Without padding, nothing needs to be zeroed.
    #[must_use]
    pub const fn is_padded(&self) -> bool {
        match self.kind {
            Kind::Array { len, element } => len > 0 && element.is_padded(),
            Kind::Struct { fields } => {
                // What the fields do not fill is padding, as fields do not overlap.
                let mut filled = 0;
                let mut at = 0;
                while at < fields.len() {
                    if fields[at].layout.is_padded() {
                        return true;
                    }
                    filled += fields[at].layout.size;
                    at += 1;
                }
                filled < self.size
            }
            _ => match self.body() {
                Some(Body {
                    head,
                    count,
                    element,
                    ..
                }) => head + count * element.size < self.size || count > 0 && element.is_padded(),
                None => false,
            },
        }
    }

    /// Calls `visit` with each range of padding, from the first byte to the last; ranges never overlap.
    pub fn gaps(&self, visit: &mut dyn FnMut(Range<usize>)) {
        if self.is_padded() {
            self.gaps_from(0, visit);
        }
    }

    /// Overwrites the padding in `bytes`, which hold one value of this layout, with zeros.
    ///
    /// Padding behind the end of `bytes` is left out.
    pub fn zero_gaps(&self, bytes: &mut [u8]) {
        self.gaps(&mut |gap| {
            let end = gap.end.min(bytes.len());
            if let Some(gap) = bytes.get_mut(gap.start..end) {
                gap.fill(0);
            }
        });
    }

    fn gaps_from(&self, base: usize, visit: &mut dyn FnMut(Range<usize>)) {
        match self.kind {
            Kind::Array { len, element } => gaps_of_elements(element, len, base, visit),
            Kind::Struct { fields } => {
                let mut end = 0;
                for Field { offset, layout, .. } in
                    fields.iter().filter(|field| field.layout.size > 0)
                {
                    if end < *offset {
                        visit(base + end..base + offset);
                    }
                    layout.gaps_from(base + offset, visit);
                    end = offset + layout.size;
                }
                if end < self.size {
                    visit(base + end..base + self.size);
                }
            }
            _ => {
                if let Some(Body {
                    head,
                    offset,
                    count,
                    element,
                }) = self.body()
                {
                    let end = offset + count * element.size;
                    if head < offset {
                        visit(base + head..base + offset);
                    }
                    gaps_of_elements(element, count, base + offset, visit);
                    if end < self.size {
                        visit(base + end..base + self.size);
                    }
                }
            }
        }
    }
}

fn gaps_of_elements(
    element: &Layout,
    count: usize,
    base: usize,
    visit: &mut dyn FnMut(Range<usize>),
) {
    if element.is_padded() {
        for index in 0..count {
            element.gaps_from(base + index * element.size, visit);
        }
    }
}
