//! Instances of no pool: made, stopped, started, changed and deleted one by one. They stay when
//! they end on their own; nobody replaces them.

use std::sync::Arc;

use exoscale::{
    ids::{InstanceId, TemplateId},
    models::{InstanceState, Operation},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    cloud::{Cloud, State, interrupted, now},
    instances::{Instance, InstanceSettings, KIND},
    operations::OperationFailure,
    password::Password,
    pools,
    refusal::Refusal,
    standalone_life::Life,
    templates,
};

/// Whether an instance is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    Off,
    /// With a number that rises with each reboot.
    On(u64),
}

/// What an instance of no pool has besides.
#[derive(Debug)]
pub(crate) struct Standalone {
    pub(crate) power: watch::Sender<Power>,
    /// Protected from deletion.
    pub(crate) protected: bool,
    /// Cancelled when it runs next.
    pub(crate) running: CancellationToken,
    /// Cancelled when it has ended next, for whatever reason.
    pub(crate) ended: CancellationToken,
}

/// An instance that is asked for.
#[derive(Debug)]
pub(crate) struct NewInstance {
    pub(crate) name: Option<String>,
    pub(crate) settings: InstanceSettings,
    pub(crate) start: bool,
}

/// `POST /instance`. The operation ends when the instance runs.
pub(crate) fn create(cloud: &Arc<Cloud>, new: NewInstance) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    pools::check_quota(cloud, &state, 1)?;
    let template = templates::name(&state, new.settings.template);
    let ports = cloud.config.runner.ports(&template);
    let ip = cloud.addresses().take(&ports).ok_or_else(|| {
        Refusal::Conflict("the local cloud has no free loopback address".to_owned())
    })?;
    let id = InstanceId::random();
    let power = if new.start { Power::On(0) } else { Power::Off };
    let (power, wanted) = watch::channel(power);
    let (leave, running) = (cloud.stopping.child_token(), CancellationToken::new());
    let name = new.name.unwrap_or_else(|| format!("vm-{id}"));
    new.settings.log_ignored_user_data(&name);
    let instance = Instance {
        id,
        name,
        pool: None,
        standalone: Some(Standalone {
            power,
            protected: false,
            running: running.clone(),
            ended: CancellationToken::new(),
        }),
        reverse_dns: None,
        state: if new.start {
            InstanceState::Starting
        } else {
            InstanceState::Stopped
        },
        created_at: now(),
        ip,
        booted: false,
        pid: None,
        failure: None,
        place: 0,
        password: Password::of_template(&state, new.settings.template),
        settings: Arc::new(new.settings),
        leave: leave.clone(),
        gone: CancellationToken::new(),
    };
    state.instances.insert(id, instance);
    cloud.spawn(Life::new(Arc::clone(cloud), id, ip, leave, wanted).run());
    let awaited = if new.start { vec![running] } else { Vec::new() };
    let then = new.start.then_some(InstanceState::Running);
    Ok(complete_in(cloud, &mut state, id, awaited, then))
}

/// `PUT /instance/{id}` and others that change what it is, not whether it runs. `needs_stop` is
/// for changes that the API refuses for an instance that runs.
pub(crate) fn update(
    cloud: &Arc<Cloud>,
    id: InstanceId,
    needs_stop: bool,
    change: impl FnOnce(&mut Instance) -> Result<(), Refusal>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let instance = find(&mut state, id)?;
    if needs_stop && instance.state != InstanceState::Stopped {
        return Err(Refusal::Conflict(format!(
            "instance {id} must be stopped for that"
        )));
    }
    let ignored = instance.settings.ignored_user_data().map(str::to_owned);
    change(instance)?;
    if instance.settings.ignored_user_data() != ignored.as_deref() {
        instance.settings.log_ignored_user_data(&instance.name);
    }
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `PUT /instance/{id}:reset`: as if it were made again, from another template if one is named. One
/// that runs boots again.
pub(crate) fn reset(
    cloud: &Arc<Cloud>,
    id: InstanceId,
    template: Option<TemplateId>,
    disk_size: Option<u32>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let template = template.unwrap_or(find(&mut state, id)?.settings.template);
    let password = Password::of_template(&state, template);
    let instance = find(&mut state, id)?;
    instance.password = password;
    let settings = Arc::make_mut(&mut instance.settings);
    settings.template = template;
    settings.disk_size = disk_size.unwrap_or(settings.disk_size);
    switch_in(cloud, &mut state, id, again)
}

/// `PUT /instance/{id}:reset-password`.
pub(crate) fn reset_password(cloud: &Arc<Cloud>, id: InstanceId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let instance = state.instances.get(&id).filter(|one| one.stays());
    let instance = instance.ok_or_else(|| Refusal::not_found(KIND, id))?;
    let template = instance.settings.template;
    let password = Password::of_template(&state, template)
        .ok_or_else(|| Refusal::Conflict(format!("template {template} is not password-enabled")))?;
    if let Some(instance) = state.instances.get_mut(&id) {
        instance.password = Some(password);
    }
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// The settings, for a change that is made at once.
pub(crate) fn settings_of(
    state: &mut State,
    id: InstanceId,
) -> Result<&mut InstanceSettings, Refusal> {
    Ok(Arc::make_mut(&mut find(state, id)?.settings))
}

/// `PUT /instance/{id}:start`.
pub(crate) fn start(cloud: &Arc<Cloud>, id: InstanceId) -> Result<Operation, Refusal> {
    switch(cloud, id, |power| match power {
        Power::Off => Power::On(0),
        on @ Power::On(_) => on,
    })
}

/// `PUT /instance/{id}:stop`.
pub(crate) fn stop(cloud: &Arc<Cloud>, id: InstanceId) -> Result<Operation, Refusal> {
    switch(cloud, id, |_| Power::Off)
}

/// `PUT /instance/{id}:reboot`. It reads its user-data again.
pub(crate) fn reboot(cloud: &Arc<Cloud>, id: InstanceId) -> Result<Operation, Refusal> {
    switch(cloud, id, again)
}

fn again(power: Power) -> Power {
    match power {
        Power::Off => Power::Off,
        Power::On(number) => Power::On(number.wrapping_add(1)),
    }
}

fn switch(
    cloud: &Arc<Cloud>,
    id: InstanceId,
    change: impl FnOnce(Power) -> Power,
) -> Result<Operation, Refusal> {
    switch_in(cloud, &mut cloud.state(), id, change)
}

fn switch_in(
    cloud: &Arc<Cloud>,
    state: &mut State,
    id: InstanceId,
    change: impl FnOnce(Power) -> Power,
) -> Result<Operation, Refusal> {
    let instance = find(state, id)?;
    let Some(own) = &mut instance.standalone else {
        return Err(in_a_pool(id));
    };
    let before = *own.power.borrow();
    let wanted = change(before);
    let mut awaited = Vec::new();
    let mut then = None;
    if wanted != before {
        (own.running, own.ended) = (CancellationToken::new(), CancellationToken::new());
        if wanted == Power::Off {
            awaited.push(own.ended.clone());
            instance.state = InstanceState::Stopping;
        } else {
            awaited.push(own.running.clone());
            instance.state = InstanceState::Starting;
            then = Some(InstanceState::Running);
        }
        own.power.send_replace(wanted);
    }
    Ok(complete_in(cloud, state, id, awaited, then))
}

/// The operation ends when all of `awaited` have happened; well, if the instance then is as wanted.
fn complete_in(
    cloud: &Arc<Cloud>,
    state: &mut State,
    id: InstanceId,
    awaited: Vec<CancellationToken>,
    then: Option<InstanceState>,
) -> Operation {
    cloud.complete_after(state, KIND, id.0, awaited, move |state| {
        let Some(instance) = state.instances.get(&id) else {
            return Err(interrupted("the instance was deleted meanwhile"));
        };
        match then {
            Some(wanted) if instance.state != wanted => Err(OperationFailure {
                reason: "fault".into(),
                message: format!(
                    "instance {} did not start: {}",
                    instance.name,
                    instance.failure.as_deref().unwrap_or("it was stopped")
                ),
            }),
            _ => Ok(()),
        }
    })
}

fn find(state: &mut State, id: InstanceId) -> Result<&mut Instance, Refusal> {
    let instance = state
        .instances
        .get_mut(&id)
        .filter(|instance| instance.stays());
    let instance = instance.ok_or_else(|| Refusal::not_found(KIND, id))?;
    if instance.standalone.is_none() {
        return Err(in_a_pool(id));
    }
    Ok(instance)
}

fn in_a_pool(id: InstanceId) -> Refusal {
    Refusal::Conflict(format!(
        "instance {id} is a member of an instance-pool, which changes it"
    ))
}
