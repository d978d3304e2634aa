//! Databases, and what befalls them.

use postgres::{Client, NoTls};
use ppair_tests::postgres::Server;
use ppair_tests::{Scratch, SmallDisk};
use rusqlite::Connection;

/// What keeps a database from storing anything for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    Stopped,
    Killed,
    /// Another program has locked it.
    Locked,
    /// Its disk is full.
    Full,
}

/// One that a pair uses.
pub(crate) trait Database {
    /// As `PPAIR_STORE` names it.
    fn store(&self) -> String;

    /// The pair has begun.
    fn is_in_use(&mut self) {}

    fn troubles(&self) -> Vec<Trouble>;

    fn begin(&mut self, trouble: Trouble);

    fn end(&mut self, trouble: Trouble);

    /// The generation of the only hard state that is in it, as another program sees it.
    fn generation(&mut self) -> i64;
}

pub(crate) struct Sqlite {
    /// Where it lies, if that can be filled. Before the folder that it is in.
    disk: Option<SmallDisk>,
    folder: Scratch,
    /// Another program's.
    other: Option<Connection>,
}

impl Sqlite {
    pub(crate) fn on_disk() -> Self {
        Self {
            disk: None,
            folder: Scratch::new(),
            other: None,
        }
    }

    /// On a disk that can be filled; `None` where there can be none.
    pub(crate) fn on_small_disk(test: &str) -> Option<Self> {
        let folder = Scratch::new();
        let disk = SmallDisk::mount(test, folder.path(), 64)?;
        Some(Self {
            disk: Some(disk),
            folder,
            other: None,
        })
    }

    fn connect(&self) -> Connection {
        Connection::open(self.folder.join("state")).expect("an SQLite database")
    }
}

impl Database for Sqlite {
    fn store(&self) -> String {
        format!("sqlite:{}", self.folder.join("state").display())
    }

    fn troubles(&self) -> Vec<Trouble> {
        match self.disk {
            None => vec![Trouble::Locked],
            Some(_) => vec![Trouble::Full],
        }
    }

    fn begin(&mut self, trouble: Trouble) {
        let other = self.connect();
        let patience = std::time::Duration::from_secs(30);
        other.busy_timeout(patience).expect("it is open");
        match trouble {
            Trouble::Locked => other.execute_batch("BEGIN EXCLUSIVE").expect("a lock"),
            Trouble::Full => {
                // What somebody reads cannot be written over: the log must grow.
                other
                    .execute_batch("BEGIN; SELECT count(*) FROM ppair_checkpoint")
                    .expect("it can be read");
                self.disk.as_ref().expect("a small disk").fill();
            }
            other => panic!("{other:?} is nothing that a file can be"),
        }
        self.other = Some(other);
    }

    fn end(&mut self, trouble: Trouble) {
        if matches!(trouble, Trouble::Full) {
            self.disk.as_ref().expect("a small disk").make_room();
        }
        self.other = None;
    }

    fn generation(&mut self) -> i64 {
        let query = "SELECT generation FROM ppair_checkpoint";
        let generation = self.connect().query_row(query, [], |row| row.get(0));
        generation.expect("one row")
    }
}

pub(crate) struct Postgres {
    /// Before the server, whose folder it is in.
    disk: Option<SmallDisk>,
    server: Server,
    other: Option<Client>,
}

impl Postgres {
    /// `None` where there is no server.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let server = Server::start()?;
        let disk = SmallDisk::mount(test, &server.room("small"), 64);
        Some(Self {
            disk,
            server,
            other: None,
        })
    }

    fn connect(&self) -> Client {
        Client::connect(&self.server.url(), NoTls).expect("it runs")
    }
}

impl Database for Postgres {
    fn store(&self) -> String {
        self.server.url()
    }

    fn is_in_use(&mut self) {
        if self.disk.is_none() {
            return;
        }
        let place = format!("{}/small", self.server.host());
        let mut client = self.connect();
        for statement in [
            &format!("CREATE TABLESPACE small LOCATION '{place}'"),
            "ALTER TABLE ppair_checkpoint SET TABLESPACE small",
            // Nobody is to make room in it.
            "ALTER TABLE ppair_checkpoint SET (autovacuum_enabled = off, toast.autovacuum_enabled = off)",
        ] {
            client.batch_execute(statement).expect(statement);
        }
    }

    fn troubles(&self) -> Vec<Trouble> {
        let mut troubles = vec![Trouble::Stopped, Trouble::Locked];
        troubles.extend(self.disk.as_ref().map(|_| Trouble::Full));
        troubles.push(Trouble::Killed);
        troubles
    }

    fn begin(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Stopped => self.server.stop(),
            Trouble::Killed => self.server.kill(),
            Trouble::Locked => {
                let mut other = self.connect();
                let lock = "BEGIN; LOCK TABLE ppair_checkpoint IN ACCESS EXCLUSIVE MODE";
                other.batch_execute(lock).expect("a lock");
                self.other = Some(other);
            }
            Trouble::Full => self.disk.as_ref().expect("a small disk").fill(),
        }
    }

    fn end(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Stopped | Trouble::Killed => self.server.start_again(),
            Trouble::Locked => self.other = None,
            Trouble::Full => self.disk.as_ref().expect("a small disk").make_room(),
        }
    }

    fn generation(&mut self) -> i64 {
        let query = "SELECT generation FROM ppair_checkpoint";
        let row = self.connect().query_one(query, &[]).expect("one row");
        row.get(0)
    }
}
