//! A filter as the kernel takes it: classic BPF that finds the rule of a call by halving the numbers that are left.
//!
//! Not a list that is gone through, as libraries make one: the kernel runs a new filter on each number there is, to know for
//! which it will never have to run it again (`seccomp_cache_prepare`), and squares the list by that. For every sandbox that was
//! half a millisecond.
#![expect(unsafe_code, reason = "seccomp(2) has no safe wrapper")]

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW,
    SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS, sock_filter, sock_fprog,
};
use std::collections::BTreeMap;
use std::io;

/// `AUDIT_ARCH_X86_64` of linux/audit.h.
pub(super) const ARCHITECTURE: u32 = 0xC000_003E;
/// Where `struct seccomp_data` has the number, the architecture and the lower half of the first argument; bytes.
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const ARGUMENTS_AT: u32 = 16;
const ARGUMENT_BYTES: u32 = 8;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allow,
    /// It answers this errno.
    Refuse(i32),
}

/// What is asked of an argument: of its lower half, because all that are asked about are ints or flags whose upper half the
/// kernel ignores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Is(u8, u32),
    IsNot(u8, u32),
    /// Of the bits of the mask it has exactly these.
    Has {
        argument: u8,
        mask: u32,
        bits: u32,
    },
}

/// What becomes of calls with a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Always(Verdict),
    /// `then` where every condition of one of these holds.
    If {
        one_of: Vec<Vec<Condition>>,
        then: Verdict,
        otherwise: Verdict,
    },
}

/// The rules of all numbers.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// Each holds from its number up to the next.
    from: BTreeMap<u32, Rule>,
}

impl Rules {
    /// One for every call.
    pub(super) fn all(verdict: Verdict) -> Self {
        Self { from: BTreeMap::from([(0, Rule::Always(verdict))]) }
    }

    /// Another for the calls from `first` up to `end`, without that.
    pub(super) fn between(mut self, first: u32, end: u32, rule: Rule) -> Self {
        let after = self.from.range(..=end).next_back().map(|(_, rule)| rule.clone());
        self.from.retain(|number, _| !(first..end).contains(number));
        self.from.insert(first, rule);
        self.from.extend(after.map(|after| (end, after)));
        self
    }

    /// Another for one call.
    pub(super) fn call(self, number: i64, rule: Rule) -> Self {
        match u32::try_from(number) {
            Ok(number) => self.between(number, number + 1, rule),
            Err(_) => self, // there is no such call
        }
    }

    /// # Errors
    ///
    /// When a rule is so long that no jump leads over it.
    pub(super) fn compile(&self) -> io::Result<Program> {
        let mut ranges: Vec<_> = self.from.iter().collect();
        ranges.dedup_by(|later, earlier| later.1 == earlier.1);
        let mut code = vec![
            load(ARCHITECTURE_AT),
            jump(BPF_JEQ, ARCHITECTURE, 1, 0),
            statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
            load(NUMBER_AT),
        ];
        code.extend(halve(&ranges)?);
        Ok(Program(code))
    }
}

/// Finds the rule of the number that was loaded last.
fn halve(ranges: &[(&u32, &Rule)]) -> io::Result<Vec<sock_filter>> {
    let (lower, upper) = ranges.split_at(ranges.len() / 2);
    let (first, below) = match (lower, upper) {
        ([], []) => return Ok(Vec::new()),
        ([], [(_, rule), ..]) => return rule.compile(),
        (_, [(first, _), ..]) => (**first, halve(lower)?),
        (_, []) => return halve(lower),
    };
    let mut code = match u8::try_from(below.len()) {
        Ok(over) => vec![jump(BPF_JGE, first, over, 0)],
        // Further than a condition jumps.
        Err(_) => vec![
            jump(BPF_JGE, first, 0, 1),
            statement(BPF_JMP | BPF_JA, u32::try_from(below.len()).map_err(io::Error::other)?),
        ],
    };
    code.extend(below);
    code.extend(halve(upper)?);
    Ok(code)
}

impl Rule {
    fn compile(&self) -> io::Result<Vec<sock_filter>> {
        match self {
            Self::Always(verdict) => Ok(vec![verdict.answer()]),
            Self::If { one_of, then, otherwise } => {
                let mut code = Vec::new();
                for all in one_of {
                    code.extend(if_all(all, then.answer())?);
                }
                code.push(otherwise.answer());
                Ok(code)
            }
        }
    }
}

/// The answer where all hold; where one does not, what follows.
fn if_all(conditions: &[Condition], answer: sock_filter) -> io::Result<Vec<sock_filter>> {
    let mut code = vec![answer];
    for condition in conditions.iter().rev() {
        let past = u8::try_from(code.len()).map_err(io::Error::other)?;
        let mut asked = condition.ask(past);
        asked.append(&mut code);
        code = asked;
    }
    Ok(code)
}

impl Condition {
    /// What follows where it holds; else, so many instructions further.
    fn ask(self, otherwise: u8) -> Vec<sock_filter> {
        match self {
            Self::Is(argument, value) => vec![load_argument(argument), jump(BPF_JEQ, value, 0, otherwise)],
            Self::IsNot(argument, value) => vec![load_argument(argument), jump(BPF_JEQ, value, otherwise, 0)],
            Self::Has { argument, mask, bits } => vec![
                load_argument(argument),
                statement(BPF_ALU | BPF_AND | BPF_K, mask),
                jump(BPF_JEQ, bits, 0, otherwise),
            ],
        }
    }
}

impl Verdict {
    fn answer(self) -> sock_filter {
        let value = match self {
            Self::Allow => SECCOMP_RET_ALLOW,
            Self::Refuse(errno) => SECCOMP_RET_ERRNO | errno.cast_unsigned(),
        };
        statement(BPF_RET | BPF_K, value)
    }
}

fn load_argument(index: u8) -> sock_filter {
    load(ARGUMENTS_AT + u32::from(index) * ARGUMENT_BYTES)
}

fn load(at: u32) -> sock_filter {
    statement(BPF_LD | BPF_W | BPF_ABS, at)
}

fn statement(what: u32, value: u32) -> sock_filter {
    instruction(what, value, 0, 0)
}

/// Over so many instructions, as the comparison comes out.
fn jump(comparison: u32, value: u32, holds: u8, fails: u8) -> sock_filter {
    instruction(BPF_JMP | comparison | BPF_K, value, holds, fails)
}

#[expect(clippy::cast_possible_truncation, reason = "the kernel's codes have 16 bits, libc's constants 32")]
fn instruction(what: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: what as u16, jt, jf, k }
}

/// A filter that can be installed.
#[derive(Clone, Debug)]
pub struct Program(Vec<sock_filter>);

impl Program {
    /// Installs it in this thread, for good. Without CAP_SYS_ADMIN only after `no_new_privs`.
    ///
    /// # Errors
    ///
    /// The kernel's answer.
    pub fn install(&self) -> io::Result<()> {
        let len = u16::try_from(self.0.len()).map_err(io::Error::other)?;
        let program = sock_fprog { len, filter: self.0.as_ptr().cast_mut() };
        // SAFETY: the kernel copies the instructions, which outlive the call, and writes nothing.
        let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(test)]
impl Program {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What the kernel would make of it.
    pub(super) fn run(&self, architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut data = [number.to_le_bytes(), architecture.to_le_bytes()].concat();
        data.extend([0; 8]); // the instruction pointer
        data.extend(arguments.iter().flat_map(|argument| argument.to_le_bytes()));
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = self.0[at];
            at += 1;
            let either = |holds: bool| usize::from(if holds { jt } else { jf });
            match u32::from(code) {
                code if code == BPF_LD | BPF_W | BPF_ABS => {
                    let k = usize::try_from(k).unwrap();
                    accumulator = u32::from_le_bytes(data[k..k + 4].try_into().unwrap());
                }
                code if code == BPF_ALU | BPF_AND | BPF_K => accumulator &= k,
                code if code == BPF_JMP | BPF_JA => at += usize::try_from(k).unwrap(),
                code if code == BPF_JMP | BPF_JEQ | BPF_K => at += either(accumulator == k),
                code if code == BPF_JMP | BPF_JGE | BPF_K => at += either(accumulator >= k),
                code if code == BPF_RET | BPF_K => return k,
                code => panic!("an instruction nobody writes: {code:#x}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    impl Condition {
        fn holds(self, arguments: [u64; 6]) -> bool {
            #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked about")]
            let lower = |argument: u8| arguments[usize::from(argument)] as u32;
            match self {
                Self::Is(argument, value) => lower(argument) == value,
                Self::IsNot(argument, value) => lower(argument) != value,
                Self::Has { argument, mask, bits } => lower(argument) & mask == bits,
            }
        }
    }

    impl Rule {
        fn verdict(&self, arguments: [u64; 6]) -> Verdict {
            match self {
                Self::Always(verdict) => *verdict,
                Self::If { one_of, then, otherwise } => {
                    let holds = one_of.iter().any(|all| all.iter().all(|condition| condition.holds(arguments)));
                    if holds { *then } else { *otherwise }
                }
            }
        }
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        prop_oneof![Just(Verdict::Allow), (1..40).prop_map(Verdict::Refuse)]
    }

    fn condition() -> impl Strategy<Value = Condition> {
        prop_oneof![
            (0..6_u8, 0..4_u32).prop_map(|(argument, value)| Condition::Is(argument, value)),
            (0..6_u8, 0..4_u32).prop_map(|(argument, value)| Condition::IsNot(argument, value)),
            (0..6_u8, 0..4_u32, 0..4_u32).prop_map(|(argument, mask, bits)| Condition::Has { argument, mask, bits }),
        ]
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let conditional = (vec(vec(condition(), 0..4), 0..12), verdict(), verdict());
        prop_oneof![
            verdict().prop_map(Rule::Always),
            conditional.prop_map(|(one_of, then, otherwise)| Rule::If { one_of, then, otherwise }),
        ]
    }

    proptest! {
        #[test]
        fn a_program_says_what_its_rules_say(
            otherwise in verdict(),
            rules in vec((0..600_u32, 1..100_u32, rule()), 0..120),
            calls in vec((0..700_u32, prop::array::uniform6(0..5_u64)), 1..200),
        ) {
            // Who was set last counts.
            let of = |number: u32| {
                let last = rules.iter().rev().find(|(first, count, _)| (*first..first + count).contains(&number));
                last.map_or(Rule::Always(otherwise), |(_, _, rule)| rule.clone())
            };
            let set = |all: Rules, (first, count, rule): &(u32, u32, Rule)| all.between(*first, first + count, rule.clone());
            let program = rules.iter().fold(Rules::all(otherwise), set).compile().unwrap();
            let ends = [u32::MAX, 0x4000_0000].map(|number| (number, [0; 6]));
            for (number, arguments) in calls.into_iter().chain(ends) {
                let expected = of(number).verdict(arguments).answer().k;
                prop_assert_eq!(program.run(ARCHITECTURE, number, arguments), expected, "call {}", number);
            }
        }
    }

    #[test]
    fn who_calls_as_another_architecture_is_killed() {
        let program = Rules::all(Verdict::Allow).compile().unwrap();
        assert_eq!(program.run(ARCHITECTURE, 0, [0; 6]), SECCOMP_RET_ALLOW);
        assert_eq!(program.run(0x4000_0003, 0, [0; 6]), SECCOMP_RET_KILL_PROCESS);
    }

    #[test]
    fn a_rule_that_no_condition_jumps_over_does_not_compile() {
        let all = vec![Condition::IsNot(0, 0); 200];
        let rule = Rule::If { one_of: vec![all], then: Verdict::Allow, otherwise: Verdict::Refuse(1) };
        assert!(Rules::all(Verdict::Allow).call(7, rule).compile().is_err());
    }
}
