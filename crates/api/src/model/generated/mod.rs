//! Tables that `scripts/generate_models.py` writes. Nothing here is edited by hand: see [`super::overrides`].

#[rustfmt::skip]
pub(super) mod lambda;
#[rustfmt::skip]
pub(super) mod logs;
