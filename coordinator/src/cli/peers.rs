//! `imgcalc peers`: who holds the ledger together, and how that changes.

use super::at::At;
use super::group::{Group, PeersLine, said};
use super::output;
use crate::replica::{Change, PeerId, Step};
use crate::view::Members;
use imgcalc_proto::v1::{ChangeRequest, MembersRequest};
use imgcalc_proto::{from_wire, to_wire};
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show the coordinators of a group: who leads, who decides, how far each has the ledger.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Add a coordinator that was started with `imgcalc serve --join`; waits until it has the whole ledger and
    /// decides with the others.
    Add {
        /// Its id and where it listens.
        #[arg(value_name = "ID=HOST:PORT", value_parser = super::serve::peer)]
        peer: (PeerId, String),
        /// Remove this one in the same step: nobody decides without the other in between.
        #[arg(long, value_name = "ID")]
        replace: Option<PeerId>,
    },
    /// Remove a coordinator for good. Its id is never used again.
    Remove {
        /// Its id.
        peer: PeerId,
    },
}

const LOOK: Duration = Duration::from_millis(100);
/// A peer that has not caught up after so long is unreachable or too slow.
const CATCH_UP_MAX: Duration = Duration::from_secs(600);
/// A peer that lacks at most so many entries has caught up: the rest comes while it decides.
const ENTRIES_BEHIND_MAX: u64 = 64;

pub(super) async fn run(arguments: Args, at: &At) -> anyhow::Result<()> {
    let mut group = at.group().await?;
    match arguments.verb {
        Verb::List { json } => {
            let members = leaders_view(&mut group).await?;
            if json {
                return output::json(&members);
            }
            print(&members);
        }
        Verb::Add { peer, replace } => add(&mut group, peer, replace).await?,
        Verb::Remove { peer } => {
            change(&mut group, vec![Step::Remove { peer }]).await?;
            settled(&mut group).await?;
            eprintln!("peer {peer} is no member any more; end its process");
        }
    }
    Ok(())
}

async fn add(
    group: &mut Group,
    (id, address): (PeerId, String),
    replace: Option<PeerId>,
) -> anyhow::Result<()> {
    let known = leaders_view(group).await?;
    let learning = known.members.iter().find(|member| member.id == id);
    // A command that was interrupted goes on.
    if learning.is_none() {
        let step = Step::Learn {
            peer: id,
            address: address.clone(),
        };
        change(group, vec![step]).await?;
    }
    eprintln!("peer {id} gets the ledger");
    let since = Instant::now();
    loop {
        let members = leaders_view(group).await?;
        let entry = |wanted: &dyn Fn(PeerId, bool) -> bool| {
            let member = members
                .members
                .iter()
                .find(|member| wanted(member.id, member.leads));
            member.and_then(|member| member.entry)
        };
        let own = entry(&|member, _| member == id);
        let leader = entry(&|_, leads| leads);
        if let (Some(own), Some(leader)) = (own, leader)
            && own > 0
            && own + ENTRIES_BEHIND_MAX >= leader
        {
            break;
        }
        anyhow::ensure!(
            since.elapsed() < CATCH_UP_MAX,
            "peer {id} does not catch up; is it running, and do the others reach it at {address}? It goes on learning; \
             the same command goes on, `imgcalc peers remove {id}` gives up"
        );
        tokio::time::sleep(LOOK).await;
    }
    let mut steps = vec![Step::Vote { peer: id }];
    steps.extend(replace.map(|peer| Step::Remove { peer }));
    change(group, steps).await?;
    settled(group).await?;
    eprintln!("peer {id} decides with the others");
    if let Some(replaced) = replace {
        eprintln!("peer {replaced} is no member any more; end its process");
    }
    Ok(())
}

/// Waits until members no longer change.
async fn settled(group: &mut Group) -> anyhow::Result<()> {
    while leaders_view(group).await?.changing {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

async fn change(group: &mut Group, steps: Vec<Step>) -> anyhow::Result<()> {
    let change = Change { steps };
    let ask = |mut client: PeersLine| {
        let change_json = to_wire(&change);
        async move { client.change(ChangeRequest { change_json }).await }
    };
    group.ask_peers(ask).await.map(|_| ())
}

/// The members as the leader sees them; as anybody does where none leads.
async fn leaders_view(group: &mut Group) -> anyhow::Result<Members> {
    let mut last = None;
    let mut seen: Option<Members> = None;
    let mut asked = Vec::new();
    let mut addresses = group.addresses().to_vec();
    while let Some(address) = addresses.pop() {
        if asked.contains(&address) {
            continue;
        }
        asked.push(address.clone());
        let mut client = group.peers_client(&address)?;
        match tokio::time::timeout(Duration::from_secs(5), client.members(MembersRequest {})).await {
            Ok(Ok(reply)) => {
                let reply = reply.into_inner();
                let members: Members =
                    from_wire("members", &reply.members_json).map_err(|status| said(*status))?;
                let leader = members.members.iter().find(|member| member.leads);
                if leader.is_some_and(|leader| leader.id == members.answered_by) {
                    return Ok(members);
                }
                addresses.extend(leader.map(|leader| leader.address.clone()));
                seen.get_or_insert(members);
            }
            Ok(Err(status)) => last = Some(said(status)),
            Err(_) => last = Some(anyhow::anyhow!("{address} does not answer")),
        }
    }
    match (seen, last) {
        (Some(members), _) => Ok(members),
        (None, Some(error)) => Err(error.context("no coordinator answers")),
        (None, None) => anyhow::bail!("no coordinator is named"),
    }
}

fn print(members: &Members) {
    let rows = members.members.iter().map(|member| {
        let standing = match (member.leads, member.votes) {
            (true, _) => "leads",
            (false, true) => "follows",
            (false, false) => "learns",
        };
        let heard = match member.heard {
            None => "-",
            Some(true) => "yes",
            Some(false) => "no",
        };
        vec![
            member.id.to_string(),
            member.address.clone(),
            standing.into(),
            heard.into(),
            member.entry.map_or("-".into(), |entry| entry.to_string()),
        ]
    });
    output::table(&["peer", "address", "state", "heard", ">entry"], rows);
    if members.changing {
        eprintln!("the members are changing right now");
    }
}
