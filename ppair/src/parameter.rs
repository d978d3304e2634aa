//! What `main` may take. Each parameter type has two halves: what is prepared in the watch dog before the first fork, and
//! what the worker makes of it.

use core::any::TypeId;

use crate::state::checkpoint::Checkpoint;
use crate::state::hard_state::HardState;
use crate::state::segment::RegionSpec;
use crate::state::stored::Stored;
use crate::worker::Worker;

/// What a worker's `main` may take: [`Checkpoint<T>`], [`Worker`], and `&S`, where `S` is what `setup` returned.
///
/// `S` is [`NoSetup`](crate::NoSetup) if there is no `setup`. The trait is sealed: other types cannot implement it.
#[diagnostic::on_unimplemented(
    message = "a worker's `main` cannot take `{Self}`",
    label = "not a parameter of a worker's `main`",
    note = "it may take `Checkpoint<T>`, `Worker`, and `&S`, where `S` is what `setup` returned",
    note = "a hard state `T` is `#[derive(Clone, Copy, Default, HardState)]` and `#[repr(C)]`; with a large array, it has `#[hard(zeroed)]` in \
            place of `Default`"
)]
pub trait Parameter<S: 'static>: Sized + 'static + sealed::Sealed {
    /// In the watch dog, before the first fork: reserves what the parameter needs, and returns the worker's half.
    #[doc(hidden)]
    fn prepare(preparation: &mut Preparation<S>) -> Enter<Self>;
}

mod sealed {
    pub trait Sealed {}
    impl<T: crate::HardState> Sealed for crate::Checkpoint<T> {}
    impl Sealed for crate::Worker {}
    impl<S: 'static> Sealed for &'static S {}
}

/// The worker's half of a parameter.
pub(crate) type Enter<P> = Box<dyn FnOnce(&Worker) -> P>;

/// What is collected before the first fork.
#[doc(hidden)]
#[derive(Debug)]
pub struct Preparation<S: 'static> {
    pub(crate) setup: &'static S,
    pub(crate) regions: Vec<(TypeId, RegionSpec)>,
    /// The checkpoints that an earlier pair has stored.
    pub(crate) restored: Vec<Stored>,
    /// The name of a type that was asked for twice.
    pub(crate) duplicate: Option<&'static str>,
}

impl<S: 'static, T: HardState + Default + Send> Parameter<S> for Checkpoint<T> {
    fn prepare(preparation: &mut Preparation<S>) -> Enter<Self> {
        let layout = &const { T::LAYOUT };
        let number = preparation.regions.len();
        if preparation
            .regions
            .iter()
            .any(|(id, _)| *id == TypeId::of::<T>())
        {
            preparation.duplicate = Some(layout.name());
        }
        let spec = RegionSpec::of::<T>();
        preparation.regions.push((TypeId::of::<T>(), spec));
        Box::new(move |worker| {
            let recovered = worker
                .take_recovered(number)
                .expect("each prepared parameter is entered once");
            let checkpoint =
                Checkpoint::new(worker.segment(), number, worker.identity(), &recovered);
            worker.put_down(checkpoint.clone());
            crate::registry::add(checkpoint.clone());
            checkpoint
        })
    }
}

#[diagnostic::do_not_recommend]
impl<S: 'static> Parameter<S> for Worker {
    fn prepare(_: &mut Preparation<S>) -> Enter<Self> {
        Box::new(Worker::clone)
    }
}

#[diagnostic::do_not_recommend]
impl<S: 'static> Parameter<S> for &'static S {
    fn prepare(preparation: &mut Preparation<S>) -> Enter<Self> {
        let setup = preparation.setup;
        Box::new(move |_| setup)
    }
}
