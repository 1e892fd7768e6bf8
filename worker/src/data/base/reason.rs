//! Why a store refuses or fails, and whether asking again can help.

use super::credentials::NoCredentials;
use object_store::Error as StoreError;
use object_store::client::HttpError;
use std::error::Error;
use std::fmt;

/// Longest text of the store that is repeated.
const MESSAGE_CHARS_MAX: usize = 200;

/// Codes of S3 that pass by themselves, whatever status they come with.
const TRANSIENT: [&str; 9] = [
    "ConditionalRequestConflict",
    "InternalError",
    "NoSuchUpload",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottlingException",
    "503 SlowDown",
];

/// Codes of S3 that say who asks is not known or not let in.
const REFUSED: [&str; 8] = [
    "AccessDenied",
    "AccountProblem",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];

/// What lies behind an error of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// There is no such object.
    NoObject,
    /// There is no such place.
    NoPlace,
    /// The store does not let us.
    Refused(String),
    /// The place lies in another region.
    ElsewhereRegion(String),
    /// It may pass: the network, an overloaded or restarting store, another writer.
    Transient(String),
    /// Anything else; asking again would change nothing.
    Permanent(String),
}

impl Reason {
    pub(super) fn of(error: &StoreError) -> Reason {
        let root = root(error);
        let answer = Answer::of(&root);
        let text = answer.as_ref().map_or_else(|| short(&root), Answer::to_string);
        let code = answer.as_ref().map_or("", |answer| &answer.code);
        if below::<NoCredentials>(error) {
            return Reason::Refused(format!(
                "no setting names credentials, and asking the host's service: {text}"
            ));
        }
        if code == "NoSuchBucket" {
            return Reason::NoPlace;
        }
        if TRANSIENT.contains(&code) {
            return Reason::Transient(text);
        }
        if REFUSED.contains(&code) {
            return Reason::Refused(text);
        }
        match error {
            StoreError::NotFound { .. } => Reason::NoObject,
            StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => Reason::Refused(text),
            // The object was replaced while its pieces were read, or another writer was at it.
            StoreError::Precondition { .. } | StoreError::AlreadyExists { .. } => Reason::Transient(text),
            StoreError::Generic { .. } => generic(error, answer, text),
            _ => Reason::Permanent(text),
        }
    }

    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Reason::Transient(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoObject => f.write_str("there is no such object"),
            Reason::NoPlace => f.write_str("there is no such place"),
            Reason::Refused(text)
            | Reason::ElsewhereRegion(text)
            | Reason::Transient(text)
            | Reason::Permanent(text) => f.write_str(text),
        }
    }
}

fn generic(error: &StoreError, answer: Option<Answer>, text: String) -> Reason {
    match answer {
        Some(answer) => match answer.status {
            301 | 307 => Reason::ElsewhereRegion(text),
            400 if [
                "AuthorizationHeaderMalformed",
                "IllegalLocationConstraintException",
            ]
            .contains(&answer.code.as_str()) =>
            {
                Reason::ElsewhereRegion(text)
            }
            // An error behind a good status: S3 began to answer before it knew.
            200 | 408 | 429 | 500.. => Reason::Transient(text),
            _ => Reason::Permanent(text),
        },
        None if text.starts_with("Received redirect without LOCATION") => {
            Reason::ElsewhereRegion("the store points elsewhere".into())
        }
        None if below::<HttpError>(error) => Reason::Transient(text),
        None => Reason::Permanent(text),
    }
}

/// What the store answered, as far as the text of its client tells: the client's own type is private.
struct Answer {
    status: u16,
    status_text: String,
    code: String,
    message: String,
}

impl Answer {
    fn of(root: &str) -> Option<Answer> {
        let (head, body) = if let Some(rest) = root.strip_prefix("Server returned non-2xx status code: ") {
            rest.split_once(": ").unwrap_or((rest, ""))
        } else if let Some(body) = root.strip_prefix("Server returned error response: ") {
            ("200 OK", body)
        } else {
            // One object of a deletion of many.
            let (_, rest) = root.rsplit_once("(code: ")?;
            return Some(Answer {
                status: 0,
                status_text: "the store".into(),
                code: rest.trim_end_matches(')').into(),
                message: String::new(),
            });
        };
        Some(Answer {
            status: head.get(..3)?.parse().ok()?,
            status_text: head.trim_end_matches(':').into(),
            code: element(body, "Code"),
            message: element(body, "Message"),
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it answers {}", self.status_text)?;
        for part in [&self.code, &self.message]
            .into_iter()
            .filter(|part| !part.is_empty())
        {
            write!(f, ", {part}")?;
        }
        Ok(())
    }
}

/// The text of an element of S3's XML. The rest of an answer is not repeated: it may tell how a request was signed.
fn element(body: &str, name: &str) -> String {
    let inner = || {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    };
    inner().map(short).unwrap_or_default()
}

fn short(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match line.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Whether an error of this type lies below.
fn below<T: Error + 'static>(error: &StoreError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<T>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The innermost cause: the outer ones repeat the key and the name of the store.
fn root(error: &StoreError) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> StoreError {
        StoreError::Generic {
            store: "S3",
            source: text.to_string().into(),
        }
    }

    fn answer(status: &str, code: &str) -> StoreError {
        generic(&format!(
            "Server returned non-2xx status code: {status}: <Error><Code>{code}</Code><Message>m</Message>\
             <StringToSign>secret</StringToSign></Error>"
        ))
    }

    #[test]
    fn what_passes_by_itself_is_told_apart_from_what_does_not() {
        for (status, code) in [
            ("500 Internal Server Error", "InternalError"),
            ("503 Service Unavailable", "SlowDown"),
            ("502 Bad Gateway", ""),
            ("429 Too Many Requests", ""),
            ("400 Bad Request", "RequestTimeout"),
        ] {
            assert!(
                Reason::of(&answer(status, code)).is_transient(),
                "{status} {code}"
            );
        }
        for code in ["InvalidAccessKeyId", "ExpiredToken", "SignatureDoesNotMatch"] {
            let reason = Reason::of(&answer("400 Bad Request", code));
            assert!(matches!(reason, Reason::Refused(_)), "{reason:?}");
        }
        assert_eq!(
            Reason::of(&answer("404 Not Found", "NoSuchBucket")),
            Reason::NoPlace
        );
        let elsewhere = answer("301 Moved Permanently", "PermanentRedirect");
        assert!(matches!(Reason::of(&elsewhere), Reason::ElsewhereRegion(_)));
        let permanent = Reason::of(&answer("400 Bad Request", "InvalidArgument"));
        assert!(matches!(permanent, Reason::Permanent(_)), "{permanent:?}");
        let slow = generic("Server returned error response: <Error><Code>SlowDown</Code></Error>");
        assert!(Reason::of(&slow).is_transient());
        let one = generic("DeleteObjects request failed for key a: no (code: AccessDenied)");
        assert!(matches!(Reason::of(&one), Reason::Refused(_)));
    }

    #[test]
    fn an_answer_is_repeated_without_what_tells_of_signatures() {
        let text = Reason::of(&answer("403 Forbidden", "AccessDenied")).to_string();
        assert_eq!(text, "it answers 403 Forbidden, AccessDenied, m");
        assert!(Reason::of(&generic(&"x".repeat(5000))).to_string().len() < 300);
    }
}
