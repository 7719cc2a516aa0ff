//! Every input that the fuzz targets started from or fell over, without libFuzzer.

use std::{fs, path::Path};

use fuzz_entries::TARGETS;

#[test]
fn no_input_of_the_corpus_is_a_problem() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    for (name, target) in TARGETS {
        let files = fs::read_dir(corpus.join(name)).expect("each target has a corpus");
        let inputs: Vec<Vec<u8>> = files
            .map(|file| fs::read(file.unwrap().path()).unwrap())
            .collect();
        assert!(!inputs.is_empty(), "{name} has no input");
        for input in inputs {
            target(&input);
            // What is cut short, or is in front of more, must not be a problem either.
            for end in 0..input.len() {
                target(&input[..end]);
            }
            target(&[input.as_slice(), input.as_slice()].concat());
        }
    }
}
