//! Where a verb finds its coordinators: the ones named, or whatever a data directory on this machine says.

use super::data_dir::DataDir;
use super::group::Group;
use super::source::Source;
use anyhow::Context;
use imgcalc_proto::security::Credentials;
use std::path::PathBuf;

/// See the module's description.
#[derive(Debug)]
pub(super) struct At {
    /// The coordinator's directory on this machine.
    pub(super) data_dir: DataDir,
    /// Addresses of a group's coordinators; empty: the data directory knows.
    to: Vec<String>,
    credentials: Option<Credentials>,
}

/// Global flags that say where coordinators are.
#[derive(Debug, clap::Args)]
pub(super) struct AtArgs {
    /// The coordinator's directory: ledger, logs and reports [default: ~/.local/share/imgcalc].
    #[arg(long, global = true, env = "IMGCALC_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Coordinators to ask instead of the data directory on this machine; any of them will do.
    #[arg(
        long,
        global = true,
        env = "IMGCALC_TO",
        value_name = "HOST:PORT,…",
        value_delimiter = ','
    )]
    to: Vec<String>,
    /// Folder with certificate, key and token, as `imgcalc certs` makes them.
    #[arg(long, global = true, env = "IMGCALC_CREDENTIALS", value_name = "DIR")]
    credentials: Option<PathBuf>,
}

impl At {
    pub(super) fn of(arguments: AtArgs) -> anyhow::Result<At> {
        Ok(At {
            data_dir: DataDir::of(arguments.data_dir.as_deref())?,
            to: arguments.to,
            credentials: Credentials::load(arguments.credentials.as_deref())?,
        })
    }

    /// What this party shows others.
    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The flag that makes another command look here too.
    pub(super) fn flag(&self) -> String {
        match self.to.as_slice() {
            [] => format!("--data-dir {}", self.data_dir.0.display()),
            to => format!("--to {}", to.join(",")),
        }
    }

    /// Where to look.
    pub(super) async fn source(&self) -> anyhow::Result<Source> {
        match self.named()? {
            Some(group) => Ok(Source::Running(Box::new(group))),
            None => Source::of(&self.data_dir, self.credentials()).await,
        }
    }

    /// The group: named, or the one whose coordinator runs in the data directory.
    pub(super) async fn group(&self) -> anyhow::Result<Group> {
        if let Some(group) = self.named()? {
            return Ok(group);
        }
        let holder = self.data_dir.holder()?;
        let address = holder.and_then(|holder| holder.address).with_context(|| {
            format!(
                "no coordinator runs in {}; name some with --to host:port,…",
                self.data_dir.0.display()
            )
        })?;
        Group::new(vec![address], self.credentials.clone())
    }

    fn named(&self) -> anyhow::Result<Option<Group>> {
        if self.to.is_empty() {
            return Ok(None);
        }
        Group::new(self.to.clone(), self.credentials.clone()).map(Some)
    }
}
