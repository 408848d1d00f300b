use super::demand::{BARRED_US, BURST_US, EXPECTED_US, FORGOTTEN_US, HALF_LIFE_US};
use super::*;
use proptest::prelude::*;

const PLENTY: Limits = Limits { budget_kib: u64::MAX, most: 1_000, tmps: 0 };

fn later(now: Moment, us: u64) -> Moment {
    Moment(now.0 + us)
}

/// A pool that follows the policy to the letter.
fn fill<K: Clone + Ord>(pool: &BlankPool<K>, now: Moment, stock: &mut BTreeMap<K, usize>, tmps: &mut usize) -> usize {
    for steps in 0.. {
        match pool.next(now, stock, *tmps) {
            Step::Make(kind) => *stock.entry(kind).or_default() += 1,
            Step::Drop(kind) => *stock.get_mut(&kind).expect("there is one") -= 1,
            Step::PrepareTmp => *tmps += 1,
            Step::Wait(_) => return steps,
        }
        assert!(steps < 10_000, "the stock never settles");
    }
    unreachable!("it settles or panics")
}

#[test]
fn of_each_kind_one_more_is_kept_than_came_at_once() {
    let mut pool = BlankPool::new(PLENTY);
    let now = Moment(7);
    (0..30).for_each(|_| pool.want(now, &"python", 10));
    pool.want(now, &"node", 10);
    assert_eq!(pool.goals(now), [("node", 2), ("python", 31)]);
    // Sequential cold starts are no burst.
    (1..100).for_each(|turn| pool.want(later(now, turn * BURST_US), &"node", 10));
    assert!(pool.goals(later(now, 100 * BURST_US)).contains(&("node", 2)));
}

#[test]
fn a_guess_halves_down_to_one_and_ends() {
    let mut pool = BlankPool::new(PLENTY);
    let now = Moment(0);
    (0..8).for_each(|_| pool.want(now, &(), 1));
    let kept = |us| pool.goals(later(now, us)).first().map_or(0, |(_, goal)| *goal);
    assert_eq!([0, 1, 2, 3, 4, 5].map(|half_lives| kept(half_lives * HALF_LIFE_US)), [9, 5, 3, 2, 1, 1]);
    assert_eq!((kept(FORGOTTEN_US - 1), kept(FORGOTTEN_US)), (1, 0));
}

#[test]
fn what_is_only_expected_is_there_once() {
    let mut pool = BlankPool::new(PLENTY);
    pool.expect(Moment(0), &"python", 10);
    assert_eq!(pool.next(Moment(0), &BTreeMap::new(), 0), Step::Make("python"), "nobody is busy");
    let settled = BTreeMap::from([("python", 1)]);
    assert_eq!(pool.next(Moment(0), &settled, 0), Step::Wait(Some(Moment(EXPECTED_US))));
    assert_eq!(pool.next(Moment(EXPECTED_US), &settled, 0), Step::Drop("python"));
    pool.expect(Moment(EXPECTED_US), &"python", 10);
    pool.retain(|kind| *kind != "python");
    assert_eq!(pool.next(Moment(EXPECTED_US), &settled, 0), Step::Drop("python"), "forgotten");
}

#[test]
fn what_is_only_expected_takes_nothing_from_what_is_wanted() {
    let mut pool = BlankPool::new(Limits { budget_kib: 60, most: 100, tmps: 0 });
    pool.want(Moment(0), &0, 10);
    (1..2 * KINDS).for_each(|kind| pool.expect(Moment(kind as u64), &kind, 10));
    let newest = 2 * KINDS - 1;
    let expected = (0..EXPECTED_KINDS).map(|back| (newest - back, 1));
    let all: Vec<_> = std::iter::once((0, 2)).chain(expected).collect();
    assert_eq!(pool.goals(Moment(200)), all, "a few, the latest");
    pool.want(Moment(201), &1_000, 40);
    assert_eq!(pool.goals(Moment(201)), [(1_000, 1), (0, 2)]);
}

#[test]
fn what_fails_is_tried_later_and_later() {
    let mut pool = BlankPool::new(PLENTY);
    let none = BTreeMap::new();
    pool.expect(Moment(0), &(), 1);
    let mut now = Moment(0);
    for pause in [1, 2, 4, 8, 16, 32, 60, 60].map(|seconds| seconds * BARRED_US.0) {
        assert_eq!(pool.next(now, &none, 0), Step::Make(()));
        pool.failed(now, &());
        pool.expect(now, &(), 1);
        let until = later(now, pause);
        assert_eq!(pool.next(now, &none, 0), Step::Wait(Some(until)));
        assert_eq!(pool.next(now, &BTreeMap::from([((), 1)]), 0), Step::Wait(Some(until)), "those that last stay");
        now = until;
    }
    assert_eq!(pool.next(now, &none, 0), Step::Make(()));
    pool.shortage(now);
    assert_eq!(pool.next(now, &none, 0), Step::Wait(Some(later(now, SHORTAGE_US))));
}

#[test]
fn tmps_are_made_once_no_sandbox_is_missing_and_in_pauses() {
    let mut pool = BlankPool::new(Limits { tmps: 2, ..PLENTY });
    let (none, one) = (BTreeMap::new(), BTreeMap::from([((), 1)]));
    assert_eq!(pool.next(Moment(0), &none, 1), Step::PrepareTmp, "nothing is wanted yet");
    assert_eq!(pool.next(Moment(0), &none, 2), Step::Wait(None));
    pool.expect(Moment(0), &(), 1);
    assert_eq!(pool.next(Moment(0), &none, 0), Step::Make(()), "sandboxes first");
    assert_eq!(pool.next(Moment(0), &one, 0), Step::PrepareTmp);
    pool.tmp_failed(Moment(0));
    assert_eq!(pool.next(Moment(0), &one, 0), Step::Wait(Some(Moment(BARRED_US.0))));
    let mut now = Moment(BARRED_US.0);
    assert_eq!(pool.next(now, &one, 0), Step::PrepareTmp);
    pool.shortage(now);
    assert_eq!(pool.next(now, &one, 0), Step::Wait(Some(later(now, SHORTAGE_US))), "there is no room for one");
    now = later(now, SHORTAGE_US);
    pool.want(now, &(), 1);
    assert_eq!(pool.next(now, &one, 0), Step::Wait(Some(later(now, PATIENCE_US))), "a cold start is under way");
    let two = BTreeMap::from([((), 2)]);
    let impatient = later(now, TMP_PATIENCE_US);
    assert_eq!(pool.next(later(now, PATIENCE_US), &two, 0), Step::Wait(Some(impatient)), "it still is");
    assert_eq!(pool.next(impatient, &two, 0), Step::PrepareTmp, "it never ends");
    pool.started(later(now, PATIENCE_US));
    let calm = later(now, PATIENCE_US + QUIET_US);
    assert_eq!(pool.next(later(now, PATIENCE_US), &two, 0), Step::Wait(Some(calm)));
    assert_eq!(pool.next(calm, &two, 0), Step::PrepareTmp);
}

#[test]
fn everybody_gets_one_before_anybody_gets_two() {
    let mut pool = BlankPool::new(Limits { budget_kib: 40, most: 10, tmps: 0 });
    for (kind, at) in [("a", 1), ("b", 2), ("c", 3)] {
        (0..5).for_each(|_| pool.want(Moment(at), &kind, 10));
    }
    assert_eq!(pool.goals(Moment(3)), [("c", 2), ("b", 1), ("a", 1)]);
    pool.made(&"c", 25);
    assert_eq!(pool.goals(Moment(3)), [("c", 1), ("b", 1)], "what it really takes counts");
}

#[test]
fn while_cold_starts_are_under_way_nothing_is_made_for_a_while() {
    let mut pool = BlankPool::new(PLENTY);
    let none = BTreeMap::new();
    let patience = Moment(PATIENCE_US);
    pool.want(Moment(0), &(), 1);
    assert_eq!(pool.next(Moment(QUIET_US), &none, 0), Step::Wait(Some(patience)), "it has not ended");
    pool.want(Moment(1), &(), 1);
    pool.started(Moment(2));
    assert_eq!(pool.next(Moment(QUIET_US), &none, 0), Step::Wait(Some(patience)), "neither has the other one");
    pool.started(Moment(3));
    assert_eq!(pool.next(Moment(4), &none, 0), Step::Wait(Some(Moment(QUIET_US + 3))));
    assert_eq!(pool.next(Moment(QUIET_US + 3), &none, 0), Step::Make(()));
    // After that pause, patience begins anew.
    let later = 2 * QUIET_US;
    pool.want(Moment(later), &(), 1);
    assert_eq!(pool.next(Moment(later), &none, 0), Step::Wait(Some(Moment(later + PATIENCE_US))));
    assert_eq!(pool.next(Moment(later + PATIENCE_US), &none, 0), Step::Make(()), "it never ends");
}

#[derive(Clone, Debug)]
enum Happening {
    Want(u8),
    Started,
    Expect(u8),
    Made(u8, u64),
    Forget(u8),
    Failed(u8),
    TmpTaken,
    TmpFailed,
    Shortage,
    Pass(u64),
    Fill,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let kind = 0_u8..80;
    let pass = prop_oneof![0..2 * QUIET_US, 0..2 * HALF_LIFE_US, 0..2 * FORGOTTEN_US];
    let happening = prop_oneof![
        8 => kind.clone().prop_map(Happening::Want),
        6 => Just(Happening::Started),
        2 => kind.clone().prop_map(Happening::Expect),
        1 => (kind.clone(), 0_u64..200).prop_map(|(kind, cost)| Happening::Made(kind, cost)),
        1 => kind.clone().prop_map(Happening::Forget),
        1 => kind.prop_map(Happening::Failed),
        2 => Just(Happening::TmpTaken),
        1 => Just(Happening::TmpFailed),
        1 => Just(Happening::Shortage),
        4 => pass.prop_map(Happening::Pass),
        3 => Just(Happening::Fill),
    ];
    proptest::collection::vec(happening, 0..300)
}

proptest! {
    /// Whatever happens: the goals are within the limits and of kinds that were wanted, the stock settles at them, and
    /// time alone changes nothing before it was said to.
    #[test]
    fn goals_stay_within_limits_and_are_reached(
        happenings in happenings(), budget_kib in 0_u64..2_000, most in 0_usize..40, wanted_tmps in 0_usize..40,
    ) {
        let mut pool = BlankPool::new(Limits { budget_kib, most, tmps: wanted_tmps });
        let (mut now, mut stock, mut cost, mut tmps) = (Moment(0), BTreeMap::new(), BTreeMap::new(), 0_usize);
        for happening in happenings {
            match happening {
                Happening::Want(kind) => {
                    pool.want(now, &kind, 30);
                    cost.entry(kind).or_insert(30);
                    // It takes one if there is one.
                    stock.entry(kind).and_modify(|count: &mut usize| *count = count.saturating_sub(1));
                }
                Happening::Started => pool.started(now),
                Happening::Expect(kind) => {
                    pool.expect(now, &kind, 30);
                    cost.entry(kind).or_insert(30);
                }
                Happening::Made(kind, kib) => pool.made(&kind, kib),
                Happening::Forget(kind) => pool.retain(|other| *other != kind),
                Happening::Failed(kind) => pool.failed(now, &kind),
                Happening::TmpTaken => tmps = tmps.saturating_sub(1),
                Happening::TmpFailed => pool.tmp_failed(now),
                Happening::Shortage => pool.shortage(now),
                Happening::Pass(us) => now = later(now, us),
                Happening::Fill => {
                    fill(&pool, now, &mut stock, &mut tmps);
                }
            }
            let goals = pool.goals(now);
            let kib: u64 = goals.iter().map(|(kind, goal)| pool.kinds[kind].cost_kib * *goal as u64).sum();
            prop_assert!(kib <= budget_kib, "{} KiB of {}", kib, budget_kib);
            prop_assert!(goals.iter().map(|(_, goal)| goal).sum::<usize>() <= most);
            prop_assert!(pool.kinds.len() <= KINDS);
            prop_assert!(tmps <= wanted_tmps);
            if pool.next(now, &stock, tmps) == Step::PrepareTmp {
                let there_are = |kind| stock.get(kind).copied().unwrap_or(0);
                let barred = |kind| now < pool.kinds[kind].barred_until();
                prop_assert!(goals.iter().all(|(kind, goal)| there_are(kind) == *goal || barred(kind)), "one is missing");
                prop_assert!(now >= pool.short_until && pool.busy.is_none_or(|busy| now >= busy.until(TMP_PATIENCE_US)));
            }
            prop_assert!(goals.iter().all(|(kind, _)| cost.contains_key(kind)));
        }
        // Nothing is under way, barred or short any more.
        now = later(now, BARRED_US.1);
        fill(&pool, now, &mut stock, &mut tmps);
        let reached: Vec<_> = stock.iter().filter(|(_, count)| **count > 0).map(|(kind, count)| (*kind, *count)).collect();
        let mut goals = pool.goals(now);
        goals.sort_unstable();
        prop_assert_eq!(&reached, &goals);
        prop_assert_eq!(tmps, wanted_tmps);
        match pool.next(now, &stock, tmps) {
            Step::Wait(Some(until)) => {
                prop_assert!(until > now);
                let just_before = Moment(until.0 - 1);
                prop_assert_eq!(fill(&pool, just_before, &mut stock.clone(), &mut tmps.clone()), 0);
            }
            Step::Wait(None) => prop_assert_eq!(fill(&pool, later(now, 10 * FORGOTTEN_US), &mut stock.clone(), &mut tmps.clone()), 0),
            step => prop_assert!(false, "{:?} after it has settled", step),
        }
        let long_after = later(now, FORGOTTEN_US);
        fill(&pool, long_after, &mut stock, &mut tmps);
        prop_assert!(stock.values().all(|count| *count == 0), "what nobody wants is given up");
        prop_assert_eq!(tmps, wanted_tmps, "whether anything is wanted or not");
    }

    /// A burst that comes again as it came before finds everything it needs.
    #[test]
    fn the_same_burst_again_is_served(burst in 1_usize..200, pause in PATIENCE_US..HALF_LIFE_US) {
        let mut pool = BlankPool::new(PLENTY);
        (0..burst).for_each(|_| pool.want(Moment(0), &(), 1));
        (0..burst).for_each(|_| pool.started(Moment(1)));
        let mut stock = BTreeMap::new();
        fill(&pool, Moment(pause), &mut stock, &mut 0);
        prop_assert!(stock[&()] >= burst);
    }
}
