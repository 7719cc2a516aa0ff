//! A member of the pool: becomes the slow application, with the settings of its user-data.

use std::{os::unix::process::CommandExt as _, path::PathBuf, process::Command};

use instance_data::{Document, Role};

use super::{LocalInstanceError, Options, end::watch_parent};

/// Returns only when it failed, or when nobody needs the member any more.
pub(super) fn run(options: &Options) -> Result<(), LocalInstanceError> {
    let (program, arguments) = options
        .program
        .split_first()
        .ok_or(LocalInstanceError::NoProgram)?;
    let read = async {
        let mut parent = watch_parent()?;
        tokio::select! {
            read = instance_data::read(&options.source, Some(Role::SlowApp)) => Ok(Some(read?)),
            () = parent.is_gone() => Ok::<_, LocalInstanceError>(None),
        }
    };
    let Some(document) = actix_rt::System::new().block_on(read)? else {
        return Ok(());
    };
    let mut command = Command::new(program);
    command.args(arguments);
    // A pool without user-data is fine: the application has a default for each of its settings.
    if let Some(Document::SlowApp(data)) = &document {
        command.envs(data.variables());
    }
    let source = command.exec();
    let program = PathBuf::from(program);
    Err(LocalInstanceError::Run { program, source })
}
