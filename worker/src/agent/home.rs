//! The only base a worker works on, where it is given one.

use crate::data::Base;
use crate::failure::Failure;
use url::Url;

/// A folder of a base in which nothing ever lies: listing it is the cheapest read that every store refuses to strangers.
const EMPTY_FOLDER: &str = "nothing";

/// A base that was there and could be read when the worker started.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// As shown and told to coordinators.
    url: String,
}

impl Home {
    /// Opens and reads it. Blocks.
    pub(super) fn check(url: &str) -> Result<Home, Failure> {
        // Opening makes a folder that is not there; here it means a typing error or a disk that is not mounted.
        let file = Url::parse(url).ok().filter(|url| url.scheme() == "file");
        if let Some(folder) = file.and_then(|url| url.to_file_path().ok()) {
            std::fs::read_dir(folder).map_err(|error| {
                Failure::storage(format!(
                    "the base {url} cannot be read: {error}; is its disk mounted on this machine?"
                ))
            })?;
        }
        let base = Base::open(url)?;
        base.list(EMPTY_FOLDER)?;
        Ok(Home {
            url: trimmed(base.url()).to_string(),
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// That an assignment's data lies elsewhere.
    pub(super) fn refuses(&self, base: &str) -> Option<Failure> {
        (trimmed(base) != self.url).then(|| {
            Failure::storage(format!(
                "this worker works on the base {} only, the task's data lies in {base}",
                self.url
            ))
        })
    }
}

fn trimmed(url: &str) -> &str {
    url.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_that_is_not_there_is_refused_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let missing = format!("file://{}/missing", folder.path().display());
        let refusal = Home::check(&missing).unwrap_err().message;
        assert!(
            refusal.contains(&missing) && refusal.contains("mounted"),
            "{refusal}"
        );
        assert!(!folder.path().join("missing").exists());
        assert!(Home::check("nonsense").unwrap_err().message.contains("nonsense"));
    }

    #[test]
    fn a_task_of_another_base_is_refused_with_both_names() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        let home = Home::check(&format!("{url}/")).unwrap();
        assert_eq!(home.url(), url);
        assert!(home.refuses(&url).is_none() && home.refuses(&format!("{url}/")).is_none());
        let refusal = home.refuses("s3://other/base").unwrap().message;
        assert!(
            refusal.contains(&url) && refusal.contains("s3://other/base"),
            "{refusal}"
        );
    }
}
