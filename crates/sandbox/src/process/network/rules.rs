//! The table of rules that `nat` needs, by the `nft` command: one run at the start, one at the end, none per sandbox.
//!
//! Rules know sandboxes by the names of their links alone, which functions cannot change. Other tables stay untouched; a
//! firewall in one of them that drops what it forwards still does ([`foreign_firewalls`]).

use super::Marks;
use hearth_core::limits::FLOWS;
use hearth_core::network::Prefix;
use hearth_init::{Failure, Trying};
use serde_json::Value;
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// Where `nft` is looked for: a service need not have an administrator's `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Tables of services.
const PREFIX: &str = "hearth-";
/// A chain whose presence says that forwarding was off before the first service came. It lives as long as the table,
/// and in the same network namespace.
const WAS_OFF: &str = "forwarding_was_off";

/// A table of some service.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) forwarding_was_off: bool,
}

/// A base chain of some other table.
#[derive(Debug, PartialEq, Eq)]
struct Chain {
    family: String,
    table: String,
    name: String,
    hook: Option<String>,
    policy: Option<String>,
}

/// The tables of all services.
pub(super) fn tables() -> Result<Vec<Table>, Failure> {
    let mut tables: Vec<Table> = Vec::new();
    for chain in chains()?.into_iter().filter(|chain| chain.table.starts_with(PREFIX)) {
        let was_off = chain.name == WAS_OFF;
        match tables.iter_mut().find(|table| table.name == chain.table) {
            Some(table) => table.forwarding_was_off |= was_off,
            None => tables.push(Table { name: chain.table, forwarding_was_off: was_off }),
        }
    }
    Ok(tables)
}

/// Makes a service's table anew, in one transaction.
pub(super) fn load(marks: &Marks, range: Prefix, was_off: bool) -> Result<(), Failure> {
    nft(&["-f", "-"], &ruleset(marks, range, was_off)).map(drop)
}

/// Removes a service's table.
pub(super) fn remove(marks: &Marks) -> Result<(), Failure> {
    nft(&["delete", "table", "inet", &marks.table], "").map(drop)
}

/// Whether this kernel and this `nft` know everything that is needed; changes nothing.
pub(crate) fn possible() -> Result<(), Failure> {
    let range = Prefix::around([100, 64, 0, 0].into(), 20);
    let rules = range.map(|range| ruleset(&Marks::of("doctor"), range, true));
    rules.map_or(Ok(()), |rules| nft(&["-c", "-f", "-"], &rules).map(drop))
}

/// Chains of others that drop what is forwarded unless a rule of theirs allows it; none when they cannot be listed.
pub(crate) fn foreign_firewalls() -> Vec<String> {
    let drops = |chain: &Chain| {
        let forwards = chain.hook.as_deref() == Some("forward") && chain.policy.as_deref() == Some("drop");
        forwards && chain.family != "ip6" && !chain.table.starts_with(PREFIX)
    };
    let named = |chain: Chain| format!("{} {} {}", chain.family, chain.table, chain.name);
    chains().unwrap_or_default().into_iter().filter(drops).map(named).collect()
}

/// Functions are refused and told so; `drop` is for strangers.
fn ruleset(marks: &Marks, range: Prefix, was_off: bool) -> String {
    let Marks { table, tag, .. } = marks;
    let (marker, contain) = if was_off {
        // Forwarding was turned on for sandboxes: for everybody else it stays off.
        (format!("chain {WAS_OFF} {{ }}"), r#"iifname != "hearth*" oifname != "hearth*" drop"#)
    } else {
        (String::new(), "")
    };
    format!(
        r#"table inet {table}
delete table inet {table}
table inet {table} {{
  set flows {{ type ipv4_addr; size 65535; flags dynamic; }}
  {marker}
  # Told at once, also to who tries often: the kernel sends few ICMP errors to one address.
  chain refuse {{
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }}
  # The host itself, by any of its addresses.
  chain input {{
    type filter hook input priority -5; policy accept;
    iifname "{tag}*" goto refuse
  }}
  # Nobody on the host opens a connection to a function.
  chain output {{
    type filter hook output priority -5; policy accept;
    oifname "{tag}*" ct state new drop
  }}
  chain forward {{
    type filter hook forward priority -5; policy accept;
    iifname "{tag}*" jump leaving
    oifname "{tag}*" ct state established,related accept
    oifname "{tag}*" drop
    {contain}
  }}
  chain leaving {{
    meta nfproto != ipv4 drop
    ip saddr != {range} drop
    # Other environments, of any service.
    oifname "hearth*" goto refuse
    # Link-local addresses, and the clouds' metadata services that have others.
    ip daddr {{ 169.254.0.0/16, 100.100.100.200, 168.63.129.16, 192.0.0.192 }} goto refuse
    # A port of the host's own that leads on to a container.
    ct status dnat goto refuse
    ct state invalid drop
    # The table of flows is the whole host's.
    ct state new add @flows {{ ip saddr ct count over {FLOWS} }} goto refuse
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {range} oifname != "hearth*" masquerade
  }}
}}
"#
    )
}

fn chains() -> Result<Vec<Chain>, Failure> {
    let listed = nft(&["-j", "list", "chains"], "")?;
    let listed: Value =
        serde_json::from_str(&listed).map_err(io::Error::other).trying(|| "read nft's list".to_owned())?;
    let chains = listed.get("nftables").and_then(Value::as_array).into_iter().flatten();
    Ok(chains.filter_map(|entry| Chain::read(entry.get("chain")?)).collect())
}

impl Chain {
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let (family, table, name) = (text("family")?, text("table")?, text("name")?);
        Some(Self { family, table, name, hook: text("hook"), policy: text("policy") })
    }
}

/// Runs `nft` with this input; its output.
fn nft(arguments: &[&str], input: &str) -> Result<String, Failure> {
    let what = || "run nft (apt-get install nftables)".to_owned();
    let mut command = Command::new("nft");
    command.args(arguments).env_clear().env("PATH", PATH).env("LC_ALL", "C");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().trying(what)?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may have failed before it has read all: its words say more than a broken pipe.
        stdin.write_all(input.as_bytes()).ok();
    }
    let done = child.wait_with_output().trying(what)?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let first = said.lines().next().unwrap_or("it does not say why").to_owned();
    Err(Failure { what: "have nft change the rules".to_owned(), source: io::Error::other(first) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_turned_forwarding_on_contains_it() {
        let marks = Marks::of("test");
        let range = Prefix::around([100, 64, 16, 0].into(), 20).unwrap();
        let (on, off) = (ruleset(&marks, range, false), ruleset(&marks, range, true));
        assert!(off.contains("chain forwarding_was_off") && off.contains(r#"oifname != "hearth*" drop"#), "{off}");
        assert!(!on.contains("forwarding_was_off") && !on.contains(r#"oifname != "hearth*" drop"#), "{on}");
        assert!(on.contains("ip saddr 100.64.16.0/20 oifname"), "{on}");
    }

    #[test]
    fn chains_are_read_as_nft_writes_them() {
        let listed = r#"[{"metainfo": {}}, {"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "handle": 1,
            "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}}, {"chain": {"family": "ip"}}]"#;
        let listed: Vec<Value> = serde_json::from_str(listed).unwrap();
        let chains: Vec<_> = listed.iter().filter_map(|entry| Chain::read(entry.get("chain")?)).collect();
        let expected = Chain {
            family: "ip".into(),
            table: "filter".into(),
            name: "FORWARD".into(),
            hook: Some("forward".into()),
            policy: Some("drop".into()),
        };
        assert_eq!(chains, [expected]);
    }
}
