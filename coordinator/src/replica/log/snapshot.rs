//! A snapshot file. Drawn in [`super`].

use super::bytes::{checksum, put_u32, put_u64, u64_at};
use super::disk::{Disk, DiskFile};
use super::error::{Fault, damaged};
use super::segment::{check_sealed, seal};
use super::{LogError, Snapshot, VERSION};

const MAGIC: [u8; 8] = *b"imgcsnap";
const HEAD_BYTES: usize = 80;

/// Which snapshot a log starts after: what its file must hold. All zero if it starts after none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SnapshotName {
    /// The segment that named it first, which gives the file its name.
    pub number: u64,
    pub index: u64,
    pub term: u64,
    /// The checksum of its head, which covers those of the rest.
    pub sum: u64,
}

/// The name of a snapshot's file.
pub(super) fn file_name(number: u64) -> String {
    format!("snapshot-{number:020}")
}

/// Writes a snapshot durably; it counts once a segment names it.
pub(super) fn write<D: Disk>(disk: &D, number: u64, snapshot: &Snapshot) -> Result<SnapshotName, LogError> {
    let mut head = vec![0; HEAD_BYTES];
    head[..8].copy_from_slice(&MAGIC);
    put_u32(&mut head, 8, VERSION);
    let numbers = [
        number,
        snapshot.index,
        snapshot.term,
        snapshot.members.len() as u64,
        snapshot.data.len() as u64,
        checksum(&snapshot.members),
        checksum(&snapshot.data),
    ];
    for (number, at) in numbers.into_iter().zip((16..).step_by(8)) {
        put_u64(&mut head, at, number);
    }
    seal(&mut head);
    let name = file_name(number);
    let new = format!("{name}.new");
    let parts = [&head, &snapshot.members, &snapshot.data];
    let write = || {
        let mut file = disk.create(&new, 0)?;
        let mut at = 0;
        for part in parts {
            file.write_at(at, part)?;
            at += part.len() as u64;
        }
        file.sync()?;
        disk.rename(&new, &name)?;
        // Before any segment may name it.
        disk.sync()
    };
    write().map_err(|error| LogError::of(disk.path(&name), error))?;
    Ok(SnapshotName {
        number,
        index: snapshot.index,
        term: snapshot.term,
        sum: u64_at(&head, HEAD_BYTES - 8),
    })
}

/// Reads the bytes of a snapshot's file, which must be the one named.
pub(super) fn read(mut file: Vec<u8>, name: &SnapshotName) -> Result<Snapshot, Fault> {
    let Some((head, body)) = file.split_first_chunk::<HEAD_BYTES>() else {
        return damaged(format!("it is cut short at byte {}", file.len()));
    };
    check_sealed(head, MAGIC)?;
    let number = |at: usize| u64_at(head, 16 + 8 * at);
    if u64_at(head, HEAD_BYTES - 8) != name.sum || (number(1), number(2)) != (name.index, name.term) {
        return damaged("it is not the snapshot the log starts after");
    }
    let (members_bytes, data_bytes) = (number(3), number(4));
    if members_bytes.checked_add(data_bytes) != Some(body.len() as u64) {
        return damaged(format!(
            "it has {} bytes after its head instead of {members_bytes} and {data_bytes}",
            body.len()
        ));
    }
    let (members, data) = body.split_at(members_bytes as usize);
    for (part, sum, what) in [(members, number(5), "members"), (data, number(6), "data")] {
        if checksum(part) != sum {
            return damaged(format!("its {what} do not match their checksum"));
        }
    }
    let members = members.to_vec();
    file.drain(..HEAD_BYTES + members.len());
    Ok(Snapshot {
        index: name.index,
        term: name.term,
        members,
        data: file,
    })
}
