//! Which system calls a function may make.
//!
//! Every call up to the last one known to exist is allowed but a list; later ones do not exist in here until somebody
//! has looked at them. Three filters: the list, installed in PID 1 and inherited; one more for the function's processes
//! alone, because PID 1 needs `clone3` to put them into their cgroup; and one for sandboxes whose memory and freeze are not
//! the kernel's control groups', against what would get around their substitutes.

mod program;

use program::{Condition, Program, Rule, Rules, Verdict};
use std::io;

/// `CLONE_NEW*`, all of them.
const NEW_NAMESPACES: u32 = 0x7E02_0080;
/// `mseal`: nothing above it has been looked at.
const LAST_KNOWN_CALL: u32 = 462;
/// Numbers from here on are those of another ABI.
const END_OF_CALLS: u32 = 512;
/// `PR_SCHED_CORE`: makes other hyperthreads of a core idle, and with them the neighbours.
const CORE_SCHEDULING: i32 = 62;
/// The bits of a socket's type that are not flags.
const SOCKET_TYPE: u32 = 0xF;

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
    pub everyone: Program,
    /// For the function's processes on top: `clone3`, because its flags are out of a filter's sight, and calls that
    /// nobody has looked at answer ENOSYS; libraries then use older ones.
    pub processes: Program,
    /// For the function's processes on top, where memory is watched and freezing is SIGSTOP: what neither sees answers
    /// ENOSYS, as on a kernel built without it.
    pub watched: Program,
}

impl Filters {
    /// Compiles them.
    ///
    /// # Errors
    ///
    /// None: the input is constant.
    pub fn compile() -> io::Result<Self> {
        Ok(Self {
            everyone: for_everyone().compile()?,
            processes: for_processes().compile()?,
            watched: for_watched().compile()?,
        })
    }
}

const REFUSE: Verdict = Verdict::Refuse(libc::EPERM);
const MISSING: Verdict = Verdict::Refuse(libc::ENOSYS);

fn for_everyone() -> Rules {
    let known = Rules::all(REFUSE).between(0, LAST_KNOWN_CALL + 1, Rule::Always(Verdict::Allow));
    let allowed = REFUSED.iter().fold(known, |rules, call| rules.call(*call, Rule::Always(REFUSE)));
    allowed
        .call(libc::SYS_clone, only(vec![vec![without(0, NEW_NAMESPACES)]]))
        .call(libc::SYS_socket, only(socket_kinds()))
        .call(libc::SYS_socketpair, only(vec![vec![is(0, libc::AF_UNIX)]]))
        // Huge pages come from a pool of the host's, and are not charged as memory.
        .call(libc::SYS_mmap, only(vec![vec![without(3, libc::MAP_HUGETLB.cast_unsigned())]]))
        .call(libc::SYS_memfd_create, only(vec![vec![without(1, libc::MFD_HUGETLB)]]))
        .call(libc::SYS_shmget, only(vec![vec![without(2, libc::SHM_HUGETLB.cast_unsigned())]]))
        .call(libc::SYS_prctl, only(vec![vec![is_not(0, CORE_SCHEDULING)]]))
        .call(libc::SYS_fcntl, only(file_controls()))
}

fn for_processes() -> Rules {
    let known = Rules::all(Verdict::Allow)
        .between(LAST_KNOWN_CALL + 1, END_OF_CALLS, Rule::Always(MISSING))
        .call(libc::SYS_clone3, Rule::Always(MISSING));
    // PID 1 can be the same user, and is nobody's to slow down.
    OF_PROCESSES.iter().fold(known, |rules, (call, whom)| rules.call(*call, never(vec![is(*whom, 1)])))
}

fn for_watched() -> Rules {
    let seen = UNSEEN.iter().fold(Rules::all(Verdict::Allow), |rules, call| rules.call(*call, Rule::Always(MISSING)));
    // Grows below where data is counted.
    let flag = libc::MAP_GROWSDOWN.cast_unsigned();
    seen.call(libc::SYS_mmap, never(vec![Condition::Has { argument: 3, mask: flag, bits: flag }]))
}

/// Allowed where every condition of one of these holds.
fn only(one_of: Vec<Vec<Condition>>) -> Rule {
    Rule::If { one_of, then: Verdict::Allow, otherwise: REFUSE }
}

/// As if there were no such call where all of these hold.
fn never(all: Vec<Condition>) -> Rule {
    Rule::If { one_of: vec![all], then: MISSING, otherwise: Verdict::Allow }
}

/// The families and protocols a function has a use for. Others (AF_PACKET, AF_VSOCK, AF_ALG, SCTP, MPTCP, …) are kernel
/// surface without one, and the kernel would load modules for them.
fn socket_kinds() -> Vec<Vec<Condition>> {
    let mut kinds = vec![vec![is(0, libc::AF_UNIX)], vec![is(0, libc::AF_NETLINK), is(2, libc::NETLINK_ROUTE)]];
    for family in [libc::AF_INET, libc::AF_INET6] {
        for (kind, protocol) in [(libc::SOCK_STREAM, libc::IPPROTO_TCP), (libc::SOCK_DGRAM, libc::IPPROTO_UDP)] {
            let kind = Condition::Has { argument: 1, mask: SOCKET_TYPE, bits: kind.cast_unsigned() };
            kinds.extend([0, protocol].map(|protocol| vec![is(0, family), kind, is(2, protocol)]));
        }
    }
    kinds
}

/// No leases: a file of the service's can be the function's own as far as those are concerned, and who opens it next,
/// a neighbour for one, would wait. No SIGCONT for what happens to a descriptor: it would undo a freeze by signal.
fn file_controls() -> Vec<Vec<Condition>> {
    vec![
        [libc::F_SETLEASE, libc::F_NOTIFY, SET_SIGNAL].map(|command| is_not(1, command)).to_vec(),
        vec![is(1, SET_SIGNAL), is_not(2, libc::SIGCONT)],
    ]
}

/// None of these flags.
fn without(argument: u8, mask: u32) -> Condition {
    Condition::Has { argument, mask, bits: 0 }
}

fn is(argument: u8, value: i32) -> Condition {
    Condition::Is(argument, value.cast_unsigned())
}

fn is_not(argument: u8, value: i32) -> Condition {
    Condition::IsNot(argument, value.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::program::ARCHITECTURE;
    use super::*;

    /// The answers of a filter to a call: allowed, or an errno.
    fn ask(program: &Program, number: i64, arguments: [u64; 6]) -> i32 {
        match program.run(ARCHITECTURE, u32::try_from(number).unwrap(), arguments) {
            libc::SECCOMP_RET_ALLOW => 0,
            refused => (refused & libc::SECCOMP_RET_DATA).cast_signed(),
        }
    }

    #[test]
    fn calls_get_their_answers() {
        let Filters { everyone, processes, watched } = Filters::compile().unwrap();
        let none = [0; 6];
        for call in REFUSED {
            assert_eq!(ask(&everyone, *call, [u64::MAX; 6]), libc::EPERM, "{call}");
        }
        for call in [libc::SYS_read, libc::SYS_clone3, i64::from(LAST_KNOWN_CALL)] {
            assert_eq!(ask(&everyone, call, none), 0, "{call}");
        }
        // Later ones than mseal, those of x32, and whatever else a number can say.
        for call in [463, 511, 512, 0x4000_0000, 0x4000_0000 | 59, u32::MAX] {
            assert_eq!(ask(&everyone, call.into(), none), libc::EPERM, "{call}");
        }
        assert_eq!(ask(&processes, (LAST_KNOWN_CALL + 1).into(), none), libc::ENOSYS);
        assert_eq!(ask(&processes, libc::SYS_clone3, none), libc::ENOSYS);
        for (call, whom) in OF_PROCESSES {
            let mut of_pid_1 = none;
            of_pid_1[usize::from(*whom)] = 1;
            assert_eq!([ask(&processes, *call, none), ask(&processes, *call, of_pid_1)], [0, libc::ENOSYS], "{call}");
        }
        for call in UNSEEN {
            assert_eq!([ask(&processes, *call, none), ask(&watched, *call, none)], [0, libc::ENOSYS], "{call}");
        }
    }

    #[test]
    fn arguments_decide_where_they_matter() {
        let Filters { everyone, processes, watched } = Filters::compile().unwrap();
        let socket = |family: i32, kind: i32, protocol: i32| {
            let [family, kind, protocol] = [family, kind, protocol].map(|word| u64::from(word.cast_unsigned()));
            ask(&everyone, libc::SYS_socket, [family, kind, protocol, 0, 0, 0])
        };
        let cloexec = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
        assert_eq!(socket(libc::AF_INET6, cloexec, libc::IPPROTO_TCP), 0);
        assert_eq!(socket(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0), 0);
        assert_eq!(socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE), 0);
        assert_eq!(socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT), libc::EPERM);
        assert_eq!(socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_TCP), libc::EPERM);
        assert_eq!(socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP), libc::EPERM);
        assert_eq!(socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0), libc::EPERM);
        let flags = |program: &Program, call: i64, at: usize, flags: u64| {
            let mut arguments = [0; 6];
            arguments[at] = flags;
            ask(program, call, arguments)
        };
        for space in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWCGROUP, 0x80] {
            assert_eq!(flags(&everyone, libc::SYS_clone, 0, space.cast_unsigned().into()), libc::EPERM);
        }
        assert_eq!(flags(&everyone, libc::SYS_clone, 0, libc::CLONE_VM.cast_unsigned().into()), 0);
        assert_eq!(flags(&everyone, libc::SYS_mmap, 3, libc::MAP_HUGETLB.cast_unsigned().into()), libc::EPERM);
        assert_eq!(flags(&everyone, libc::SYS_mmap, 3, libc::MAP_GROWSDOWN.cast_unsigned().into()), 0);
        assert_eq!(flags(&watched, libc::SYS_mmap, 3, libc::MAP_GROWSDOWN.cast_unsigned().into()), libc::ENOSYS);
        assert_eq!(flags(&everyone, libc::SYS_prctl, 0, 62), libc::EPERM);
        // The kernel looks at the lower half of an int.
        assert_eq!(flags(&everyone, libc::SYS_prctl, 0, 1 << 32 | 62), libc::EPERM);
        let control = |command: i32, argument: i32| {
            let [command, argument] = [command, argument].map(|word| u64::from(word.cast_unsigned()));
            ask(&everyone, libc::SYS_fcntl, [3, command, argument, 0, 0, 0])
        };
        assert_eq!([control(libc::F_GETFL, 0), control(SET_SIGNAL, libc::SIGIO)], [0, 0]);
        assert_eq!([control(libc::F_SETLEASE, 0), control(SET_SIGNAL, libc::SIGCONT)], [libc::EPERM; 2]);
        assert_eq!(control(libc::F_NOTIFY, 0), libc::EPERM);
        let huge = |call: i64, at: usize| [0, 0o4000].map(|bits| flags(&everyone, call, at, bits)); // SHM_HUGETLB, 2,048
        assert_eq!(huge(libc::SYS_shmget, 2), [0, libc::EPERM]);
        assert_eq!([0, 4].map(|bits| flags(&everyone, libc::SYS_memfd_create, 1, bits)), [0, libc::EPERM]);
        let families = [libc::AF_UNIX, libc::AF_INET].map(|family| u64::from(family.cast_unsigned()));
        assert_eq!(families.map(|family| flags(&everyone, libc::SYS_socketpair, 0, family)), [0, libc::EPERM]);
        let priority = |whom: u64| ask(&processes, libc::SYS_setpriority, [0, whom, 0, 0, 0, 0]);
        assert_eq!([priority(0), priority(1)], [0, libc::ENOSYS]);
    }

    #[test]
    fn few_instructions_lead_to_an_answer() {
        let Filters { everyone, processes, watched } = Filters::compile().unwrap();
        for program in [everyone, processes, watched] {
            assert!(program.len() < 300, "{} instructions", program.len());
        }
    }

    #[test]
    fn a_refused_call_is_one_that_exists() {
        assert!(REFUSED.iter().all(|call| (0..=i64::from(LAST_KNOWN_CALL)).contains(call)));
    }
}
