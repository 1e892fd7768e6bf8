//! Objects and ranges that are too large for one request move in pieces; a reader sees a whole object or none.

use super::known::Identity;
use super::limits::Limits;
use crate::data::account::Meter;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, Result};
use std::ops::Range;

/// A whole object; of one that has not the expected length only that which it has.
pub(super) async fn read(
    store: &dyn ObjectStore,
    path: &Path,
    expected: Option<u64>,
    limits: &Limits,
    meter: &Meter,
) -> Result<std::result::Result<Bytes, u64>> {
    meter.request();
    let got = store.get(path).await?;
    let size = got.meta.size;
    if expected.is_some_and(|expected| expected != size) {
        return Ok(Err(size));
    }
    if size <= limits.request_bytes_max {
        return moved(got, meter).await.map(Ok);
    }
    // Given up before its body flows; the pieces come over connections of their own.
    let tag = got.meta.e_tag.clone();
    drop(got);
    read_pieces(store, path, 0..size, tag, limits, meter)
        .await
        .map(Ok)
}

/// The bytes of a range as far as the object has them; a tag makes the store refuse those of any other content.
pub(super) async fn read_range(
    store: &dyn ObjectStore,
    path: &Path,
    range: Range<u64>,
    tag: Option<String>,
    limits: &Limits,
    meter: &Meter,
) -> Result<Bytes> {
    if range.end - range.start <= limits.request_bytes_max {
        return read_one(store, path, range, tag, meter).await;
    }
    if tag.is_some() {
        return read_pieces(store, path, range, tag, limits, meter).await;
    }
    meter.request();
    let meta = store.head(path).await?;
    let there = range.start.min(meta.size)..range.end.min(meta.size);
    read_pieces(store, path, there, meta.e_tag, limits, meter).await
}

/// The last bytes of an object, all if it is shorter, in one request; and what the object is.
pub(super) async fn read_end(
    store: &dyn ObjectStore,
    path: &Path,
    bytes: u64,
    meter: &Meter,
) -> Result<(Bytes, Identity)> {
    let options = GetOptions {
        range: Some(GetRange::Suffix(bytes)),
        ..GetOptions::default()
    };
    meter.request();
    let got = store.get_opts(path, options).await?;
    let identity = Identity {
        length: got.meta.size,
        tag: got.meta.e_tag.clone(),
    };
    Ok((moved(got, meter).await?, identity))
}

/// Writes an object that is large in pieces, which become visible together. What was sent is taken back after a
/// failure.
pub(super) async fn write(store: &dyn ObjectStore, path: &Path, bytes: Bytes, limits: &Limits) -> Result<()> {
    if bytes.len() as u64 <= limits.request_bytes_max {
        store.put(path, bytes.into()).await?;
        return Ok(());
    }
    let mut upload = store.put_multipart(path).await?;
    let pieces: Vec<_> = pieces(0..bytes.len() as u64, limits)
        .map(|piece| upload.put_part(bytes.slice(piece.start as usize..piece.end as usize).into()))
        .collect();
    let sent: Result<()> = stream::iter(pieces)
        .buffer_unordered(limits.pieces_at_once)
        .try_collect()
        .await;
    let done = match sent {
        Ok(()) => upload.complete().await.map(|_| ()),
        Err(error) => Err(error),
    };
    if done.is_err() {
        // In vain where only the answer to the completion was lost, and where the store is gone; then a rule of the
        // store's own must sweep up.
        let aborted = tokio::time::timeout(limits.request_max, upload.abort()).await;
        if !matches!(aborted, Ok(Ok(()))) {
            tracing::info!(key = path.as_ref(), "pieces of an upload may stay in the base");
        }
    }
    done
}

/// Pieces of one and the same object: the tag makes the store refuse those of a newer one.
async fn read_pieces(
    store: &dyn ObjectStore,
    path: &Path,
    range: Range<u64>,
    tag: Option<String>,
    limits: &Limits,
    meter: &Meter,
) -> Result<Bytes> {
    let read = |piece: Range<u64>| read_one(store, path, piece, tag.clone(), meter);
    let pieces: Vec<Bytes> = stream::iter(pieces(range, limits).map(read))
        .buffered(limits.pieces_at_once)
        .try_collect()
        .await?;
    let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
    Ok(whole.freeze())
}

async fn read_one(
    store: &dyn ObjectStore,
    path: &Path,
    range: Range<u64>,
    tag: Option<String>,
    meter: &Meter,
) -> Result<Bytes> {
    let options = GetOptions {
        range: Some(GetRange::Bounded(range)),
        if_match: tag,
        ..GetOptions::default()
    };
    meter.request();
    moved(store.get_opts(path, options).await?, meter).await
}

async fn moved(got: GetResult, meter: &Meter) -> Result<Bytes> {
    let bytes = got.bytes().await?;
    meter.moved(bytes.len());
    Ok(bytes)
}

fn pieces(range: Range<u64>, limits: &Limits) -> impl Iterator<Item = Range<u64>> + use<> {
    let (end, step) = (range.end, limits.piece_bytes);
    (range.start..end)
        .step_by(step as usize)
        .map(move |start| start..(start + step).min(end))
}
