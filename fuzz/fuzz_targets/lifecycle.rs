//! The lifecycle: any bytes are an order of events, and its promises hold for each.
#![no_main]

use hearth_core::environment::{Action, Answer, Call, Event, ExecutionEnvironment, Moment, Phase};
use hearth_core::error::ErrorType;
use hearth_core::ids::RequestId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|steps: Vec<(u16, u8)>| {
    let mut environment = ExecutionEnvironment::new();
    let (mut now, mut next_id) = (Moment(0), 0u128);
    let (mut answered, mut open) = (0u32, 0u32);
    for (gap, choice) in steps {
        now = Moment(now.0 + u64::from(gap) * 1_000);
        let request_id = environment.phase().invocation().unwrap_or(RequestId(u128::MAX));
        let generation = environment.generation().wrapping_sub(u32::from(choice >> 7));
        let event = match choice % 12 {
            0 => Event::Start,
            1 | 2 => Event::Invoke(Call { request_id: RequestId(next_id), timeout_ms: u64::from(gap) }),
            3 | 4 => Event::Next,
            5 => Event::Respond { request_id, answer: Answer::Accepted },
            6 => Event::InitError,
            7 => Event::RuntimeFailed { generation, fault: ErrorType::RuntimeExitError },
            8 => Event::Deadline,
            9 => Event::Emptied { generation },
            10 => Event::Retire,
            _ => [Event::Stop, Event::Lost, Event::Terminated][usize::from(choice >> 4) % 3],
        };
        let mut actions = Vec::new();
        if environment.handle(now, event, &mut actions).is_err() {
            assert!(actions.is_empty());
            continue;
        }
        if let Event::Invoke(_) = event {
            next_id += 1;
            open += 1;
        }
        answered += actions.iter().filter(|action| matches!(action, Action::Complete(..))).count() as u32;
        assert!(answered <= open, "an invocation is answered once");
        if matches!(environment.phase(), Phase::Idle | Phase::Cold | Phase::Gone) {
            assert_eq!(answered, open, "nobody waits for an environment that does nothing");
        }
    }
});
