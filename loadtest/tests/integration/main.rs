//! Runs of the library and of the program against real servers on loopback, in one program: linking
//! it is dear.

mod backends;
mod cli;
mod connecting;
mod engines;
mod hosted;
mod requests;
mod run;
mod support;
