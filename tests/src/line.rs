//! Lines between the parties of a group: a proxy before each party that is called. They are cut, stalled and healed as
//! a test likes, also between two parties only: who calls is told by who of the test's processes owns the socket.
//!
//! Needs no privilege. What it cannot do is lose single packets: a stalled line goes on where it was, as TCP does after
//! a partition, and a cut one is reset.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How soon a quiet line notices what became of it.
const POLL: Duration = Duration::from_millis(50);

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing passes, nothing is told: cables pulled.
    Silence,
    /// Connections are reset, and new ones too.
    Reset,
}

/// All lines of one test. Dropping ends them.
#[derive(Debug, Default)]
pub struct Lines {
    shared: Arc<Shared>,
}

/// The way to one party: an address that stays while the party behind it comes and goes.
#[derive(Debug)]
pub struct Line {
    address: String,
    target: Arc<Mutex<Option<String>>>,
    delay: Arc<Mutex<Duration>>,
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Processes and who they are.
    parties: Vec<(i32, String)>,
    troubles: Vec<(String, Option<String>, Trouble)>,
}

/// Who calls whom.
#[derive(Clone, Debug)]
struct Ends {
    /// None: a client.
    from: Option<String>,
    to: String,
}

impl Lines {
    /// A line to a party that is not there yet.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn to(&self, party: &str) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has one");
        let (target, delay) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(Duration::ZERO)));
        let (shared, behind, to) = (self.shared.clone(), target.clone(), party.to_string());
        let of_thread = delay.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.ended.load(Relaxed) {
                    break;
                }
                let (shared, to) = (shared.clone(), to.clone());
                let target: Option<String> = lock(&behind).clone();
                let delay = *lock(&of_thread);
                // A connection that breaks is the caller's matter.
                std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    serve(&shared, client, to, target)
                });
            }
        });
        Line {
            address: address.to_string(),
            target,
            delay,
        }
    }

    /// Starts a process of a party. Nothing it calls is let through before it is known whose it is.
    pub fn start<T>(&self, party: &str, start: impl FnOnce() -> (i32, T)) -> T {
        let mut state = self.shared.state();
        let (pid, started) = start();
        state.parties.retain(|(_, known)| known != party);
        state.parties.push((pid, party.to_string()));
        started
    }

    /// Troubles all lines of a party, or those between it and another.
    pub fn trouble(&self, party: &str, other: Option<&str>, trouble: Trouble) {
        let entry = (party.to_string(), other.map(String::from), trouble);
        self.shared.state().troubles.push(entry);
    }

    /// Takes all troubles of a party away.
    pub fn heal(&self, party: &str) {
        self.shared
            .state()
            .troubles
            .retain(|(troubled, ..)| troubled != party);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.shared.ended.store(true, Relaxed);
    }
}

impl Line {
    /// What to call.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where the party listens now; none: it is not there, and callers are turned away.
    pub fn leads_to(&self, target: Option<String>) {
        *lock(&self.target) = target;
    }

    /// Whoever calls waits so long before anything passes.
    pub fn delays(&self, delay: Duration) {
        *lock(&self.delay) = delay;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Wakes the listener, which looks whether all is over.
        let _ = TcpStream::connect(&self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn trouble(&self, ends: &Ends) -> Option<Trouble> {
        let between = |party: &String, other: &Option<String>| {
            let (from, to) = (ends.from.as_ref(), Some(&ends.to));
            match other {
                None => from == Some(party) || to == Some(party),
                Some(other) => {
                    (from == Some(party) && to == Some(other)) || (from == Some(other) && to == Some(party))
                }
            }
        };
        let state = self.state();
        let found = state
            .troubles
            .iter()
            .find(|(party, other, _)| between(party, other));
        found.map(|(.., trouble)| *trouble)
    }

    /// Which party has the other end of a connection.
    fn caller(&self, connection: &TcpStream) -> io::Result<Option<String>> {
        let (caller, own) = (connection.peer_addr()?, connection.local_addr()?);
        let Some(socket) = socket(caller, own)? else {
            return Ok(None);
        };
        let state = self.state();
        let found = state.parties.iter().find(|(pid, _)| has_socket(*pid, &socket));
        Ok(found.map(|(_, party)| party.clone()))
    }
}

fn serve(shared: &Arc<Shared>, client: TcpStream, to: String, target: Option<String>) -> io::Result<()> {
    let from = shared.caller(&client)?;
    let ends = Ends { from, to };
    while let Some(trouble) = shared.trouble(&ends) {
        if trouble == Trouble::Reset || shared.ended.load(Relaxed) {
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
    let Some(target) = target else {
        return Ok(());
    };
    let party = TcpStream::connect(target)?;
    for stream in [&client, &party] {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(POLL))?;
    }
    let (back_from, back_to) = (party.try_clone()?, client.try_clone()?);
    let (shared, shared_back) = (shared.clone(), shared.clone());
    let ends_back = ends.clone();
    let back = std::thread::spawn(move || carry(&shared_back, &ends_back, back_from, back_to));
    let there = carry(&shared, &ends, client, party);
    let _ = back.join();
    there
}

/// Carries one direction until either end closes it or trouble does.
fn carry(shared: &Shared, ends: &Ends, mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    let done = loop {
        if shared.ended.load(Relaxed) {
            break Ok(());
        }
        let read = match from.read(&mut chunk) {
            Ok(0) => break to.shutdown(Shutdown::Write),
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
            Err(error) => break Err(error),
        };
        // What was read when silence fell waits for its end.
        let mut trouble = shared.trouble(ends);
        while trouble == Some(Trouble::Silence) && !shared.ended.load(Relaxed) {
            std::thread::sleep(POLL);
            trouble = shared.trouble(ends);
        }
        if trouble == Some(Trouble::Reset) {
            break Err(ErrorKind::ConnectionReset.into());
        }
        if let Err(error) = to.write_all(&chunk[..read]) {
            break Err(error);
        }
    };
    if done.is_err() {
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
    done
}

/// The kernel's number of the socket at the caller's end.
fn socket(caller: SocketAddr, own: SocketAddr) -> io::Result<Option<String>> {
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let port = |field: Option<&str>| u16::from_str_radix(field?.rsplit_once(':')?.1, 16).ok();
    let found = table.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_it = port(fields.next()) == Some(caller.port()) && port(fields.next()) == Some(own.port());
        is_it.then(|| fields.nth(6).map(String::from)).flatten()
    });
    Ok(found)
}

fn has_socket(pid: i32, socket: &str) -> bool {
    let folder = Path::new("/proc").join(pid.to_string()).join("fd");
    let wanted = format!("socket:[{socket}]");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    let mut links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.any(|link| link.as_os_str() == wanted.as_str())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    /// Says back what it hears.
    fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut byte = [0];
                    while matches!(client.read(&mut byte), Ok(1)) && client.write_all(&byte).is_ok() {}
                });
            }
        });
        address
    }

    fn says(stream: &mut TcpStream, byte: u8) -> io::Result<u8> {
        stream.write_all(&[byte])?;
        hears(stream)
    }

    fn hears(stream: &mut TcpStream) -> io::Result<u8> {
        let mut heard = [0];
        stream.read_exact(&mut heard).map(|()| heard[0])
    }

    /// A process that calls and says a line when it is heard.
    fn caller(port: &str) -> Child {
        let program = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf x >&3; head -c 1 <&3 2>/dev/null");
        let mut command = Command::new("bash");
        command.args(["-c", &program]).stdout(Stdio::piped());
        command.spawn().unwrap()
    }

    #[test]
    fn a_line_carries_is_silent_and_goes_on_and_is_cut() {
        let lines = Lines::default();
        let line = lines.to("b");
        let wait = Duration::from_millis(300);
        // Nobody is there.
        let mut early = TcpStream::connect(line.address()).unwrap();
        assert!(says(&mut early, 1).is_err());
        line.leads_to(Some(echo()));
        let mut stream = TcpStream::connect(line.address()).unwrap();
        assert_eq!(says(&mut stream, 2).unwrap(), 2);
        lines.trouble("b", None, Trouble::Silence);
        stream.set_read_timeout(Some(wait)).unwrap();
        assert!(says(&mut stream, 3).is_err());
        lines.heal("b");
        stream.set_read_timeout(None).unwrap();
        assert_eq!(hears(&mut stream).unwrap(), 3, "what waited arrives");
        lines.trouble("b", Some("c"), Trouble::Reset);
        assert_eq!(says(&mut stream, 4).unwrap(), 4, "that was between others");
        lines.trouble("b", None, Trouble::Reset);
        let closed = says(&mut stream, 5);
        assert!(closed.is_err(), "{closed:?}");
    }

    #[test]
    fn who_calls_is_known_by_its_process() {
        let lines = Lines::default();
        let line = lines.to("b");
        line.leads_to(Some(echo()));
        lines.trouble("c", Some("b"), Trouble::Reset);
        let port = line.address().rsplit_once(':').unwrap().1;
        for (party, heard) in [("a", 1), ("c", 0), ("d", 1)] {
            let mut child = lines.start(party, || {
                let child = caller(port);
                (child.id() as i32, child)
            });
            let mut said = [0];
            let mut stdout = child.stdout.take().unwrap();
            assert_eq!(stdout.read(&mut said).unwrap(), heard, "{party}");
            child.wait().unwrap();
        }
    }
}
