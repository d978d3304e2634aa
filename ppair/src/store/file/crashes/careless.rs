//! Ways to save that look right and are not, for the harness to catch.

use std::path::Path;

use crate::state::stored::Stored;
use crate::store::file::disk::Disk;
use crate::store::file::shim::{SECTOR, Shim};
use crate::store::{Store, StoreError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Two slots; the payload, then the head that publishes it, then a sync.
    HeadLast,
    /// The same, and nobody checks the bytes.
    Mixed,
    /// The same with a sync in front of the head.
    SyncBeforeHead,
    /// The slot that was saved last is overwritten.
    InPlace,
}

/// One hard state, in slots of a head of one sector and a payload. The head holds sequence number and length.
pub(super) struct Careless {
    shim: Shim,
    way: Way,
    sequence: u64,
}

const SLOT: u64 = 1 << 13;
/// The words of the state that is saved.
const WORDS: usize = 480;
const PATH: &str = "/folder/store";

impl Careless {
    pub(super) fn new(shim: &Shim, way: Way) -> Self {
        Self {
            shim: shim.clone(),
            way,
            sequence: 0,
        }
    }

    fn slot(&self, sequence: u64) -> u64 {
        if self.way == Way::InPlace {
            0
        } else {
            sequence % 2 * SLOT
        }
    }

    fn try_load(&mut self) -> std::io::Result<Result<Vec<Stored>, StoreError>> {
        let path = Path::new(PATH);
        let Ok(file) = self.shim.open(path) else {
            let file = self.shim.create(path)?;
            self.shim.allocate(&file, 2 * SLOT)?;
            self.shim.sync(&file)?;
            self.shim.sync_folder_of(path)?;
            return Ok(Ok(Vec::new()));
        };
        // Where the making of the file was broken off there is nothing either.
        if self.shim.facts(&file)?.size < 2 * SLOT {
            self.shim.allocate(&file, 2 * SLOT)?;
            return Ok(Ok(Vec::new()));
        }
        let mut newest = (0, 0, 0);
        for slot in [0, SLOT] {
            let mut head = [0; 16];
            self.shim.read_at(&file, slot, &mut head)?;
            let [sequence, length] = [0, 8].map(|at| {
                let mut word = [0; 8];
                word.copy_from_slice(&head[at..at + 8]);
                u64::from_le_bytes(word)
            });
            newest = newest.max((sequence, slot, length));
        }
        let (sequence, slot, length) = newest;
        self.sequence = sequence;
        if sequence == 0 {
            return Ok(Ok(Vec::new()));
        }
        let mut payload = vec![0; usize::try_from(length).expect("it is small")];
        self.shim
            .read_at(&file, slot + SECTOR as u64, &mut payload)?;
        if self.way == Way::Mixed {
            // What is not checked is taken for what it was meant to be.
            let value = payload[payload.len() - 8 * WORDS..].chunks_exact(8);
            let mut words = [0; WORDS];
            for (word, bytes) in words.iter_mut().zip(value) {
                *word = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
            }
            return Ok(Ok(vec![Stored::of(&words, sequence)]));
        }
        Ok(Stored::from_bytes(&payload)
            .map(|stored| vec![stored])
            .map_err(StoreError::unusable))
    }

    fn try_save(&mut self, newest: &[Stored]) -> std::io::Result<()> {
        let file = self.shim.open(Path::new(PATH))?;
        let payload = newest[0].to_bytes();
        let sequence = self.sequence + 1;
        let slot = self.slot(sequence);
        let mut head = sequence.to_le_bytes().to_vec();
        head.extend((payload.len() as u64).to_le_bytes());
        self.shim.write_at(&file, slot + SECTOR as u64, &payload)?;
        if self.way == Way::SyncBeforeHead {
            self.shim.sync(&file)?;
        }
        self.shim.write_at(&file, slot, &head)?;
        self.shim.sync(&file)?;
        self.sequence = sequence;
        Ok(())
    }
}

impl Store for Careless {
    fn name(&self) -> String {
        format!("{:?}", self.way)
    }

    fn load(&mut self) -> Result<Vec<Stored>, StoreError> {
        self.try_load()
            .unwrap_or_else(|error| Err(StoreError::failed(error)))
    }

    fn save(&mut self, newest: &[Stored]) -> Result<(), StoreError> {
        self.try_save(newest).map_err(StoreError::failed)
    }

    fn set_aside(&mut self, _: &Stored) -> Result<(), StoreError> {
        Ok(())
    }
}
