//! stub
pub(crate) mod errors;
use super::{Store, StoreError};
use crate::state::stored::Stored;
use std::path::PathBuf;
#[derive(Clone, Copy, Debug)]
pub(crate) enum Durability {
    Disk,
    Memory,
}
pub(crate) struct FileStore {
    path: PathBuf,
}
impl FileStore {
    pub(crate) fn new(path: PathBuf, _: Durability) -> Self {
        Self { path }
    }
}
impl Store for FileStore {
    fn name(&self) -> String {
        format!("file:{}", self.path.display())
    }
    fn load(&mut self) -> Result<Vec<Stored>, StoreError> {
        let bytes = match std::fs::read(&self.path) {
            Ok(b) => b,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(e) => return Err(StoreError::failed(e)),
        };
        let mut rest = &bytes[..];
        let mut v = vec![];
        while let Some((l, b)) = rest.split_first_chunk::<8>() {
            let l = u64::from_le_bytes(*l) as usize;
            v.push(Stored::from_bytes(&b[..l]).map_err(StoreError::unusable)?);
            rest = &b[l..];
        }
        Ok(v)
    }
    fn save(&mut self, newest: &[Stored]) -> Result<(), StoreError> {
        let mut v = vec![];
        for s in newest {
            let b = s.to_bytes();
            v.extend((b.len() as u64).to_le_bytes());
            v.extend(b);
        }
        let t = self.path.with_extension("new");
        std::fs::write(&t, v)
            .and_then(|()| std::fs::File::open(&t)?.sync_all())
            .and_then(|()| std::fs::rename(&t, &self.path))
            .map_err(StoreError::failed)
    }
    fn set_aside(&mut self, stored: &Stored) -> Result<(), StoreError> {
        std::fs::write(self.path.with_extension("aside"), stored.to_bytes())
            .map_err(StoreError::failed)
    }
}
