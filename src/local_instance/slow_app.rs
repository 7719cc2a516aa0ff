//! A member of the pool: becomes the slow application, with the settings of its user-data.

use std::{
    convert::Infallible, os::unix::process::CommandExt as _, path::PathBuf, process::Command,
};

use super::{LocalInstanceError, Options};
use crate::instance_data::{self, Document, Role};

pub(super) fn run(options: &Options) -> Result<Infallible, LocalInstanceError> {
    let (program, arguments) = options
        .program
        .split_first()
        .ok_or(LocalInstanceError::NoProgram)?;
    let read = instance_data::read(&options.source, Some(Role::SlowApp));
    // A pool without user-data is fine: the application has a default for each of its settings.
    let document = actix_rt::System::new().block_on(read)?;
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(Document::SlowApp(data)) = &document {
        command.envs(data.variables());
    }
    let source = command.exec();
    let program = PathBuf::from(program);
    Err(LocalInstanceError::Run { program, source })
}
