//! A proxy between a client and a store that spoils requests as it is told. It serves one request a connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const HEAD_BYTES_MAX: usize = 64 << 10;
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
            io::copy(&mut store, &mut client)?;
        }
        Some(fault) => {
            let mut answer = Vec::new();
            store.read_to_end(&mut answer)?;
            if fault == Fault::CutAnswer {
                let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
                let body = head.map_or(0, |end| end + 4).min(answer.len());
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

/// Head and body; none where the client only knocked.
fn request(client: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 << 10];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let read = client.read(&mut chunk)?;
        if read == 0 || bytes.len() > HEAD_BYTES_MAX {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk[..read]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    let mut body = bytes.split_off(end);
    let there = body.len();
    body.resize(length.unwrap_or(there).max(there), 0);
    client.read_exact(&mut body[there..])?;
    Ok(Some((head, body)))
}

/// The head with a wish that the store closes the connection after its answer.
fn closing(head: &str) -> String {
    let lines = head.trim_end().split("\r\n");
    let kept = lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let mut text: String = kept.flat_map(|line| [line, "\r\n"]).collect();
    text.push_str("Connection: close\r\n\r\n");
    text
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
