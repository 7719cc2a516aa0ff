//! Runs of the library and of the program against real servers on loopback, in one program: linking
//! it is dear.

mod cli;
mod engines;
mod run;
mod support;
