//! Files in a temporary directory.

mod full_disk;

use std::{fs, sync::atomic::Ordering::Relaxed};

use p2p_world::SystemWorld;
use redb::{ReadableTableMetadata as _, TableDefinition};
use tempfile::TempDir;

use super::*;
use crate::Change;
use full_disk::FullDisk;

const NAMES: TableDefinition<'_, u64, &str> = TableDefinition::new("names");
const LENGTHS: TableDefinition<'_, u64, u64> = TableDefinition::new("lengths");

/// Version 1 has names only.
const FIRST: Layout = Layout {
    what: "the list of names",
    version: 1,
    create: |transaction| {
        transaction.open_table(NAMES)?;
        Ok(())
    },
    upgrades: &[],
    on_damage: OnDamage::MoveAside,
};

/// Version 2 also has the length of each name.
const SECOND: Layout = Layout {
    version: 2,
    create: |transaction| {
        transaction.open_table(NAMES)?;
        transaction.open_table(LENGTHS)?;
        Ok(())
    },
    upgrades: &[|transaction| {
        let names = transaction.open_table(NAMES)?;
        let mut lengths = transaction.open_table(LENGTHS)?;
        for entry in names.iter()? {
            let (id, name) = entry?;
            lengths.insert(id.value(), name.value().len() as u64)?;
        }
        Ok(())
    }],
    ..FIRST
};

/// A layout that is never moved aside.
const fn kept(layout: Layout) -> Layout {
    Layout { on_damage: OnDamage::Refuse, ..layout }
}

struct Place {
    dir: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("names");
        Self { dir, path }
    }

    fn open(&self, layout: &Layout) -> Result<Opened, StoreError> {
        Store::open(SystemWorld::shared(), &self.path, layout)
    }

    fn files(&self) -> usize {
        fs::read_dir(self.dir.path()).unwrap().count()
    }
}

fn put(store: &Store, id: u64, name: &str) {
    store
        .write(|transaction| {
            transaction.open_table(NAMES)?.insert(id, name)?;
            Ok(())
        })
        .unwrap();
}

fn get(store: &Store, id: u64) -> Option<String> {
    let read = |transaction: &ReadTransaction| {
        let names = transaction.open_table(NAMES)?;
        Ok(names.get(id)?.map(|name| name.value().to_owned()))
    };
    store.read(read).unwrap()
}

#[test]
fn a_file_that_was_not_completed_is_made_again() {
    let place = Place::new();
    // As if the power had failed while the file was made.
    fs::write(place.dir.path().join("names.new"), [0xa5; 10_000]).unwrap();
    let opened = place.open(&kept(FIRST)).unwrap();
    assert!(opened.moved_aside.is_none());
    assert_eq!(place.files(), 1, "nothing else is left");
}

/// The power may fail before the name of a new file is on the disk.
#[test]
fn a_complete_file_that_has_lost_its_name_is_kept() {
    let place = Place::new();
    put(&place.open(&FIRST).unwrap().store, 1, "one");
    fs::rename(&place.path, place.dir.path().join("names.new")).unwrap();
    let opened = place.open(&kept(FIRST)).unwrap();
    assert_eq!(get(&opened.store, 1).as_deref(), Some("one"));
    assert_eq!(place.files(), 1, "nothing else is left");
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let place = Place::new();
    put(&place.open(&FIRST).unwrap().store, 1, "one");
    let opened = place.open(&FIRST).unwrap();
    assert_eq!(get(&opened.store, 1).as_deref(), Some("one"));
    assert!(opened.moved_aside.is_none() && opened.store.path() == place.path);
}

#[test]
fn a_write_that_fails_changes_nothing() {
    let place = Place::new();
    let store = place.open(&FIRST).unwrap().store;
    let failed = store.write(|transaction| {
        transaction.open_table(NAMES)?.insert(1, "one")?;
        Err::<(), _>(redb::Error::Io(io::ErrorKind::StorageFull.into()))
    });
    assert!(matches!(failed, Err(StoreError::Failed { .. })), "{failed:?}");
    assert_eq!(get(&store, 1), None);
    put(&store, 1, "uno");
    assert_eq!(get(&store, 1).as_deref(), Some("uno"));
}

#[test]
fn an_older_file_is_upgraded_once() {
    let place = Place::new();
    put(&place.open(&FIRST).unwrap().store, 1, "three");
    for _ in 0..2 {
        let store = place.open(&SECOND).unwrap().store;
        let length = store.read(|transaction| {
            Ok(transaction.open_table(LENGTHS)?.get(1)?.map(|length| length.value()))
        });
        assert_eq!(length.unwrap(), Some(5));
        // An upgrade that ran again would add the length of this name.
        put(&store, 2, "two");
        let lengths = store.read(|transaction| Ok(transaction.open_table(LENGTHS)?.len()?));
        assert_eq!(lengths.unwrap(), 1);
    }
}

#[test]
fn an_upgrade_that_fails_leaves_the_old_file() {
    const BROKEN: Layout = Layout {
        upgrades: &[|transaction| {
            transaction.delete_table(NAMES)?;
            Err(redb::Error::Io(io::ErrorKind::StorageFull.into()))
        }],
        ..SECOND
    };
    let place = Place::new();
    put(&place.open(&FIRST).unwrap().store, 1, "one");
    assert!(matches!(place.open(&BROKEN), Err(StoreError::Failed { .. })));
    assert_eq!(get(&place.open(&FIRST).unwrap().store, 1).as_deref(), Some("one"));
    assert_eq!(place.files(), 1);
}

#[test]
fn a_file_of_a_newer_version_is_moved_aside_or_refused() {
    let place = Place::new();
    put(&place.open(&SECOND).unwrap().store, 1, "one");
    let refused = place.open(&kept(FIRST)).unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 2, known: 1, .. }), "{refused:?}");
    assert_eq!(get(&place.open(&SECOND).unwrap().store, 1).as_deref(), Some("one"), "unchanged");

    let opened = place.open(&FIRST).unwrap();
    assert_eq!(get(&opened.store, 1), None);
    let aside = opened.moved_aside.unwrap();
    assert!(matches!(aside.error, StoreError::Newer { found: 2, .. }), "{:?}", aside.error);
    fs::rename(aside.path, place.path.with_file_name("again")).unwrap();
    let again = Store::open(SystemWorld::shared(), &place.path.with_file_name("again"), &SECOND);
    assert_eq!(get(&again.unwrap().store, 1).as_deref(), Some("one"), "nothing was lost");
}

#[test]
fn a_damaged_file_is_moved_aside_or_refused() {
    let place = Place::new();
    let garbage = vec![0xa5; 10_000];
    for number in 1..=2 {
        fs::write(&place.path, &garbage).unwrap();
        let refused = place.open(&kept(FIRST)).unwrap_err();
        assert!(matches!(refused, StoreError::Damaged { .. }), "{refused:?}");
        assert_eq!(fs::read(&place.path).unwrap(), garbage, "unchanged");

        let opened = place.open(&FIRST).unwrap();
        let aside = opened.moved_aside.unwrap();
        assert_eq!(aside.path, place.dir.path().join(format!("names.damaged-{number}")));
        assert_eq!(fs::read(&aside.path).unwrap(), garbage);
        assert_eq!(get(&opened.store, 1), None);
    }
}

/// An error of a read that means damage, such as a row that cannot be decoded.
fn find_damage(store: &Store) {
    let damaged = store.read(|_| Err::<(), _>(redb::Error::Corrupted("row 7".into())));
    assert!(matches!(damaged, Err(StoreError::Damaged { .. })), "{damaged:?}");
}

#[test]
fn a_file_in_which_damage_was_found_is_moved_aside_when_it_is_opened_again() {
    let place = Place::new();
    let store = place.open(&FIRST).unwrap().store;
    put(&store, 1, "one");
    let damage = store.damage().clone();
    assert_eq!(damage.found(), None);
    find_damage(&store);
    assert!(damage.found().unwrap().contains("row 7"), "{damage:?}");
    assert_eq!(get(&store, 1).as_deref(), Some("one"), "what is not damaged can be read");
    let second = place.open(&FIRST).unwrap_err();
    assert!(matches!(second, StoreError::InUse { .. }), "it is not taken away: {second:?}");
    drop(store);

    let opened = place.open(&FIRST).unwrap();
    let aside = opened.moved_aside.unwrap();
    assert!(format!("{:?}", aside.error).contains("row 7"), "{:?}", aside.error);
    assert_eq!(get(&opened.store, 1), None);
    assert_eq!(opened.store.damage().found(), None);
    let said = fs::read_to_string(place.dir.path().join("names.damaged-1.txt")).unwrap();
    assert!(said.contains("row 7"), "{said}");
    drop(opened.store);
    assert!(place.open(&FIRST).unwrap().moved_aside.is_none(), "once");
    assert_eq!(place.files(), 3);
}

#[test]
fn a_file_in_which_damage_was_found_is_refused_until_it_is_replaced() {
    let place = Place::new();
    let store = place.open(&kept(FIRST)).unwrap().store;
    put(&store, 1, "one");
    find_damage(&store);
    drop(store);
    let mark = place.dir.path().join("names.damaged");
    for _ in 0..2 {
        let refused = place.open(&kept(FIRST)).unwrap_err();
        let StoreError::Damaged { source, .. } = &refused else { panic!("{refused:?}") };
        assert!(refused.to_string().contains("restore a backup"), "{refused}");
        let text = source.to_string();
        assert!(text.contains("row 7") && text.contains(mark.to_str().unwrap()), "{text}");
    }
    // As the operator is told to.
    let whole = fs::read(&place.path).unwrap();
    fs::remove_file(&mark).unwrap();
    assert_eq!(get(&place.open(&kept(FIRST)).unwrap().store, 1).as_deref(), Some("one"));

    // A file that was moved away takes the damage along.
    find_damage(&place.open(&kept(FIRST)).unwrap().store);
    fs::remove_file(&place.path).unwrap();
    let store = place.open(&kept(FIRST)).unwrap().store;
    assert_eq!(get(&store, 1), None);
    drop(store);
    fs::write(&place.path, whole).unwrap();
    assert_eq!(get(&place.open(&kept(FIRST)).unwrap().store, 1).as_deref(), Some("one"));
}

#[test]
fn damage_at_which_a_write_panics_is_an_error_and_leaves_a_mark() {
    let place = Place::new();
    let store = place.open(&FIRST).unwrap().store;
    put(&store, 1, "one");
    let damaged = store.write(|transaction| {
        transaction.open_table(NAMES)?.insert(2, "two")?;
        panic!("page 9 makes no sense");
        #[expect(unreachable_code, reason = "the type of the closure")]
        Ok(())
    });
    assert!(matches!(damaged, Err(StoreError::Damaged { .. })), "{damaged:?}");
    assert_eq!(get(&store, 1).as_deref(), Some("one"));
    assert_eq!(get(&store, 2), None, "nothing of it is written");
    put(&store, 3, "three");
    drop(store);
    let aside = place.open(&FIRST).unwrap().moved_aside.unwrap();
    assert!(format!("{:?}", aside.error).contains("page 9"), "{:?}", aside.error);
}

#[test]
fn a_file_in_use_is_refused_and_stays() {
    let place = Place::new();
    let opened = place.open(&FIRST).unwrap();
    let second = place.open(&FIRST).unwrap_err();
    assert!(matches!(second, StoreError::InUse { .. }), "{second:?}");
    assert_eq!(place.files(), 1);
    drop(opened);
    place.open(&FIRST).unwrap();
}

#[test]
fn a_table_of_another_type_is_damage() {
    const OTHER: TableDefinition<'_, &str, &str> = TableDefinition::new("names");
    let place = Place::new();
    let create: Change = |transaction| {
        transaction.open_table(OTHER)?;
        Ok(())
    };
    let other = Layout { create, ..FIRST };
    drop(place.open(&other).unwrap());
    let refused = place.open(&kept(FIRST)).unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused:?}");
}

#[test]
fn a_directory_in_the_place_of_the_file_is_an_error() {
    let place = Place::new();
    fs::create_dir(&place.path).unwrap();
    let refused = place.open(&FIRST).unwrap_err();
    assert!(matches!(refused, StoreError::Failed { .. }), "{refused:?}");
}

#[test]
fn after_an_error_of_the_disk_the_file_is_opened_again() {
    let place = Place::new();
    let (world, full) = FullDisk::shared();
    let store = Store::open(world, &place.path, &FIRST).unwrap().store;
    put(&store, 1, "one");
    full.store(true, Relaxed);
    for _ in 0..2 {
        let failed = store.write(|transaction| {
            transaction.open_table(NAMES)?.insert(2, "two")?;
            Ok(())
        });
        assert!(matches!(failed, Err(StoreError::Failed { .. })), "{failed:?}");
    }
    full.store(false, Relaxed);
    assert_eq!(get(&store, 1).as_deref(), Some("one"));
    assert_eq!(get(&store, 2), None, "what was not acknowledged is not there");
    put(&store, 3, "three");
    assert_eq!(get(&store, 3).as_deref(), Some("three"));
}

#[tokio::test]
async fn work_runs_beside_the_tasks() {
    let place = Place::new();
    let store = place.open(&FIRST).unwrap().store;
    let name = store.run(|store| {
        put(store, 1, "one");
        get(store, 1)
    });
    assert_eq!(name.await.unwrap().as_deref(), Some("one"));
}
