//! The programs from outside: guarantees, starts and stops, and what the files beside them say.

mod agent_among_others;
mod agent_dashboard;
mod agent_in_trouble;
mod agent_rights;
mod agent_support;
mod architecture;
mod g03_bad_input_never_scales;
mod g07_ambiguous_writes_are_read_back;
mod g08_one_call_a_round;
mod g09_discovery_file_is_always_complete;
mod g10_failures_never_shrink_discovery;
mod g12_webhooks_answered_fast;
mod g13_sigterm;
mod g14_floods_coalesce;
mod g16_no_secret_is_shown;
mod instance_data;
mod local_cloud_processes;
mod local_cloud_program;
mod monitoring_files;
mod packaging;
mod programs;
mod restart_keeps_the_window;
mod scale_in_drains_its_victim;
mod simulate;
mod steps_and_floors;
mod template_command;
