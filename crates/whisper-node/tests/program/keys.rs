//! Keys in files: `whisper-node key`, and secrets that are not on the command line.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::running::PROGRAM;

/// A key of the published vectors of keystore files, and its address.
const SECRET: &str = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
const ADDRESS: &str = "0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b";

/// What the program prints, or its error.
fn run(args: &[&str], variables: &[(&str, &str)]) -> Result<String, String> {
    let mut command = Command::new(PROGRAM);
    command.args(args).stdin(Stdio::null()).env_remove("WHISPER_PASSWORD");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

#[test]
fn a_key_goes_into_a_keystore_file_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name| path(folder.path(), name);
    let (raw, keystore, back) = (file("raw"), file("keystore"), file("back"));
    fs::write(&raw, SECRET).unwrap();
    let password = [("WHISPER_KEY_PASSWORD", "testpassword")];
    let shown = run(&["key", "import", &raw, &keystore, "--lightkdf"], &password).unwrap();
    assert!(shown.starts_with(&format!("address     {ADDRESS}\npublic key  0x04")), "{shown}");
    let text = fs::read_to_string(&keystore).unwrap();
    assert!(text.contains("\"version\":3") && !text.contains(SECRET), "{text}");
    let again = run(&["key", "import", &raw, &keystore, "--lightkdf"], &password).unwrap_err();
    assert!(again.contains("cannot write the key file"), "{again}");

    // Without the password, the file is believed; there is no terminal to ask for it.
    let seen = run(&["key", "inspect", &keystore], &[]).unwrap();
    assert_eq!(
        seen,
        format!("encryption  scrypt, N=4096, r=8, p=6\naddress     {ADDRESS}, says the file")
    );
    assert!(run(&["key", "export", &keystore, &back], &[]).unwrap_err().contains("no terminal"));
    let wrong =
        run(&["key", "export", &keystore, &back, "--password", "env:PATH"], &[]).unwrap_err();
    assert!(wrong.contains("the password is wrong"), "{wrong}");
    assert!(!Path::new(&back).exists());

    // Another password, from a file.
    let new = file("new-password");
    fs::write(&new, "swordfish\n").unwrap();
    let passwd =
        ["key", "passwd", &keystore, "--lightkdf", "--new-password", &format!("file:{new}")];
    run(&passwd, &password).unwrap();
    assert!(run(&["key", "export", &keystore, &back], &password).is_err());
    run(&["key", "export", &keystore, &back], &[("WHISPER_KEY_PASSWORD", "swordfish")]).unwrap();
    assert_eq!(fs::read_to_string(&back).unwrap(), SECRET);
    #[cfg(unix)]
    for name in [&back, &keystore] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(name).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let made = file("made");
    let shown = run(&["key", "new", &made, "--lightkdf"], &password).unwrap();
    let (address, _) = shown.split_once('\n').unwrap();
    assert!(run(&["key", "inspect", &made], &password).unwrap().contains(address));
}

#[test]
fn a_message_is_signed_as_wallets_sign_it() {
    let folder = tempfile::tempdir().unwrap();
    let key = path(folder.path(), "key");
    fs::write(&key, SECRET).unwrap();
    let signature = run(&["key", "sign", &key, "--text", "hello"], &[]).unwrap();
    assert_eq!(signature.len(), 132);
    let by =
        |signer: &str, text: &str| run(&["key", "verify", signer, &signature, "--text", text], &[]);
    assert_eq!(by(ADDRESS, "hello"), Ok(format!("signed by {ADDRESS}")));
    assert_eq!(
        run(&["key", "verify", "-", &signature, "--hex", "68656c6c6f"], &[]),
        by(ADDRESS, "hello")
    );
    let other = by(ADDRESS, "hallo").unwrap_err();
    assert!(other.contains("signed by another key"), "{other}");
    let other = by("0x0000000000000000000000000000000000000000", "hello").unwrap_err();
    assert!(other.contains(ADDRESS), "{other}");
    assert!(by("0x00", "hello").unwrap_err().contains("a signer is an address"));
}

#[test]
fn secrets_of_envelopes_can_be_in_files_and_variables() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = path(folder.path(), name);
        fs::write(&path, text).unwrap();
        format!("file:{path}")
    };
    let (password, sign) = (file("password", "swordfish\n"), file("key", SECRET));
    let seal = ["envelope", "seal", "--topic", "0x74657374", "--text", "hi", "--pow-time", "0.01"];
    let sealed =
        |more: &[&str]| run(&[&seal[..], more].concat(), &[("WHISPER_PASSWORD", "swordfish")]);
    let open = |envelope: &str, more: &[&str], variables: &[_]| {
        run(&[&["envelope", "open", envelope][..], more].concat(), variables).unwrap()
    };
    let envelope = sealed(&["--sign", &sign]).unwrap();
    for (more, variables) in [
        (vec!["--password", &password], vec![]),
        (vec!["--password", "env:MINE"], vec![("MINE", "swordfish")]),
        (vec!["--password", "pass:swordfish"], vec![]),
        (vec![], vec![("WHISPER_PASSWORD", "swordfish")]),
    ] {
        let opened = open(&envelope, &more, &variables);
        assert!(
            opened.ends_with("text            hi") && opened.contains("signer          0x04"),
            "{opened}"
        );
    }
    let missing = run(&["envelope", "open", &envelope], &[]).unwrap_err();
    assert!(missing.contains("no terminal to ask"), "{missing}");
    let unset =
        run(&["envelope", "open", &envelope, "--password", "env:NOT_SET"], &[]).unwrap_err();
    assert!(unset.contains("NOT_SET"), "{unset}");
    // A private key that is in a keystore file.
    let raw = path(folder.path(), "key");
    let keystore = path(folder.path(), "keystore");
    let variables = [("WHISPER_KEY_PASSWORD", "testpassword")];
    let shown = run(&["key", "import", &raw, &keystore, "--lightkdf"], &variables).unwrap();
    let public = shown.lines().nth(1).unwrap().replace("public key  ", "");
    let envelope = sealed(&["--pub-key", &public]).unwrap();
    let opened = open(&envelope, &["--key", &format!("file:{keystore}")], &variables);
    assert!(opened.ends_with("text            hi"), "{opened}");
}
