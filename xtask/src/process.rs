//! Other programs: cargo, npm, git.

use std::{
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use crate::command::Failure;

/// The cargo that runs this program, in the root of the workspace.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(crate::workspace::root());
    command
}

/// Any other program of the `PATH`, in `dir`.
pub(crate) fn program(name: &str, dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(args).current_dir(dir);
    command
}

/// Prints `command` and runs it, with its output on this terminal.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    println!("  $ {}", line(command));
    let status =
        command.stdin(Stdio::null()).status().map_err(|error| not_started(command, &error))?;
    succeeded(command, status)
}

/// Runs `command` and returns its standard output. Its errors go to this terminal.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| not_started(command, &error))?;
    succeeded(command, output.status)?;
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::new(format!("the output of `{}` is not UTF-8", line(command))))
}

/// Runs `command` and returns its standard error, which also goes to this terminal.
pub(crate) fn warnings(command: &mut Command) -> Result<String, Failure> {
    println!("  $ {}", line(command));
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::inherit())
        .output()
        .map_err(|error| not_started(command, &error))?;
    let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
    eprint!("{warnings}");
    succeeded(command, output.status)?;
    Ok(warnings)
}

/// Whether `command` starts and succeeds. Its output is not shown.
pub(crate) fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("`{}` ended with {status}", line(command))))
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` could not be started: {error}", line(command)))
}

/// The command as a user would type it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut line = program.to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{cargo, line, output, program, run, works};
    use std::path::Path;

    #[test]
    fn a_failure_names_the_command() {
        assert!(output(&mut cargo(&["--version"])).unwrap().starts_with("cargo "));
        let failed = run(&mut cargo(&["no-such-subcommand"])).unwrap_err().to_string();
        assert!(failed.contains("cargo no-such-subcommand"), "{failed}");
        let missing = program("no-such-program", Path::new("."), &["-x"]);
        assert_eq!(line(&missing), "no-such-program -x");
        assert!(!works(&mut program("no-such-program", Path::new("."), &[])));
    }
}
