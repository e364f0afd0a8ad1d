//! A real PostgreSQL of a test's own: temporary directory, a socket in it, password, killed at the
//! end. It does not run as root, so it is another user's where the tests are root's.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Nobody's number, where tests run as root.
const NOBODY: u32 = 65_534;

/// A running server.
pub struct PostgresServer {
    child: Option<Child>,
    dir: tempfile::TempDir,
    port: u16,
}

fn as_nobody(command: &mut Command) -> &mut Command {
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// A program of PostgreSQL: one on the path, else one of Debian's.
fn program(name: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = debian.map(|version| version.path().join("bin"));
    let all = path.split(':').map(PathBuf::from).chain(debian);
    let found = all.map(|dir| dir.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed; `make tools` installs it"))
}

impl PostgresServer {
    pub const PASSWORD: &'static str = "pg-canary-2b7c";

    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("password");
        std::fs::write(&secret, Self::PASSWORD).unwrap();
        if rustix::process::getuid().is_root() {
            chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            chown(&secret, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let made = as_nobody(&mut Command::new(program("initdb")))
            .current_dir(dir.path())
            .args(["-D", "data", "-U", "farebox", "-A", "scram-sha-256", "--no-sync"])
            .args(["--locale=C", "-E", "UTF8", "--pwfile"])
            .arg(&secret)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let child = as_nobody(&mut Command::new(program("postgres")))
            .current_dir(dir.path())
            .args(["-D", "data", "-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "fsync=off", "-c"])
            .arg(format!("unix_socket_directories={}", dir.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child: Some(child), dir, port };
        let until = Instant::now() + Duration::from_secs(30);
        while server.try_sql("SELECT 1").is_none() {
            assert!(Instant::now() < until, "postgres does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Where to connect to, with the password.
    pub fn url(&self) -> String {
        format!("postgres://farebox:{}@127.0.0.1:{}/postgres", Self::PASSWORD, self.port)
    }

    /// Where to connect to by its socket, without it.
    pub fn socket_url(&self) -> String {
        let dir = self.dir.path().display();
        format!("postgres://farebox@/postgres?host={dir}&port={}", self.port)
    }

    /// What `psql` prints of a query, a line for each row, `|` between columns.
    pub fn sql(&self, query: &str) -> String {
        self.try_sql(query).unwrap_or_else(|| panic!("{query} failed"))
    }

    fn try_sql(&self, query: &str) -> Option<String> {
        let output = Command::new(program("psql"))
            .env("PGPASSWORD", Self::PASSWORD)
            .env("PGTZ", "UTC")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "farebox"])
            .args(["-d", "postgres", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", query])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        output.status.success().then_some(text)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
