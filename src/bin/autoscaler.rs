//! The `autoscaler` program.

fn main() -> std::process::ExitCode {
    autoscaler::cli::run()
}
