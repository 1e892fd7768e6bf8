//! `imgcalc certs`: a development CA and the folders of credentials that it signs.

mod authority;
mod files;

use anyhow::{Context, ensure};
use authority::{Authority, CA_DAYS, CERTIFICATE_DAYS};
use files::{make_folder, write_secret};
use imgcalc_proto::security::{Credentials, Role, Token};
use std::path::{Path, PathBuf};

/// Names under which a coordinator is reached that only serves its own machine.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Most folders of one role under generated names.
const FOLDERS_MAX: usize = 10_000;

/// Make a development CA and credentials for coordinators, workers and clients.
///
/// The CA's key lies unencrypted in DIR/ca: good for development and for groups whose DIR stays on one trusted machine.
/// Any other CA serves as well; a certificate needs its role as a URI among the subject's alternative names
/// (imgcalc://role/peer, imgcalc://role/worker or imgcalc://role/client) and, for peers, the names of their hosts.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a development CA in DIR/ca (valid for 10 years) and one folder of credentials of each role.
    New {
        /// Where to; made if it does not exist.
        dir: PathBuf,
        #[command(flatten)]
        hosts: Hosts,
    },
    /// Issue one more folder of credentials from the development CA in DIR/ca.
    Add {
        /// What `imgcalc certs new` made.
        dir: PathBuf,
        /// Who it is for: peer (a coordinator), worker or client.
        #[arg(long)]
        role: Role,
        /// Name of the folder in DIR and of the certificate [default: the role and the next free number].
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        hosts: Hosts,
    },
}

#[derive(Debug, clap::Args)]
struct Hosts {
    /// Names and IP addresses under which the coordinator is reached, with commas between them
    /// [default: localhost,127.0.0.1,::1]; workers and clients need none.
    #[arg(long, value_delimiter = ',', value_parser = authority::host, value_name = "HOST,…")]
    hosts: Vec<String>,
}

impl Hosts {
    fn or_loopback(self) -> Vec<String> {
        match self.hosts.is_empty() {
            true => LOOPBACK.map(String::from).to_vec(),
            false => self.hosts,
        }
    }
}

pub(super) fn run(arguments: Args) -> anyhow::Result<()> {
    match arguments.verb {
        Verb::New { dir, hosts } => new(&dir, &hosts.or_loopback()),
        Verb::Add {
            dir,
            role,
            name,
            hosts,
        } => {
            ensure!(
                role == Role::Peer || hosts.hosts.is_empty(),
                "--hosts is for coordinators (--role peer): nobody connects to a {role}"
            );
            add(&dir, role, name, &hosts.or_loopback())
        }
    }
}

fn new(dir: &Path, hosts: &[String]) -> anyhow::Result<()> {
    // Checked before anything is made; each folder is checked again by its making.
    for name in ["ca", "peer", "worker", "client"] {
        let folder = dir.join(name);
        ensure!(
            !folder.exists(),
            "{} exists already and is not overwritten; take another folder, or issue more with `imgcalc certs add {}`",
            folder.display(),
            dir.display()
        );
    }
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let ca = dir.join("ca");
    make_folder(&ca)?;
    let authority = Authority::new()?;
    write_secret(&ca.join("ca.pem"), authority.certificate_pem().as_bytes())?;
    write_secret(&ca.join("key.pem"), authority.key_pem().as_bytes())?;
    for role in [Role::Worker, Role::Client] {
        write_token(&ca.join(format!("{role}.token")), Token::random().expose())?;
    }
    for role in Role::ALL {
        issue(dir, &authority, role, role.name(), hosts)?;
    }
    eprintln!(
        "made a development CA in {} (its key.pem signs new credentials: keep it to yourself; valid {CA_DAYS} days)",
        ca.display()
    );
    eprintln!("certificates are valid {CERTIFICATE_DAYS} days; issue more with `imgcalc certs add --help`");
    Ok(())
}

fn add(dir: &Path, role: Role, name: Option<String>, hosts: &[String]) -> anyhow::Result<()> {
    let authority = Authority::open(&dir.join("ca"))?;
    let name = match name {
        Some(name) => name,
        None => (2..=FOLDERS_MAX)
            .map(|number| format!("{role}-{number}"))
            .find(|name| !dir.join(name).exists())
            .with_context(|| format!("{} is full; give --name", dir.display()))?,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    ensure!(
        (1..=64).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(['.', '-']),
        "{name:?} cannot be a folder's name here; write 1 to 64 letters, digits, '-', '_' or '.'"
    );
    issue(dir, &authority, role, &name, hosts)
}

/// Makes one folder, ready to be given to `--credentials`.
fn issue(dir: &Path, authority: &Authority, role: Role, name: &str, hosts: &[String]) -> anyhow::Result<()> {
    let folder = dir.join(name);
    let token = |of: Role| {
        let path = dir.join("ca").join(format!("{of}.token"));
        std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the {of}s' token from {}", path.display()))
    };
    let tokens = match role {
        Role::Peer => vec![
            ("worker.token", token(Role::Worker)?),
            ("client.token", token(Role::Client)?),
        ],
        // Of several accepted ones the last: a new token is added at the end.
        Role::Worker | Role::Client => {
            let text = token(role)?;
            let last = text.lines().rfind(|line| !line.trim().is_empty());
            let last = last.with_context(|| format!("{}/ca/{role}.token is empty", dir.display()))?;
            vec![("token", last.to_string())]
        }
    };
    let (certificate, key) = authority.issue(role, name, hosts)?;
    make_folder(&folder)?;
    write_secret(&folder.join("ca.pem"), authority.certificate_pem().as_bytes())?;
    write_secret(&folder.join("cert.pem"), certificate.as_bytes())?;
    write_secret(&folder.join("key.pem"), key.as_bytes())?;
    for (file, text) in &tokens {
        write_token(&folder.join(file), text)?;
    }
    // Nothing is called made that would be refused later.
    Credentials::load(Some(&folder))?;
    super::output::print(&folder.display().to_string());
    let shown = folder.display();
    match role {
        Role::Peer => eprintln!(
            "{shown}: for a coordinator reached as {}: --credentials {shown}",
            hosts.join(", ")
        ),
        Role::Worker => eprintln!("{shown}: for workers: imgcalc-worker --credentials {shown}"),
        Role::Client => eprintln!("{shown}: for whoever uses the builds: imgcalc --credentials {shown}"),
    }
    Ok(())
}

fn write_token(path: &Path, text: &str) -> anyhow::Result<()> {
    write_secret(path, format!("{}\n", text.trim_end()).as_bytes())
}
