//! The `slow-app` program: the deliberately slow web application that an instance pool runs.

fn main() -> std::process::ExitCode {
    autoscaler::cli::run_slow_app()
}
