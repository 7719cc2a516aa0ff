//! The paths of the web server, each noted as it is added: whoever asks for another one is told
//! which there are, and a test compares them with `docs/openapi/agent.yaml`.

use std::sync::Arc;

use actix_web::{FromRequest, Handler, HttpResponse, Resource, web};
use serde_json::json;

/// A web server that is being put together.
pub(crate) struct Site<'a> {
    config: &'a mut web::ServiceConfig,
    paths: Vec<&'static str>,
}

impl<'a> Site<'a> {
    pub(crate) fn new(config: &'a mut web::ServiceConfig) -> Self {
        let paths = Vec::new();
        Self { config, paths }
    }

    /// Gives the handlers this to work with.
    pub(crate) fn data<T: ?Sized + 'static>(&mut self, data: Arc<T>) {
        self.config.app_data(web::Data::from(data));
    }

    /// Adds a path with its methods.
    pub(crate) fn add(&mut self, path: &'static str, methods: impl FnOnce(Resource) -> Resource) {
        self.paths.push(path);
        self.config.service(methods(web::resource(path)));
    }

    /// Adds a path to look at, with `HEAD` as with `GET`.
    pub(crate) fn show<F, Args>(&mut self, path: &'static str, handler: F)
    where
        F: Handler<Args, Output = HttpResponse>,
        Args: FromRequest + 'static,
    {
        self.add(path, |resource| {
            resource
                .route(web::get().to(handler.clone()))
                .route(web::head().to(handler))
        });
    }

    /// Any other path is answered with those that there are.
    pub(crate) fn finish(self) {
        let message = format!(
            "there is no such path; served are {}",
            self.paths.join(", ")
        );
        let unknown = move || {
            let answer = HttpResponse::NotFound().json(json!({ "message": message }));
            async move { answer }
        };
        self.config.default_service(web::to(unknown));
    }
}
