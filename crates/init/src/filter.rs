//! Which system calls a function may make.
//!
//! Every call up to the last one known to exist is allowed but a list; later ones do not exist in here until somebody
//! has looked at them. Three filters: the list, installed in PID 1 and inherited; one more for the function's processes
//! alone, because PID 1 needs `clone3` to put them into their cgroup; and one for sandboxes whose memory and freeze are not
//! the kernel's control groups', against what would get around their substitutes.

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// `CLONE_NEW*`, all of them.
const NEW_NAMESPACES: u64 = 0x7E02_0080;
/// `mseal`: nothing above it has been looked at.
const LAST_KNOWN_CALL: i64 = 462;
/// Numbers from here on are those of another ABI.
const END_OF_CALLS: i64 = 512;
/// `PR_SCHED_CORE`: makes other hyperthreads of a core idle, and with them the neighbours.
const CORE_SCHEDULING: i32 = 62;
/// The bits of a socket's type that are not flags.
const SOCKET_TYPE: u64 = 0xF;

/// Calls no function needs: they reach for the host, for other processes, or for large kernel surfaces.
const REFUSED: &[i64] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_setup, // contexts are counted for the whole host (fs.aio-max-nr), not by user
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_fanotify_init,
    libc::SYS_nfsservctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_uselib,
    libc::SYS__sysctl,
    libc::SYS_ustat,
    libc::SYS_sysfs,
];

/// Memory and signals that a watchdog does not see: of timers, SIGCONT among them, which would undo a freeze; of memory
/// that nobody has mapped.
const UNSEEN: &[i64] =
    &[libc::SYS_timer_create, libc::SYS_memfd_create, libc::SYS_memfd_secret, libc::SYS_shmget, libc::SYS_msgget];
/// Calls that change another process of the same user, and which argument says whom.
const OF_PROCESSES: &[(i64, u8)] = &[
    (libc::SYS_prlimit64, 0),
    (libc::SYS_sched_setscheduler, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setattr, 0),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_setpriority, 1),
    (libc::SYS_ioprio_set, 1),
];
/// `F_SETSIG`, which `libc` does not have (`fcntl(2)`).
const SET_SIGNAL: i32 = 10;

/// The filters of a sandbox.
#[derive(Clone, Debug)]
pub struct Filters {
    /// For PID 1 and everybody after it: what is not allowed answers EPERM.
    pub everyone: BpfProgram,
    /// For the function's processes on top: `clone3`, because its flags are out of a filter's sight, and calls that
    /// nobody has looked at answer ENOSYS; libraries then use older ones.
    pub processes: BpfProgram,
    /// For the function's processes on top, where memory is watched and freezing is SIGSTOP: what neither sees answers
    /// ENOSYS, as on a kernel built without it.
    pub watched: BpfProgram,
}

impl Filters {
    /// Compiles them. Costs a millisecond: once per spawner.
    ///
    /// # Errors
    ///
    /// [`BackendError`]; the input is constant, so only on a machine that is not supported.
    pub fn compile() -> Result<Self, BackendError> {
        let mut allowed: BTreeMap<i64, Vec<SeccompRule>> =
            (0..=LAST_KNOWN_CALL).filter(|call| !REFUSED.contains(call)).map(|call| (call, vec![])).collect();
        allowed.insert(libc::SYS_clone, vec![no_new_namespace()?]);
        allowed.insert(libc::SYS_socket, socket_kinds()?);
        allowed.insert(libc::SYS_socketpair, vec![family(libc::AF_UNIX)?]);
        // Huge pages come from a pool of the host's, and are not charged as memory.
        allowed.insert(libc::SYS_mmap, vec![without(3, libc::MAP_HUGETLB)?]);
        allowed.insert(libc::SYS_memfd_create, vec![without(1, libc::MFD_HUGETLB.cast_signed())?]);
        allowed.insert(libc::SYS_shmget, vec![without(2, libc::SHM_HUGETLB)?]);
        let other_option = argument(0, SeccompCmpOp::Ne, number(CORE_SCHEDULING))?;
        allowed.insert(libc::SYS_prctl, vec![SeccompRule::new(vec![other_option])?]);
        allowed.insert(libc::SYS_fcntl, file_controls()?);
        let later = LAST_KNOWN_CALL + 1..END_OF_CALLS;
        let mut unknown: BTreeMap<i64, Vec<SeccompRule>> =
            later.chain([libc::SYS_clone3]).map(|call| (call, vec![])).collect();
        let mut unseen: BTreeMap<i64, Vec<SeccompRule>> = UNSEEN.iter().map(|call| (*call, vec![])).collect();
        // Grows below where data is counted.
        let grows_down = argument(3, SeccompCmpOp::MaskedEq(number(libc::MAP_GROWSDOWN)), number(libc::MAP_GROWSDOWN))?;
        unseen.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![grows_down])?]);
        // PID 1 can be the same user, and is nobody's to slow down.
        for (call, whom) in OF_PROCESSES {
            unknown.insert(*call, vec![SeccompRule::new(vec![argument(*whom, SeccompCmpOp::Eq, 1)?])?]);
        }
        Ok(Self {
            watched: build(unseen, SeccompAction::Allow, refuse(libc::ENOSYS))?,
            everyone: build(allowed, refuse(libc::EPERM), SeccompAction::Allow)?,
            processes: build(unknown, SeccompAction::Allow, refuse(libc::ENOSYS))?,
        })
    }
}

/// Installs a filter in this thread, for good. Without CAP_SYS_ADMIN only after `no_new_privs`.
///
/// # Errors
///
/// [`seccompiler::Error`]
pub fn install(program: &BpfProgram) -> Result<(), seccompiler::Error> {
    seccompiler::apply_filter(program)
}

fn no_new_namespace() -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![argument(0, SeccompCmpOp::MaskedEq(NEW_NAMESPACES), 0)?])
}

/// The families and protocols a function has a use for. Others (AF_PACKET, AF_VSOCK, AF_ALG, SCTP, MPTCP, …) are kernel
/// surface without one, and the kernel would load modules for them.
fn socket_kinds() -> Result<Vec<SeccompRule>, BackendError> {
    let route = SeccompRule::new(vec![
        argument(0, SeccompCmpOp::Eq, number(libc::AF_NETLINK))?,
        argument(2, SeccompCmpOp::Eq, number(libc::NETLINK_ROUTE))?,
    ])?;
    let mut kinds = vec![family(libc::AF_UNIX)?, route];
    for family in [libc::AF_INET, libc::AF_INET6] {
        for (kind, protocol) in [(libc::SOCK_STREAM, libc::IPPROTO_TCP), (libc::SOCK_DGRAM, libc::IPPROTO_UDP)] {
            for protocol in [0, protocol] {
                kinds.push(SeccompRule::new(vec![
                    argument(0, SeccompCmpOp::Eq, number(family))?,
                    argument(1, SeccompCmpOp::MaskedEq(SOCKET_TYPE), number(kind))?,
                    argument(2, SeccompCmpOp::Eq, number(protocol))?,
                ])?);
            }
        }
    }
    Ok(kinds)
}

/// No leases: a file of the service's can be the function's own as far as those are concerned, and who opens it next,
/// a neighbour for one, would wait. No SIGCONT for what happens to a descriptor: it would undo a freeze by signal.
fn file_controls() -> Result<Vec<SeccompRule>, BackendError> {
    let but = |command: i32| argument(1, SeccompCmpOp::Ne, number(command));
    Ok(vec![
        SeccompRule::new(vec![but(libc::F_SETLEASE)?, but(libc::F_NOTIFY)?, but(SET_SIGNAL)?])?,
        SeccompRule::new(vec![
            argument(1, SeccompCmpOp::Eq, number(SET_SIGNAL))?,
            argument(2, SeccompCmpOp::Ne, number(libc::SIGCONT))?,
        ])?,
    ])
}

/// None of these flags.
fn without(index: u8, flags: i32) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![argument(index, SeccompCmpOp::MaskedEq(number(flags)), 0)?])
}

fn family(family: i32) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![argument(0, SeccompCmpOp::Eq, number(family))?])
}

fn argument(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    // All arguments used here are ints or flags whose upper half the kernel ignores: compare what it will see.
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)
}

fn number(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

fn refuse(errno: i32) -> SeccompAction {
    SeccompAction::Errno(errno.cast_unsigned())
}

fn build(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    BpfProgram::try_from(SeccompFilter::new(rules, otherwise, matched, TargetArch::x86_64)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_filters_compile_and_fit_into_the_kernel() {
        let filters = Filters::compile().unwrap();
        for program in [&filters.everyone, &filters.processes, &filters.watched] {
            assert!(program.len() < 4_096, "{} instructions", program.len());
        }
    }

    #[test]
    fn a_refused_call_is_one_that_exists() {
        assert!(REFUSED.iter().all(|call| (0..=LAST_KNOWN_CALL).contains(call)));
    }
}
