// M08: a store by its name, by a constant, by a function, and by a closure.
#![deny(warnings)]

use ppair::{Store, StoreError, Stored};

struct Bucket;

impl Store for Bucket {
    fn name(&self) -> String {
        "a bucket".to_owned()
    }

    fn load(&mut self) -> Result<Vec<Stored>, StoreError> {
        Ok(Vec::new())
    }

    fn save(&mut self, _: &[Stored]) -> Result<(), StoreError> {
        Ok(())
    }

    fn set_aside(&mut self, _: &Stored) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Bucket {
    fn open() -> Box<dyn Store> {
        Box::new(Self)
    }

    fn open_as<T>() -> Box<dyn Store> {
        Self::open()
    }
}

mod places {
    pub const PLACE: &str = "memory";
    pub const PLACES: [&str; 2] = ["file:state", "shm:state"];
}

mod literals {
    #[ppair::main(store = "file:/var/lib/state", store_interval = "0")]
    pub fn main() {}
}

macro_rules! stored_in {
    ($module:ident, $place:expr, $interval:literal) => {
        mod $module {
            #[ppair::main(store = $place, store_interval = $interval)]
            pub fn main() {}
        }
    };
}

stored_in!(shm, "shm:/state", "0");
stored_in!(sqlite, "sqlite:state.db", "1s");
stored_in!(postgres, "postgres://user@host/db", "250ms");
stored_in!(other_postgres, "postgresql:host=/run/postgresql", "0s");
stored_in!(constant, crate::places::PLACES[1], "1s");
stored_in!(function, crate::Bucket::open_as::<u8>, "1s");
stored_in!(closure, || Box::new(crate::Bucket), "1s");
stored_in!(other_literals, concat!("file:", "/var/lib/", "state"), "1s");
stored_in!(r#fn, (crate::Bucket::open), "1s");

#[ppair::main(store = places::PLACE)]
fn main() {
    let _: [fn(); 10] = [
        literals::main,
        shm::main,
        sqlite::main,
        postgres::main,
        other_postgres::main,
        constant::main,
        function::main,
        closure::main,
        other_literals::main,
        r#fn::main,
    ];
}
