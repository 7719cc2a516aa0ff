//! The journal actor: keeps on disk what a restart must not forget.

mod control;
mod document;
mod folder;
mod step;

use std::{sync::Arc, time::Duration};

use actix::{
    Actor, ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, ResponseFuture,
    SpawnHandle,
};
use policy::Memo;
use program::error_chain::with_causes;
use tokio::sync::oneshot;
use whole_file::{self, FileError};

use self::document::Document;
pub use self::folder::FolderError;
pub(crate) use self::{
    document::Remembered,
    folder::{JournalFolder, journal_in},
};
use super::{
    clock::{Clock, Reading, boot_id},
    control::Note,
    messages::{Ping, SaveMemo},
    read_model::ReadModel,
};

/// Pause before a write that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Why the journal could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file could not be replaced.
    #[error("the journal is not kept")]
    Write(#[source] FileError),
    /// The agent ended meanwhile.
    #[error("the agent ended before the journal was written")]
    Ended,
}

/// To the journal: this is the end; what was kept last is how things are.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<(), JournalError>")]
pub(crate) struct Close;

type Answer = oneshot::Sender<Result<(), JournalError>>;

#[derive(Debug)]
pub(crate) struct Journal {
    folder: Arc<JournalFolder>,
    boot_id: Option<String>,
    clock: Clock,
    read_model: Arc<ReadModel>,
    /// What is to be kept.
    last: Option<(Memo, Option<Note>)>,
    retry: Option<SpawnHandle>,
}

impl Journal {
    /// Reads the journal and takes it over. An "up" alert older than `up_lifetime` is left out.
    pub(crate) fn open(
        folder: JournalFolder,
        clock: Clock,
        up_lifetime: Duration,
        read_model: Arc<ReadModel>,
    ) -> (Self, Remembered, Option<Note>) {
        let boot_id = boot_id();
        let reading = Reading::take(clock);
        let note = document::note(&folder.journal());
        let remembered =
            document::open(&folder.journal(), boot_id.as_deref(), reading, up_lifetime);
        let journal = Self {
            folder: Arc::new(folder),
            boot_id,
            clock,
            read_model,
            last: None,
            retry: None,
        };
        (journal, remembered, note)
    }

    /// Writes what is to be kept. The next message is not looked at before that is on disk, so that
    /// the writes stay in order.
    fn write(&mut self, running: bool, answer: Option<Answer>, ctx: &mut Context<Self>) {
        if let Some(retry) = self.retry.take() {
            ctx.cancel_future(retry);
        }
        let Some((memo, note)) = &self.last else {
            return;
        };
        let reading = Reading::take(self.clock);
        let document = Document::new(
            memo,
            note.as_ref(),
            self.boot_id.as_deref(),
            reading,
            running,
        );
        let folder = Arc::clone(&self.folder);
        let write = tokio::task::spawn_blocking(move || replace(&folder, &document));
        let write = actix::fut::wrap_future::<_, Self>(write).map(move |result, journal, ctx| {
            let result = result.unwrap_or(Err(JournalError::Ended));
            let problem = result.as_ref().err().map(|error| with_causes(error));
            if problem.is_some() && running {
                let retry = ctx.run_later(RETRY, |journal, ctx| journal.write(true, None, ctx));
                journal.retry = Some(retry);
            }
            journal.read_model.journal_written(problem);
            if let Some(answer) = answer {
                let _ = answer.send(result);
            }
        });
        ctx.wait(write);
    }

    fn answered(
        &mut self,
        running: bool,
        ctx: &mut Context<Self>,
    ) -> ResponseFuture<Result<(), JournalError>> {
        let (answer, receiver) = oneshot::channel();
        self.write(running, Some(answer), ctx);
        Box::pin(async move { receiver.await.unwrap_or(Err(JournalError::Ended)) })
    }
}

/// A document that is not current is removed where it can be. Where it cannot, it says that an
/// agent runs, so that the next start does not believe it either.
fn replace(folder: &JournalFolder, document: &Document) -> Result<(), JournalError> {
    let path = folder.journal();
    document.write(&path).map_err(|error| {
        let _ = whole_file::remove(&path);
        JournalError::Write(error)
    })
}

impl Actor for Journal {
    type Context = Context<Self>;
}

impl Handler<SaveMemo> for Journal {
    type Result = ResponseFuture<Result<(), JournalError>>;

    fn handle(&mut self, SaveMemo(memo, note): SaveMemo, ctx: &mut Self::Context) -> Self::Result {
        self.last = Some((memo, note));
        self.answered(true, ctx)
    }
}

impl Handler<Close> for Journal {
    type Result = ResponseFuture<Result<(), JournalError>>;

    fn handle(&mut self, Close: Close, ctx: &mut Self::Context) -> Self::Result {
        self.answered(false, ctx)
    }
}

impl Handler<Ping> for Journal {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use actix_rt::System;

    use super::*;
    use policy::Moment;

    const LIFETIME: Duration = Duration::from_secs(300);

    fn virtually<F: Future>(run: F) -> F::Output {
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all().start_paused(true).build().unwrap()
        };
        System::with_tokio_rt(runtime).block_on(run)
    }

    async fn open(folder: &Path) -> (Journal, Remembered, Arc<ReadModel>) {
        let folder = JournalFolder::lock(folder).await.unwrap();
        let read_model = ReadModel::for_tests();
        let (journal, remembered, _) =
            Journal::open(folder, Clock::start(), LIFETIME, read_model.clone());
        (journal, remembered, read_model)
    }

    fn problem(read_model: &ReadModel) -> Option<String> {
        let health = read_model.view().health;
        let check = health.into_iter().find(|check| check.name == "journal");
        check.unwrap().problem
    }

    #[test]
    fn what_was_closed_is_believed_and_what_was_not_is_not() {
        virtually(async {
            let folder = tempfile::tempdir().unwrap();
            let (journal, remembered, _) = open(folder.path()).await;
            assert_eq!(remembered, Remembered::Nothing);
            let journal = journal.start();
            journal
                .send(SaveMemo(Memo::default(), None))
                .await
                .unwrap()
                .unwrap();
            drop(journal);
            actix_rt::task::yield_now().await;

            let (journal, remembered, _) = open(folder.path()).await;
            assert!(matches!(remembered, Remembered::Unclosed(_)));
            let journal = journal.start();
            let memo = Memo {
                cooldown_ends: Moment::at(Duration::from_secs(50)),
                ..Memo::default()
            };
            journal.send(SaveMemo(memo, None)).await.unwrap().unwrap();
            journal.send(Close).await.unwrap().unwrap();
            drop(journal);
            actix_rt::task::yield_now().await;

            let (_, remembered, _) = open(folder.path()).await;
            let Remembered::Memo(found) = remembered else {
                panic!("{remembered:?}");
            };
            assert!(
                found.cooldown_ends > Moment::START && found.cooldown_ends <= memo.cooldown_ends
            );
        });
    }

    #[test]
    fn a_write_that_fails_is_told_and_tried_again() {
        virtually(async {
            let folder = tempfile::tempdir().unwrap();
            let (journal, _, read_model) = open(folder.path()).await;
            let path = folder.path().join("journal.json");
            let blocked = folder.path().join(".journal.json.tmp");
            let journal = journal.start();
            journal
                .send(SaveMemo(Memo::default(), None))
                .await
                .unwrap()
                .unwrap();
            std::fs::create_dir(&blocked).unwrap();
            let failed = journal.send(SaveMemo(Memo::default(), None)).await.unwrap();
            assert!(matches!(failed, Err(JournalError::Write(_))), "{failed:?}");
            assert!(problem(&read_model).unwrap().contains("is a folder"));
            assert!(!path.exists(), "what is not current is removed");
            // A second failure does not end the tries.
            tokio::time::sleep(RETRY * 2).await;
            assert!(problem(&read_model).is_some());
            std::fs::remove_dir(&blocked).unwrap();
            tokio::time::sleep(RETRY * 2).await;
            assert_eq!(problem(&read_model), None);
            assert!(path.exists());
        });
    }
}
