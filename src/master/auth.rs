//! Who the bearer of a token is.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::schema::check_user_id;
use crate::sync::master::{Authenticator, Identity, PeerRole};

/// Tokens that prove nothing, for development: `dev:<user>` is a client, `dev-server:<name>` a game server. A master
/// that was not started for development refuses them, and so, for now, lets no one in.
pub(super) struct DevelopmentTokens {
    pub(super) accepted: bool,
}

impl Authenticator for DevelopmentTokens {
    fn authenticate(&self, token: &str) -> Result<Identity> {
        let refuse = |reason: String| Err(Error::AuthFailed { reason });
        let (role, subject) = match token.split_once(':') {
            Some(("dev", subject)) => (PeerRole::Client, subject),
            Some(("dev-server", subject)) => (PeerRole::Server, subject),
            _ => return refuse("it is neither `dev:<user>` nor `dev-server:<name>`".into()),
        };
        if !self.accepted {
            return refuse("this master was not started for development".into());
        }
        if let Err(error) = check_user_id(subject) {
            return refuse(error.to_string());
        }
        Ok(Identity { subject: Arc::from(subject), role })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_tokens_count_only_in_development() {
        let check = |accepted, token: &str, expected: Result<(PeerRole, &str), &str>| {
            let got = DevelopmentTokens { accepted }.authenticate(token);
            match (got, expected) {
                (Ok(identity), Ok((role, subject))) => {
                    assert_eq!((identity.role, &*identity.subject), (role, subject));
                }
                (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
                (got, expected) => panic!("{token}: {got:?} instead of {expected:?}"),
            }
        };
        check(true, "dev:ann", Ok((PeerRole::Client, "ann")));
        check(true, "dev-server:eu:1", Ok((PeerRole::Server, "eu:1")));
        check(true, "dev:", Err("is empty"));
        check(true, "ann", Err("neither"));
        check(false, "dev:ann", Err("not started for development"));
    }
}
