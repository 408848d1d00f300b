//! The hosts of function URLs: `ID.lambda-url.REGION.localhost`, or under a name that the operator has given the service.
//!
//! `localhost` and everything under it is this machine, for browsers, curl and most resolvers without being asked.

use hearth_core::ids::Region;

const LABEL: &str = "lambda-url";

/// The host of a function URL, as a client has named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The URL's id.
    pub(crate) id: String,
    /// The region.
    pub(crate) region: String,
    /// The whole host, lower case, without port.
    pub(crate) domain: String,
    /// The port, if the client has named one.
    pub(crate) port: Option<String>,
}

impl Address {
    /// Reads a host; `None` if no function URL can have it. Whether there is such a URL is another question.
    pub(crate) fn parse(host: &str, port: Option<&str>, names: &[String]) -> Option<Self> {
        let domain = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let mut labels = domain.splitn(4, '.');
        let (id, label, region, suffix) = (labels.next()?, labels.next()?, labels.next()?, labels.next()?);
        let ours = suffix == "localhost" || names.iter().any(|name| name == suffix);
        if label != LABEL || !ours {
            return None;
        }
        Some(Self {
            id: id.to_owned(),
            region: region.to_owned(),
            port: port.map(str::to_owned),
            domain: domain.clone(),
        })
    }

    /// The URL under which a client that has reached us at `authority` reaches the function.
    pub(crate) fn link(id: &str, region: &Region, authority: &str, names: &[String]) -> String {
        let (host, port) = crate::guard::split(authority);
        let named = names.iter().find(|name| name.eq_ignore_ascii_case(host));
        let suffix = named.map_or("localhost", String::as_str);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("http://{id}.{LABEL}.{region}.{suffix}{port}/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_its_address() {
        let region = Region::parse("eu-west-1").expect("region");
        let names = ["hearth.test".to_owned()];
        let link = |authority| Address::link("abc", &region, authority, &names);
        assert_eq!(link("127.0.0.1:3001"), "http://abc.lambda-url.eu-west-1.localhost:3001/");
        assert_eq!(link("[::1]:1"), "http://abc.lambda-url.eu-west-1.localhost:1/");
        assert_eq!(link("Hearth.test"), "http://abc.lambda-url.eu-west-1.hearth.test/");
        for host in ["abc.lambda-url.eu-west-1.localhost", "ABC.Lambda-URL.eu-west-1.hearth.test."] {
            let address = Address::parse(host, Some("3001"), &names).expect("an address");
            assert_eq!((address.id.as_str(), address.region.as_str()), ("abc", "eu-west-1"));
        }
    }

    #[test]
    fn other_hosts_are_none() {
        for host in [
            "localhost",
            "lambda-url.eu-west-1.localhost",
            "abc.lambda.eu-west-1.localhost",
            "abc.lambda-url.eu-west-1.evil.example",
            "abc.lambda-url.eu-west-1.x.localhost",
        ] {
            assert_eq!(Address::parse(host, None, &[]), None, "{host}");
        }
    }
}
