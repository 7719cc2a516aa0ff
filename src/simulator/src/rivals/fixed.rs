//! A pool that keeps its size.

use super::Tick;
use crate::world::{Scaler, World};

pub(crate) struct Fixed;

impl Scaler for Fixed {
    type Timer = Tick;

    fn start(&mut self, _: &mut World<'_, Tick>) {}

    fn fire(&mut self, _: Tick, _: &mut World<'_, Tick>) {}
}
