//! How the policy decides: limits, times and steps.

use policy::{Bounds, Rules, ScaleIn, ScaleOut, StepSize};

use super::reader::Reader;

pub(super) fn rules(r: &mut Reader<'_>) -> Option<Rules> {
    let min = r.count("scaling.min_size");
    let max = r.count("scaling.max_size");
    let window = r.duration("scaling.cooldown");
    let fresh = r.duration("scaling.max_read_age");
    let retry = r.duration("scaling.retry");
    let scale_out = scale_out(r);
    let scale_in = scale_in(r);
    let (min, max) = (min?.get(), max?.get());
    let bounds = Bounds::new(min, max).ok();
    if bounds.is_none() {
        r.contradiction([
            (
                "scaling.min_size",
                format!("is {min}, larger than scaling.max_size, {max}"),
            ),
            (
                "scaling.max_size",
                format!("is {max}, smaller than scaling.min_size, {min}"),
            ),
        ]);
    }
    Some(Rules {
        bounds: bounds?,
        cooldown: window?,
        fresh: fresh?,
        retry: retry?,
        scale_out: scale_out?,
        scale_in: scale_in?,
    })
}

fn scale_out(r: &mut Reader<'_>) -> Option<ScaleOut> {
    let step = r.required("scale_out.step");
    let severity = r.required("scale_out.severity");
    let max_step = r.required("scale_out.max_step");
    let at_least_lifetime = r.duration("scale_out.at_least_lifetime");
    let alert_lifetime = r.duration("scale_out.alert_lifetime");
    let max_unready = r.required("scale_out.max_unready");
    let capacity_pause = r.duration("scale_out.capacity_pause");
    let capacity_pause_max = r.duration("scale_out.capacity_pause_max");
    if let (Some(first), Some(longest)) = (capacity_pause, capacity_pause_max)
        && first > longest
    {
        r.contradiction([
            (
                "scale_out.capacity_pause",
                format!("is {first:?}, longer than scale_out.capacity_pause_max, {longest:?}"),
            ),
            (
                "scale_out.capacity_pause_max",
                format!("is {longest:?}, shorter than scale_out.capacity_pause, {first:?}"),
            ),
        ]);
    }
    Some(ScaleOut {
        step: step?,
        max_step: max_step?,
        severity: severity?,
        at_least_lifetime: at_least_lifetime?,
        alert_lifetime: alert_lifetime?,
        max_unready: max_unready?,
        capacity_pause: capacity_pause?,
        capacity_pause_max: capacity_pause_max?,
    })
}

fn scale_in(r: &mut Reader<'_>) -> Option<ScaleIn> {
    let mut step = r.required::<StepSize>("scale_in.step");
    if step.take_if(|step| step.percent() >= 100).is_some() {
        r.problem(
            "scale_in.step",
            "is a share of 100% or more, which would leave no member; write less".to_owned(),
        );
    }
    let alert_lifetime = r.duration("scale_in.alert_lifetime");
    let stabilisation = r.duration("scale_in.stabilisation");
    let warm_up = r.duration("scale_in.warm_up");
    Some(ScaleIn {
        step: step?,
        alert_lifetime: alert_lifetime?,
        stabilisation: stabilisation?,
        warm_up: warm_up?,
    })
}
