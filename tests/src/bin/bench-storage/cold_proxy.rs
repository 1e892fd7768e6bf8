//! A proxy before a store that counts: what is asked for, and the bytes of every answer's body.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

const HEAD_BYTES_MAX: usize = 64 << 10;

/// One request and its answer.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// What stands behind `bytes=`, if only a part is asked for.
    pub range: Option<String>,
    /// Of the answer's body.
    pub bytes: usize,
}

/// The proxy; it serves one request a connection until the program ends.
pub struct CountingProxy {
    address: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl CountingProxy {
    /// Starts one before the store at this address.
    pub fn start(store: &str) -> io::Result<CountingProxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (store, of_thread) = (store.to_string(), seen.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (store, seen) = (store.clone(), of_thread.clone());
                // A connection that breaks is the client's matter: it asks again.
                std::thread::spawn(move || serve(&store, client, &seen));
            }
        });
        Ok(CountingProxy { address, seen })
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// All requests since this was last asked.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn serve(store: &str, mut client: TcpStream, seen: &Mutex<Vec<Request>>) -> io::Result<()> {
    let Some((head, body)) = request(&mut client)? else {
        return Ok(());
    };
    let mut store = TcpStream::connect(store)?;
    store.write_all(closing(&head).as_bytes())?;
    store.write_all(&body)?;
    let mut words = head.split(' ');
    let mut word = || words.next().unwrap_or_default().to_string();
    let mut request = Request {
        method: word(),
        path: word(),
        range: field(&head, "range").map(|range| range.trim_start_matches("bytes=").to_string()),
        bytes: 0,
    };
    // A client may have had enough in the middle.
    let handed_over = hand_over(&mut store, &mut client, &mut request.bytes);
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    handed_over?;
    client.shutdown(Shutdown::Both)
}

/// Hands an answer over, counting the bytes of its body.
fn hand_over(store: &mut TcpStream, client: &mut TcpStream, body_bytes: &mut usize) -> io::Result<()> {
    let (mut head, mut body) = (Vec::new(), false);
    let mut chunk = vec![0; 64 << 10];
    loop {
        let read = store.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        client.write_all(&chunk[..read])?;
        if body {
            *body_bytes += read;
            continue;
        }
        head.extend_from_slice(&chunk[..read]);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            *body_bytes = head.len() - end - 4;
            body = true;
        }
    }
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
    let length = field(&head, "content-length").and_then(|text| text.parse().ok());
    let mut body = bytes.split_off(end);
    let there = body.len();
    body.resize(length.unwrap_or(there).max(there), 0);
    client.read_exact(&mut body[there..])?;
    Ok(Some((head, body)))
}

fn field<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(wanted).then(|| value.trim())
    })
}

/// The head with a wish that the store closes the connection after its answer.
fn closing(head: &str) -> String {
    let lines = head.trim_end().split("\r\n");
    let kept = lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let mut text: String = kept.flat_map(|line| [line, "\r\n"]).collect();
    text.push_str("Connection: close\r\n\r\n");
    text
}
