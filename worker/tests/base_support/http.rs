//! What a proxy has to know of HTTP. One connection carries one request, so that an answer ends where its connection does.

use std::io::{self, Read, Write};
use std::net::TcpStream;

const HEAD_BYTES_MAX: usize = 64 << 10;

/// Head and body of a request; none where the client only knocked.
pub fn request(client: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 << 10];
    let end = loop {
        if let Some(end) = body_start(&bytes) {
            break end;
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

/// Where the body of a message begins, if the head is whole.
pub fn body_start(message: &[u8]) -> Option<usize> {
    let head = message.windows(4).position(|four| four == b"\r\n\r\n");
    head.map(|end| end + 4)
}

/// A field of a head.
pub fn field<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(wanted).then(|| value.trim())
    })
}

/// The head with a wish that the store closes the connection after its answer.
pub fn closing(head: &str) -> String {
    let lines = head.trim_end().split("\r\n");
    let kept = lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let mut text: String = kept.flat_map(|line| [line, "\r\n"]).collect();
    text.push_str("Connection: close\r\n\r\n");
    text
}

/// Hands an answer over as it comes, counting the bytes of its body.
pub fn hand_over(store: &mut TcpStream, client: &mut TcpStream, body_bytes: &mut usize) -> io::Result<()> {
    let mut head = Vec::new();
    let mut in_body = false;
    let mut chunk = vec![0; 64 << 10];
    loop {
        let read = store.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        client.write_all(&chunk[..read])?;
        if in_body {
            *body_bytes += read;
            continue;
        }
        head.extend_from_slice(&chunk[..read]);
        if let Some(start) = body_start(&head) {
            *body_bytes += head.len() - start;
            in_body = true;
        }
    }
}
