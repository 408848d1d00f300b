//! What this host can do for process sandboxes, found out without starting a service.

use super::cgroups::{self, Mounts};
use super::ids::Maps;
use super::standing::Standing;
use super::{can_preboot, network, room, spawner, tmp, user_namespace};
use crate::Support;
use hearth_init::mount::Tree;
use rustix::fd::AsFd;
use std::path::Path;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// Whether the service cannot do without it.
    pub needed: bool,
    /// What was found.
    pub detail: String,
    /// What to do when it is not; empty when it is.
    pub remedy: String,
}

/// Oldest kernel whose calls are enough: id-mapped mounts came with 5.12, over layers with 5.19.
const KERNEL: (u32, u32) = (5, 19);

/// Looks at everything process sandboxes need. `data` is where the service would keep its data. An ordinary user's
/// program calls [`super::standing::become_root_of_a_namespace`] first, as for a service.
#[must_use]
pub fn doctor(data: &Path) -> Vec<Check> {
    let standing = match Standing::read() {
        Ok(Some(standing)) => standing,
        found => {
            let why = found.err().map_or_else(|| "no rights at all".to_owned(), |error| error.to_string());
            return vec![kernel(), check("user namespaces", false, &why, "see what `hearth up` says")];
        }
    };
    let mut checks = vec![who(&standing), kernel(), namespaces(&standing), seccomp_check(), tmp_check(&standing)];
    checks.push(room::check(&standing));
    if standing.is_host() {
        checks.extend([id_maps(data), nat()]);
        checks.extend(firewall());
    }
    match Mounts::read() {
        Ok(mounts) => {
            let layout = cgroups::detect(&mounts, "hearth-doctor", &standing);
            let supports = layout.supports().with_substitutes();
            checks.push(optional("control groups", layout.name() != "none", layout.name(), "see memory limits"));
            checks.push(supported("memory limits", &supports.memory));
            checks.push(supported("CPU shares", &supports.cpu));
            checks.push(supported("process limits", &supports.processes));
            checks.push(supported("freezer", &supports.freeze));
            checks.push(optional(
                "waiting runtimes",
                can_preboot(&supports.memory),
                if can_preboot(&supports.memory) { "Python and Node.js (--preboot)" } else { "started plainly" },
                "control groups have to limit memory: see memory limits",
            ));
        }
        Err(failure) => checks.push(check("control groups", false, &failure.line(), "mount -t proc proc /proc")),
    }
    checks
}

/// Whether system calls can be filtered.
pub(super) fn seccomp() -> Support {
    if spawner::seccomp_is_there() {
        return Support::Full;
    }
    Support::Missing("this kernel has no seccomp filters: use one built with CONFIG_SECCOMP_FILTER".into())
}

fn check(name: &'static str, ok: bool, detail: &str, remedy: &str) -> Check {
    let remedy = if ok { String::new() } else { remedy.to_owned() };
    Check { name, ok, needed: true, detail: detail.to_owned(), remedy }
}

/// Something that the service can do without.
pub(super) fn optional(name: &'static str, ok: bool, detail: &str, remedy: &str) -> Check {
    Check { needed: false, ..check(name, ok, detail, remedy) }
}

fn supported(name: &'static str, support: &Support) -> Check {
    match support {
        Support::Full => check(name, true, "enforced", ""),
        Support::Weaker(how) => optional(name, false, "weaker", how),
        Support::Missing(reason) => optional(name, false, "not enforced", reason),
    }
}

fn who(standing: &Standing) -> Check {
    match *standing {
        Standing::Host => check("rights", true, "root", ""),
        Standing::Namespace { user, ids } if ids > 0 => {
            check("rights", true, &format!("user {user}, with {ids} further ids: one user for each sandbox"), "")
        }
        Standing::Namespace { user, .. } => optional(
            "rights",
            false,
            &format!("user {user}: all functions are the same user for this host"),
            "apt-get install uidmap, and a range for the user in /etc/subuid and /etc/subgid",
        ),
    }
}

fn kernel() -> Check {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let new = version(&release).is_some_and(|version| version >= KERNEL);
    check("kernel", new, &release, &format!("Linux {}.{} or later is needed", KERNEL.0, KERNEL.1))
}

/// Without it, functions reach nothing outside: `--network isolated`.
fn nat() -> Check {
    match network::possible() {
        Ok(()) => optional("network nat", true, "links, rules and forwarding", ""),
        Err(failure) => optional(
            "network nat",
            false,
            &failure.line(),
            "apt-get install nftables, on a kernel with CONFIG_NFT_MASQ",
        ),
    }
}

/// Rules of others that stand in the way of `nat`, if any do.
fn firewall() -> Option<Check> {
    let chains = network::foreign_firewalls();
    let (first, more) = chains.split_first()?;
    let detail = match more.len() {
        0 => format!("{first} drops what this host forwards"),
        more => format!("{first} and {more} more drop what this host forwards"),
    };
    let remedy = format!(r#"nft insert rule {first} iifname "hearth*" accept; the same with oifname"#);
    Some(optional("other firewalls", false, &detail, &remedy))
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn namespaces(standing: &Standing) -> Check {
    match user_namespace::create_and_wait(&Maps::probe(standing)) {
        Ok(_) => check("user namespaces", true, "one for each sandbox", ""),
        Err(failure) => {
            check("user namespaces", false, &failure.line(), "sysctl user.max_user_namespaces must not be 0")
        }
    }
}

fn seccomp_check() -> Check {
    // The service starts without one, but nobody should take that for a sandbox.
    Check { needed: true, ..supported("system-call filter", &seccomp()) }
}

fn tmp_check(standing: &Standing) -> Check {
    match tmp::missing(standing) {
        Ok(()) => check("/tmp of its own size", true, "ext4 on loop devices", ""),
        Err(reason) => optional("/tmp of its own size", false, "weaker", &reason),
    }
}

fn id_maps(data: &Path) -> Check {
    let name = "id-mapped mounts";
    let Some(place) = data.ancestors().find(|place| place.is_dir()).or(Some(Path::new("."))) else {
        return check(name, false, "no data directory", "name one that exists");
    };
    let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
    let mapped = user_namespace::create_and_wait(&Maps::probe(&Standing::Host))
        .and_then(|namespace| Ok((namespace, Tree::of(place)?)))
        .map_err(|failure| failure.line())
        .and_then(|(namespace, tree)| tree.probe_map(namespace.as_fd()).map_err(|cause| cause.to_string()));
    match mapped {
        Ok(()) => check(name, true, &format!("on the file system of {}", place.display()), ""),
        Err(cause) => check(
            name,
            false,
            &format!("{}: {cause}", place.display()),
            "keep data and runtimes on ext4, xfs or btrfs: elsewhere files look owned by nobody inside",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(version("6.18.44-fc-v657"), Some((6, 18)));
        assert_eq!(version("5.9.0-rc1"), Some((5, 9)));
        assert!(version("5.9.0") < Some(KERNEL) && version("10.0") > Some(KERNEL));
        assert_eq!(version("linux"), None);
    }

    #[test]
    fn everything_is_named_and_what_is_wrong_has_a_remedy() {
        let checks = doctor(Path::new("/nonexistent/data"));
        assert!(checks.iter().any(|check| check.name == "kernel"));
        for check in checks {
            assert_eq!(check.ok, check.remedy.is_empty(), "{check:?}");
        }
    }
}
