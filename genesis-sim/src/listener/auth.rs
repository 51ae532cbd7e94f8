//! `auth` and `userauth` (mod_event_socket.c, `parse_command`).

use genesis_proto::session::switch::Permissions;

use super::connection::{Answer, Connection};
use crate::options::User;

const INVALID: &str = "-ERR invalid";

impl Connection {
    /// A wrong password ends the connection.
    pub(crate) fn auth(&mut self, password: &str, refuse: bool) -> Answer {
        if refuse || password != self.options().password.expose() {
            self.stop();
            return Answer::reply(INVALID);
        }
        self.authenticated(Permissions::all());
        Answer::reply("+OK accepted")
    }

    pub(crate) fn userauth(&mut self, argument: &str, refuse: bool) -> Answer {
        let found = split(argument)
            .filter(|_| !refuse)
            .and_then(|(id, domain, password)| self.find_user(id, domain, password))
            .cloned();
        let Some(user) = found else {
            self.stop();
            return Answer::reply(INVALID);
        };
        self.authenticated(user.permissions());
        Answer::Userauth {
            events: user.events,
            api: user.api,
            log: user.log,
        }
    }

    fn find_user(&self, id: &str, domain: &str, password: Option<&str>) -> Option<&User> {
        let password = password.filter(|password| !password.is_empty())?;
        self.options().users.iter().find(|user| {
            user.id == id && user.domain == domain && user.password.expose() == password
        })
    }
}

/// `USER@DOMAIN:PASSWORD`, or `USER:PASSWORD@DOMAIN`.
fn split(argument: &str) -> Option<(&str, &str, Option<&str>)> {
    let (user, domain) = argument.split_once('@')?;
    let (domain, last) = match domain.split_once(':') {
        Some((domain, password)) => (domain, Some(password)),
        None => (domain, None),
    };
    let (user, password) = match user.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (user, last),
    };
    (!user.is_empty() && !domain.is_empty()).then_some((user, domain, password))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn both_spellings() {
        assert_eq!(split("u@d:p"), Some(("u", "d", Some("p"))));
        assert_eq!(split("u:p@d"), Some(("u", "d", Some("p"))));
        assert_eq!(split("u@d"), Some(("u", "d", None)));
        assert_eq!(split("u:p"), None);
        assert_eq!(split("@d:p"), None);
    }
}
