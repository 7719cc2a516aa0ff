//! What an instance is made of. A runner starts and stops it; it never decides when.

mod process;

use std::{fmt, future, io, net::Ipv4Addr, time::Duration};

use exoscale::ids::InstanceId;
use futures_util::{FutureExt as _, future::BoxFuture};

pub use process::{InstanceCommand, ProcessRunner};

/// What a runner needs to know about the instance it starts.
#[derive(Clone, Debug)]
pub struct InstanceSpec {
    /// Its id.
    pub id: InstanceId,
    /// Its name, for logs.
    pub name: String,
    /// The name of the template that it was made from: which image it is.
    pub template: String,
    /// It has no document of this project for that image, so it runs as a plain server.
    pub plain: bool,
    /// Its own address.
    pub ip: Ipv4Addr,
    /// Where it reads its metadata: the stand-in for `http://169.254.169.254`.
    pub metadata_url: String,
    /// Variables that lead its programs to this API instead of Exoscale's.
    pub environment: Vec<(&'static str, String)>,
}

/// How an instance ended on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// True when it stopped as if on purpose (exit status 0).
    pub clean: bool,
    /// For logs: `exit status: 1`, `signal: 9 (SIGKILL)`, with what it said last.
    pub description: String,
}

/// Makes instances.
pub trait InstanceRunner: fmt::Debug + Send + Sync + 'static {
    /// Ports that an instance of the template with this name may bind on its address, so that an
    /// address is chosen where they are free.
    fn ports(&self, template: &str) -> Vec<u16>;

    /// Starts an instance; it is called within a tokio runtime.
    ///
    /// # Errors
    /// It could not be started, for example because the program is not there.
    fn start(&self, spec: &InstanceSpec) -> io::Result<Box<dyn RunningInstance>>;
}

/// An instance that was started. Dropping it ends it without grace.
pub trait RunningInstance: Send {
    /// The process id, if it is a process.
    fn pid(&self) -> Option<u32>;

    /// Resolves when the instance ends on its own. Safe to drop and call again.
    fn exited(&mut self) -> BoxFuture<'_, Exit>;

    /// Asks it to end, and ends it by force after `grace`.
    fn stop(&mut self, grace: Duration) -> BoxFuture<'_, ()>;
}

/// Instances that only exist in the API's answers: for pools of a thousand members.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NoProcess;

impl InstanceRunner for NoProcess {
    fn ports(&self, _template: &str) -> Vec<u16> {
        Vec::new()
    }

    fn start(&self, _spec: &InstanceSpec) -> io::Result<Box<dyn RunningInstance>> {
        Ok(Box::new(Self))
    }
}

impl RunningInstance for NoProcess {
    fn pid(&self) -> Option<u32> {
        None
    }

    fn exited(&mut self) -> BoxFuture<'_, Exit> {
        future::pending().boxed()
    }

    fn stop(&mut self, _grace: Duration) -> BoxFuture<'_, ()> {
        future::ready(()).boxed()
    }
}
