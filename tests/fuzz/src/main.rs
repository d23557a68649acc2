//! Room: the program around the targets. Built by `scripts/fuzz` it is libFuzzer on the target that
//! `TENON_FUZZ_TARGET` names; else it reads the named files once: `tenon-fuzz TARGET FILE…`, to see a finding again.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod guided {
    use std::env;
    use std::sync::OnceLock;

    use fuzz::Target;

    static TARGET: OnceLock<Target> = OnceLock::new();

    fn chosen() -> Target {
        let name = env::var("TENON_FUZZ_TARGET").expect("TENON_FUZZ_TARGET names a target");
        Target::named(&name).expect("there is a target of this name")
    }

    libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.get_or_init(chosen).run)(bytes));
}

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    use std::{env, fs};

    let mut arguments = env::args().skip(1);
    let Some(target) = arguments.next().as_deref().and_then(fuzz::Target::named) else {
        let names: Vec<&str> = fuzz::TARGETS.iter().map(|target| target.name).collect();
        eprintln!("usage: tenon-fuzz TARGET FILE…, with a target of {}", names.join(", "));
        return 2.into();
    };
    for path in arguments {
        match fs::read(&path) {
            Ok(bytes) => (target.run)(&bytes),
            Err(error) => {
                eprintln!("{path}: {error}");
                return 1.into();
            }
        }
    }
    0.into()
}
