//! What opens the interface for programs.

use core::fmt;
use core::hint::black_box;

use heapless::{String, Vec};

/// What a token lets its owner do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// To look at everything but keys.
    Read,
    /// Everything.
    Admin,
}

/// A token: 8 to 64 characters `[0-9A-Za-z._~-]`, none of which is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    role: Role,
    text: String<{ Self::LONGEST }>,
}

/// Most tokens.
pub const MOST_TOKENS: usize = 4;

/// All tokens. Without any the interface is closed.
pub type Tokens = Vec<Token, MOST_TOKENS>;

impl Token {
    /// Fewest characters.
    pub const SHORTEST: usize = 8;
    /// Most characters.
    pub const LONGEST: usize = 64;

    /// The token that is written like that; `None` if it is too short, too long, or has other
    /// characters.
    pub fn parse(role: Role, text: &str) -> Option<Self> {
        let fits = text.len() >= Self::SHORTEST
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte));
        let text = String::try_from(text).ok().filter(|_| fits)?;
        Some(Self { role, text })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Token({:?})", self.role)
    }
}

/// What `given` lets its owner do; `None` if it is no token. It takes the same time wherever it
/// differs from one: all of each is looked at.
pub fn role_of(tokens: &[Token], given: &[u8]) -> Option<Role> {
    let mut role = None;
    for token in tokens {
        let mut differences = u8::from(given.len() != token.text.len());
        for (at, byte) in token.text.bytes().enumerate() {
            differences |= byte ^ given.get(at).copied().unwrap_or(0);
        }
        if black_box(differences) == 0 {
            role = role.max(Some(token.role));
        }
    }
    role
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::{Role, Token, role_of};

    #[test]
    fn a_token_opens_what_its_role_says_and_nothing_like_it_does() {
        let tokens = [
            Token::parse(Role::Read, "look-only").unwrap(),
            Token::parse(Role::Admin, "a.b_c~0123456789").unwrap(),
        ];
        assert_eq!(role_of(&tokens, b"look-only"), Some(Role::Read));
        assert_eq!(role_of(&tokens, b"a.b_c~0123456789"), Some(Role::Admin));
        for wrong in [
            "",
            "look-onl",
            "look-only ",
            "look-onlY",
            "look-only\0",
            "xook-only",
        ] {
            assert_eq!(role_of(&tokens, wrong.as_bytes()), None, "{wrong:?}");
        }
        assert_eq!(role_of(&[], b"look-only"), None);
    }

    #[test]
    fn short_long_and_odd_ones_are_none_and_none_is_shown() {
        for text in [
            "",
            "1234567",
            &"x".repeat(65),
            "with blank",
            "umlaut-ä-here",
            "a/b/c/d/e",
        ] {
            assert_eq!(Token::parse(Role::Read, text), None, "{text:?}");
        }
        let token = Token::parse(Role::Admin, "secret-token").unwrap();
        assert_eq!(format!("{token:?}"), "Token(Admin)");
    }
}
