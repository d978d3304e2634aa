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

    /// The first `N` gaps, each with its start and length, and how many there are; more than `N` if they are not all there.
    pub(crate) const fn first_gaps<const N: usize>(&self) -> ([(usize, usize); N], usize) {
        let list = List {
            gaps: [(0, 0); N],
            count: 0,
        };
        let List { gaps, count } = list.of(self, 0);
        (gaps, count)
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

/// Gaps that are collected while a program is compiled.
struct List<const N: usize> {
    gaps: [(usize, usize); N],
    count: usize,
}

impl<const N: usize> List<N> {
    /// With the bytes from `start` to `end`.
    const fn push(mut self, start: usize, end: usize) -> Self {
        if start < end {
            if self.count < N {
                self.gaps[self.count] = (start, end - start);
            }
            self.count += 1;
        }
        self
    }

    /// With the gaps of `layout`, whose bytes start at `base`. Stops when there are more than `N`.
    const fn of(mut self, layout: &Layout, base: usize) -> Self {
        if !layout.is_padded() {
            return self;
        }
        let (head, offset, count, element) = match layout.kind {
            Kind::Struct { fields } => {
                let mut end = 0;
                let mut at = 0;
                while at < fields.len() && self.count <= N {
                    let Field { offset, layout, .. } = &fields[at];
                    at += 1;
                    if layout.size > 0 {
                        self = self
                            .push(base + end, base + *offset)
                            .of(layout, base + *offset);
                        end = *offset + layout.size;
                    }
                }
                return self.push(base + end, base + layout.size);
            }
            Kind::Array { len, element } => (0, 0, len, element),
            _ => match layout.body() {
                Some(Body {
                    head,
                    offset,
                    count,
                    element,
                }) => (head, offset, count, element),
                None => return self,
            },
        };
        self = self.push(base + head, base + offset);
        let mut at = 0;
        while at < count && element.is_padded() && self.count <= N {
            self = self.of(element, base + offset + at * element.size);
            at += 1;
        }
        self.push(base + offset + count * element.size, base + layout.size)
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
