//! From a URL to a store.

use super::limits::Limits;
use super::s3::{self, Setting};
use crate::failure::Failure;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use std::fs::File;
use std::path::Path;
use tokio::runtime::Runtime;
use url::Url;

/// Threads that drive the sockets of one handle; transfers wait for the network, not for them.
const RUNTIME_THREADS: usize = 2;

pub(super) struct Opened {
    pub url: String,
    pub store: Box<dyn ObjectStore>,
    pub unsynced: Option<Box<dyn ObjectStore>>,
    pub runtime: Option<Runtime>,
}

pub(super) fn open(text: &str, settings: &[Setting], limits: &Limits) -> Result<Opened, Failure> {
    let shown = without_secret(text);
    let cannot = |why: String| Failure::storage(format!("the base {shown} cannot be opened: {why}"));
    let form = "write file:///folder or s3://place/prefix";
    let url = Url::parse(text).map_err(|error| cannot(format!("{error}; {form}")))?;
    match url.scheme() {
        "s3" if shown != text => Err(cannot(
            "credentials and options do not belong into its URL: put them into AWS_* environment variables"
                .into(),
        )),
        // `file:x` would silently mean /x.
        "file" if text.starts_with("file:///") => {
            let store = folder(&url).map_err(cannot)?;
            Ok(Opened {
                url: text.trim_end_matches('/').to_string(),
                unsynced: Some(Box::new(store.clone())),
                // What is committed must survive a power cut: files and their folders are synced before a put returns.
                store: Box::new(store.with_fsync(true)),
                runtime: None,
            })
        }
        "file" => Err(cannot(
            "a folder is written with three slashes: file:///folder".into(),
        )),
        "memory" => Ok(Opened {
            url: "memory://".into(),
            store: Box::new(InMemory::new()),
            unsynced: None,
            runtime: None,
        }),
        "s3" => {
            let store = s3::store(&url, settings, limits).map_err(cannot)?;
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(RUNTIME_THREADS)
                .thread_name("base")
                .enable_all()
                .build()
                .map_err(|error| cannot(error.to_string()))?;
            Ok(Opened {
                url: text.trim_end_matches('/').to_string(),
                store,
                unsynced: None,
                runtime: Some(runtime),
            })
        }
        other => Err(cannot(format!("{other:?} is no kind of base; {form}"))),
    }
}

fn folder(url: &Url) -> Result<LocalFileSystem, String> {
    let path = url
        .to_file_path()
        .map_err(|()| "it is no folder of this machine".to_string())?;
    create(&path).map_err(|error| error.to_string())?;
    LocalFileSystem::new_with_prefix(&path).map_err(|error| error.to_string())
}

/// Makes a folder that is there after a power cut too: without this, synced objects could lie in a folder that is not.
fn create(folder: &Path) -> std::io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    std::fs::create_dir_all(folder)?;
    for parent in missing.iter().filter_map(|folder| folder.parent()) {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// A URL without user, password, query and fragment, also where it is none.
fn without_secret(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_string();
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}
