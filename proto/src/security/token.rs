//! Tokens: what a worker or a client knows beside holding a certificate.

use rustls::crypto::ring::default_provider;
use std::fmt;

const RANDOM_BYTES: usize = 32;
/// Fewer characters could be guessed.
const CHARACTERS_MIN: usize = 32;
const CHARACTERS_MAX: usize = 512;

/// A secret text. Shown nowhere but where [`Token::expose`] is called.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one: 256 bits from the operating system, hexadecimal.
    pub fn random() -> Token {
        let mut bytes = [0; RANDOM_BYTES];
        let random = default_provider().secure_random;
        random
            .fill(&mut bytes)
            .expect("the operating system gives random bytes");
        Token(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Takes a text as a token: 32 to 512 letters, digits, or `-._~+/=`, which HTTP can carry.
    pub fn parse(text: &str) -> Option<Token> {
        let fits = (CHARACTERS_MIN..=CHARACTERS_MAX).contains(&text.len());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        (fits && text.bytes().all(allowed)).then(|| Token(text.to_string()))
    }

    /// The secret itself, to be sent or written to a file that nobody else may read.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// The tokens a coordinator accepts, kept as digests.
#[derive(Clone)]
pub struct AcceptedTokens(Vec<blake3::Hash>);

impl AcceptedTokens {
    /// Accepts these.
    pub fn new<'t>(tokens: impl IntoIterator<Item = &'t Token>) -> Self {
        let digest = |token: &Token| blake3::hash(token.0.as_bytes());
        AcceptedTokens(tokens.into_iter().map(digest).collect())
    }

    /// Whether a text is one of them. How long this takes says nothing about how much of a token is right: digests
    /// are compared, each in constant time, and always all of them.
    pub fn contains(&self, text: &str) -> bool {
        let digest = blake3::hash(text.as_bytes());
        self.0
            .iter()
            .fold(false, |found, known| found | (*known == digest))
    }
}

impl fmt::Debug for AcceptedTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AcceptedTokens({})", self.0.len())
    }
}
