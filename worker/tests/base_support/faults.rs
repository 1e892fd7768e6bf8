//! A proxy between a client and a store that spoils requests as it is told, and counts what the store answers to others.
//! It serves one request a connection.

use super::http::{body_start, closing, field, hand_over, request};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How soon a connection that hangs notices that the proxy is gone.
const POLL: Duration = Duration::from_millis(50);

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The proxy answers with this status; the store sees nothing.
    Status(u16),
    /// 503 with Retry-After; the store sees nothing.
    Overloaded,
    /// No answer ever; the store sees nothing.
    Hang,
    /// The connection closes at once; the store sees nothing.
    Close,
    /// The store does as asked, but its answer ends in the middle of its body.
    CutAnswer,
    /// The store does as asked, but its answer never arrives.
    LoseAnswer,
}

/// Which requests are spoiled.
#[derive(Clone, Debug, Default)]
pub enum Plan {
    /// None.
    #[default]
    Calm,
    /// The next so many.
    Next(u32, Fault),
    /// All.
    Always(Fault),
    /// All whose first line contains a text.
    Matching(&'static str, Fault),
    /// So many of a hundred, by a seed; the fault is one of the list.
    Share {
        /// Of a hundred requests.
        percent: u64,
        /// Replays.
        seed: u64,
        /// The faults to choose from.
        faults: Vec<Fault>,
    },
}

/// A request that was not spoiled, and what came of it.
#[derive(Clone, Debug)]
pub struct Answered {
    /// `GET` and the like.
    pub method: String,
    /// As it stands in the first line, with what follows a question mark.
    pub path: String,
    /// What stands behind `bytes=`, if only a part is asked for.
    pub range: Option<String>,
    /// Of the answer's body.
    pub bytes: usize,
}

/// The proxy. Dropping ends it and all its connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: String,
    ended: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    plan: Plan,
    /// First line of every request.
    seen: Vec<String>,
    answered: Vec<Answered>,
    spoiled: u32,
}

impl FaultProxy {
    /// Starts a calm one before the store at this address.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn start(store: &str) -> FaultProxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has one").to_string();
        let shared = Arc::new(Shared {
            store: store.to_string(),
            ended: AtomicBool::new(false),
            state: Mutex::default(),
        });
        let of_thread = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if of_thread.ended.load(Relaxed) {
                    break;
                }
                let shared = of_thread.clone();
                // A connection that breaks is the client's matter; this is what a proxy for faults is for.
                std::thread::spawn(move || serve(&shared, client));
            }
        });
        FaultProxy { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// From now on.
    pub fn set(&self, plan: Plan) {
        self.shared.state().plan = plan;
    }

    /// First lines of all requests since this was last asked.
    pub fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state().seen)
    }

    /// What the store answered and the client got, as far as it took it, since this was last asked.
    pub fn take_answered(&self) -> Vec<Answered> {
        std::mem::take(&mut self.shared.state().answered)
    }

    /// Requests spoiled so far.
    pub fn spoiled(&self) -> u32 {
        self.shared.state().spoiled
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Relaxed);
        // Wakes the listener.
        let _ = TcpStream::connect(&self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, line: &str) -> Option<Fault> {
        let mut state = self.state();
        let number = state.seen.len() as u64 + u64::from(state.spoiled);
        state.seen.push(line.to_string());
        let fault = match &mut state.plan {
            Plan::Calm | Plan::Next(0, _) => None,
            Plan::Next(left, fault) => {
                *left -= 1;
                Some(*fault)
            }
            Plan::Always(fault) => Some(*fault),
            Plan::Matching(text, fault) => line.contains(*text).then_some(*fault),
            Plan::Share {
                percent,
                seed,
                faults,
            } => {
                let random = mixed(*seed ^ mixed(number));
                (random % 100 < *percent).then(|| faults[(random >> 32) as usize % faults.len()])
            }
        };
        state.spoiled += u32::from(fault.is_some());
        fault
    }
}

impl Answered {
    fn nothing_yet(head: &str) -> Answered {
        let mut words = head.split(' ').map(str::to_string);
        Answered {
            method: words.next().unwrap_or_default(),
            path: words.next().unwrap_or_default(),
            range: field(head, "range").map(|range| range.trim_start_matches("bytes=").to_string()),
            bytes: 0,
        }
    }
}

fn serve(shared: &Shared, mut client: TcpStream) -> io::Result<()> {
    let Some((head, body)) = request(&mut client)? else {
        return Ok(());
    };
    let fault = shared.decide(head.lines().next().unwrap_or_default());
    match fault {
        Some(Fault::Close) => return client.shutdown(Shutdown::Both),
        Some(Fault::Hang) => return hang(shared, &mut client),
        Some(Fault::Overloaded) => return refuse(&mut client, 503, "Retry-After: 1\r\n"),
        Some(Fault::Status(status)) => return refuse(&mut client, status, ""),
        Some(Fault::CutAnswer | Fault::LoseAnswer) | None => {}
    }
    let mut store = TcpStream::connect(&shared.store)?;
    store.write_all(closing(&head).as_bytes())?;
    store.write_all(&body)?;
    match fault {
        None => {
            let mut answered = Answered::nothing_yet(&head);
            let handed_over = hand_over(&mut store, &mut client, &mut answered.bytes);
            shared.state().answered.push(answered);
            handed_over?;
        }
        Some(fault) => {
            let mut answer = Vec::new();
            store.read_to_end(&mut answer)?;
            if fault == Fault::CutAnswer {
                let body = body_start(&answer).unwrap_or(0);
                // Of an answer without a body, half the head.
                let middle = if body == answer.len() {
                    body / 2
                } else {
                    body + (answer.len() - body) / 2
                };
                client.write_all(&answer[..middle])?;
            }
        }
    }
    client.shutdown(Shutdown::Both)
}

fn refuse(client: &mut TcpStream, status: u16, headers: &str) -> io::Result<()> {
    let answer =
        format!("HTTP/1.1 {status} Fault\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n");
    client.write_all(answer.as_bytes())?;
    client.shutdown(Shutdown::Both)
}

/// Until the client has had enough or the proxy ends.
fn hang(shared: &Shared, client: &mut TcpStream) -> io::Result<()> {
    client.set_read_timeout(Some(POLL))?;
    while !shared.ended.load(Relaxed) {
        match client.read(&mut [0; 1]) {
            Ok(0) => break,
            Err(error) if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                break;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The finalizer of splitmix64.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
