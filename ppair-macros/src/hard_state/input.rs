//! The item below the derive, as far as the derive looks at it.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Generics, Ident, Index, Member, Token, Type};

use super::attr::{self, PartArgs, TypeArgs};
use super::repr::Repr;
use crate::diag::Diag;

pub(super) struct Input {
    pub(super) ident: Ident,
    pub(super) generics: Generics,
    pub(super) shape: Shape,
    pub(super) repr: Repr,
    /// Whether any part of it carries `#[deprecated]`, of which the expansion makes use all the same.
    pub(super) is_deprecated: bool,
    pub(super) args: TypeArgs,
}

pub(super) enum Shape {
    Struct(Vec<Field>),
    Enum { variants: Vec<Variant> },
    Union(Token![union]),
}

pub(super) struct Field {
    pub(super) attrs: Vec<Attribute>,
    pub(super) member: Member,
    pub(super) ty: Type,
    /// What `attrs` say, once they are read.
    pub(super) args: PartArgs,
}

pub(super) struct Variant {
    pub(super) attrs: Vec<Attribute>,
    pub(super) ident: Ident,
    /// The fields, or the brackets that have none.
    pub(super) fields: Option<TokenStream>,
    /// What `attrs` say, once they are read.
    pub(super) args: PartArgs,
}

impl Input {
    pub(super) fn from_syn(item: DeriveInput, diag: &mut Diag) -> Self {
        let args = attr::parse_type(&item.attrs, diag);
        let repr = Repr::from_attrs(&item.attrs);
        let is_deprecated = match &item.data {
            Data::Struct(data) => data.fields.iter().any(|field| has_deprecated(&field.attrs)),
            Data::Enum(data) => data
                .variants
                .iter()
                .any(|variant| has_deprecated(&variant.attrs)),
            Data::Union(_) => false,
        } || has_deprecated(&item.attrs);
        let shape = match item.data {
            Data::Struct(data) => Shape::Struct(
                data.fields
                    .into_iter()
                    .enumerate()
                    .map(|(position, field)| Field::from_syn(position, field))
                    .collect(),
            ),
            Data::Enum(data) => Shape::Enum {
                variants: data
                    .variants
                    .into_iter()
                    .map(|variant| Variant {
                        attrs: variant.attrs,
                        ident: variant.ident,
                        fields: (!matches!(variant.fields, syn::Fields::Unit))
                            .then(|| variant.fields.to_token_stream()),
                        args: PartArgs::default(),
                    })
                    .collect(),
            },
            Data::Union(data) => Shape::Union(data.union_token),
        };
        Self {
            ident: item.ident,
            generics: item.generics,
            shape,
            repr,
            is_deprecated,
            args,
        }
    }

    pub(super) fn fields(&self) -> &[Field] {
        match &self.shape {
            Shape::Struct(fields) => fields,
            Shape::Enum { .. } | Shape::Union(_) => &[],
        }
    }

    pub(super) fn variants(&self) -> &[Variant] {
        match &self.shape {
            Shape::Enum { variants, .. } => variants,
            Shape::Struct(_) | Shape::Union(_) => &[],
        }
    }

    pub(super) fn is_generic(&self) -> bool {
        !self.generics.params.is_empty()
    }

    pub(super) fn has_lifetimes(&self) -> bool {
        self.generics.lifetimes().next().is_some()
    }

    /// The type of the last field, if its tokens say that it has no size.
    pub(super) fn unsized_tail(&self) -> Option<&Type> {
        let ty = &self.fields().last()?.ty;
        let is_unsized = match ty {
            Type::Slice(_) => true,
            // In edition 2015 `dyn::Name` is a path.
            Type::TraitObject(object) => !is_path_in_edition_2015(object),
            Type::Path(path) => path.qself.is_none() && path.path.is_ident("str"),
            _ => false,
        };
        is_unsized.then_some(ty)
    }

    /// The name as text, without the `r#` of a raw identifier.
    pub(super) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }
}

impl Field {
    fn from_syn(position: usize, field: syn::Field) -> Self {
        let span = field.ty.span();
        let member = match field.ident {
            Some(ident) => Member::Named(ident),
            None => Member::Unnamed(Index {
                index: u32::try_from(position).unwrap_or(u32::MAX),
                span,
            }),
        };
        Self {
            attrs: field.attrs,
            member,
            ty: field.ty,
            args: PartArgs::default(),
        }
    }

    /// The field's name as text; its position in a tuple struct.
    pub(super) fn name(&self) -> String {
        match &self.member {
            Member::Named(ident) => ident.unraw().to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        }
    }

    /// The first and the last place of the type.
    ///
    /// A span over several tokens is one of them only outside nightly, but rustc underlines everything from the first
    /// to the last token of an expression.
    pub(super) fn ends_of_type(&self) -> (Span, Span) {
        let mut tokens = self.ty.to_token_stream().into_iter();
        let first = tokens.next();
        let last = tokens.last().or_else(|| first.clone());
        let place =
            |token: Option<TokenTree>, of_group: fn(&proc_macro2::Group) -> Span| match token {
                Some(TokenTree::Group(group)) => of_group(&group),
                Some(token) => token.span(),
                None => Span::call_site(),
            };
        (
            place(first, proc_macro2::Group::span_open),
            place(last, proc_macro2::Group::span_close),
        )
    }

    /// Whether the type mentions the type parameter in another way than as `PhantomData<..>`.
    pub(super) fn holds(&self, parameter: &Ident) -> bool {
        let is_phantom = match &self.ty {
            Type::Path(path) => path
                .path
                .segments
                .last()
                .is_some_and(|last| last.ident == "PhantomData"),
            _ => false,
        };
        !is_phantom && mentions(self.ty.to_token_stream(), parameter)
    }
}

impl Variant {
    /// The variant's name as text.
    pub(super) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }
}

fn is_path_in_edition_2015(object: &syn::TypeTraitObject) -> bool {
    let is_global = |bound: &syn::TypeParamBound| match bound {
        syn::TypeParamBound::Trait(bound) => bound.path.leading_colon.is_some(),
        _ => false,
    };
    object.dyn_token.is_some() && object.bounds.len() == 1 && object.bounds.iter().all(is_global)
}

fn has_deprecated(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| attr.path().is_ident("deprecated"))
}

fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident.unraw() == name.unraw(),
        TokenTree::Group(group) => mentions(group.stream(), name),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
