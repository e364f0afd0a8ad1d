//! `serve --record`: real answers become captures that say nothing of what was said.

use crate::program::{Program, farebox};
use crate::world::{CHAT, PROVIDER_KEY, chat};
use farebox::demo::provider::Simulated;
use farebox::dialect::capture::Capture;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const CANARY: &str = "correct horse battery staple";

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn recordings(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// Asks for an answer as JSON, one as a stream and one compressed; what was answered.
async fn ask(program: &Program) -> Vec<String> {
    let key = program.first_key();
    let body = |rest: &str| chat("gpt-5", rest).replace("Say hello.", CANARY);
    let mut answers = Vec::new();
    for (headers, rest) in [
        ("", r#","n":2"#),
        ("", r#","stream":true"#),
        ("accept-encoding: gzip\r\n", r#","user":"correct horse""#),
    ] {
        let answer = program.call(&key, CHAT, headers, &body(rest)).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        answers.push(String::from_utf8_lossy(&answer.body).into_owned());
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_recorded_and_what_was_said_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let upstream = format!("openai={}", simulated.base_url());
    let mut program = Program::serve(
        dir.path(),
        &["--upstream", &upstream, "--record", "recorded"],
        &[("OPENAI_API_KEY", PROVIDER_KEY)],
    );
    let key = program.first_key();
    let said = ask(&program).await;
    assert!(program.greeting.contains("RECORDING"), "{}", program.greeting);
    assert_eq!(program.terminate().0, Some(0));
    assert!(program.log_text().contains("RECORDING ANSWERS"), "{}", program.log_text());

    let folder = dir.path().join("recorded");
    let files = recordings(&folder);
    assert_eq!((files.len(), mode(&folder)), (3, 0o700), "{}", program.log_text());
    let first: Value = serde_json::from_str(&said[0]).unwrap();
    let content = first["choices"][0]["message"]["content"].as_str().unwrap();
    for file in &files {
        assert_eq!(mode(file), 0o600);
        let text = std::fs::read_to_string(file).unwrap();
        for secret in
            [CANARY, "correct horse", &key, PROVIDER_KEY, content, first["id"].as_str().unwrap()]
        {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
        let reading = Capture::parse(&text).unwrap().meter();
        assert_eq!(reading["complete"], true, "{text}\n{reading}");
        assert!(reading["model"].as_str().unwrap().starts_with("gpt-5"), "{reading}");
        let shown = farebox(&["meter", file.to_str().unwrap(), "--json"], &[]);
        assert!(shown.status.success());
        assert_eq!(serde_json::from_slice::<Value>(&shown.stdout).unwrap(), reading);
    }
    let recorded = |at: usize| -> Value {
        serde_json::from_str(&std::fs::read_to_string(&files[at]).unwrap()).unwrap()
    };
    let reading = Capture::parse(&recorded(0).to_string()).unwrap().meter();
    assert_eq!(reading["input_tokens_total"], first["usage"]["prompt_tokens"]);
    assert_eq!(reading["output_tokens_total"], first["usage"]["completion_tokens"]);
    assert_eq!(
        (&recorded(0)["request"]["n"], &recorded(1)["transport"]),
        (&2.into(), &"sse".into())
    );
    assert_eq!(recorded(2)["request"]["user"], "xxxxxxxxxxxxx");
    assert!(recorded(2)["body"].as_str().unwrap().contains("prompt_tokens"), "it is decompressed");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recorded_unless_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let simulated = Simulated::start(None).await.unwrap();
    let upstream = format!("openai={}", simulated.base_url());
    let program = Program::serve(dir.path(), &["--upstream", &upstream], &[]);
    ask(&program).await;
    let left = recordings(dir.path());
    assert!(
        left.iter().all(|path| path.ends_with("log") || path.ends_with("farebox-data")),
        "{left:?}"
    );
}

#[test]
fn a_folder_that_others_may_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("open");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    let data = dir.path().join("data");
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--data-dir",
        data.to_str().unwrap(),
        "--record",
        folder.to_str().unwrap(),
    ];
    let refused = farebox(&arguments, &[]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(78), "{why}");
    assert!(why.contains("755") && why.contains("chmod 700"), "{why}");
}
