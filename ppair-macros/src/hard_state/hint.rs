//! Which words to refuse a field with, should the compiler refuse it.
//!
//! This goes by how the type is written and decides nothing: all these functions accept the same types.

use syn::Type;

/// The function of `ppair::Layout` that measures a field of this type.
pub(super) fn probe(ty: &Type) -> &'static str {
    match ty {
        Type::Group(group) => probe(&group.elem),
        Type::Paren(paren) => probe(&paren.elem),
        Type::Array(array) => probe(&array.elem),
        Type::Reference(_) | Type::Ptr(_) => "field_address",
        Type::FnPtr(_) => "field_function",
        Type::Tuple(tuple) if !tuple.elems.is_empty() => "field_tuple",
        Type::Path(path) => path
            .path
            .segments
            .last()
            .map_or("field", |last| of_name(&last.ident.to_string())),
        _ => "field",
    }
}

fn of_name(name: &str) -> &'static str {
    match name {
        "String" | "PathBuf" | "OsString" | "CString" => "field_text",
        "Vec" | "VecDeque" | "LinkedList" | "BinaryHeap" | "HashMap" | "HashSet" | "BTreeMap"
        | "BTreeSet" => "field_elements",
        "Box" | "Rc" | "Arc" => "field_owned",
        "NonNull" => "field_address",
        "Option" => "field_optional",
        "Duration" => "field_elapsed",
        "Instant" => "field_monotonic",
        "SystemTime" => "field_wall_clock",
        "Cell" | "RefCell" | "UnsafeCell" | "OnceCell" | "OnceLock" => "field_mutable",
        "Mutex" | "RwLock" => "field_lock",
        "MaybeUninit" => "field_uninitialized",
        _ if name.starts_with("Atomic") => "field_mutable",
        _ => "field",
    }
}
