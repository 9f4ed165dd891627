//! The `clearance` binary.

fn main() -> std::process::ExitCode {
    clearance::main()
}
