use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clap::{CommandFactory, Parser};

use super::table::{Draft, SETTINGS, Setting};
use super::*;

fn environment(pairs: &[(&str, &str)]) -> impl Iterator<Item = (OsString, OsString)> + use<> {
    let pairs: Vec<_> =
        pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
    pairs.into_iter()
}

const CREDENTIAL: [(&str, &str); 3] = [
    ("TENON_DATA", "/srv/tenon"),
    ("TENON_ROOT_ACCESS_KEY", "root"),
    ("TENON_ROOT_SECRET_KEY", "correct horse"),
];

fn environment_with(more: &[(&str, &str)]) -> impl Iterator<Item = (OsString, OsString)> + use<> {
    let kept = CREDENTIAL.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    let all: Vec<_> = kept.chain(more).copied().collect();
    environment(&all)
}

fn resolve(more: &[(&str, &str)]) -> Result<(Config, Vec<String>), ConfigError> {
    Config::resolve(&ServeFlags::default(), environment_with(more))
}

fn refusal(more: &[(&str, &str)]) -> String {
    match resolve(more) {
        Ok(_) => panic!("{more:?} was accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn defaults_are_those_of_the_manual() {
    let (config, warnings) = resolve(&[]).expect("complete");
    assert!(warnings.is_empty());
    assert_eq!(config.meta_dir, Path::new("/srv/tenon/meta"));
    assert_eq!(config.listen, ["127.0.0.1:9000".parse().expect("address")]);
    assert_eq!(config.admin_listen, "127.0.0.1:9001".parse().expect("address"));
    assert_eq!(config.region, "us-east-1");
    assert_eq!(config.etag_md5_up_to, 5 * 1024 * 1024);
    assert_eq!(config.copy.ways, Way::ALL);
    assert_eq!(config.http.idle_timeout, Duration::from_secs(75));
    assert_eq!(config.memory_buffers, 48 << 20);
    assert_eq!(config.disk_reserve.of(1 << 40), (1 << 40) / 100);
    assert_eq!(config.disk_reserve.of(1 << 20), RESERVE_LEN_MIN);
}

#[test]
fn nobody_gets_in_by_default() {
    let without = |name: &str| {
        let left: Vec<_> = CREDENTIAL.into_iter().filter(|(other, _)| *other != name).collect();
        Config::resolve(&ServeFlags::default(), environment(&left)).map(|_| ()).expect_err(name)
    };
    assert!(without("TENON_ROOT_ACCESS_KEY").to_string().contains("no default credential"));
    assert!(without("TENON_ROOT_SECRET_KEY").to_string().contains("no default credential"));
    assert!(without("TENON_DATA").to_string().contains("--data"));
    assert!(refusal(&[("TENON_ROOT_SECRET_KEY", "1234567")]).contains("8 characters"));
    assert!(refusal(&[("TENON_ROOT_ACCESS_KEY", "a/b")]).contains("slash"));
}

#[test]
fn a_secret_can_come_from_a_file_but_not_from_two_places() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("secret");
    fs::write(&path, "from a file\n").expect("written");
    let path = path.to_str().expect("text");
    let (config, _) =
        resolve(&[("TENON_ROOT_SECRET_KEY", ""), ("TENON_ROOT_SECRET_KEY_FILE", path)])
            .expect("complete");
    assert_eq!(config.root.secret_key, "from a file");
    assert!(refusal(&[("TENON_ROOT_SECRET_KEY_FILE", path)]).contains("not both"));
    let missing = [("TENON_ROOT_SECRET_KEY", ""), ("TENON_ROOT_SECRET_KEY_FILE", "/no/such/file")];
    assert!(refusal(&missing).contains("/no/such/file"));
}

#[test]
fn flags_win_over_the_environment() {
    let flags = ServeFlags {
        data: Some("/flag".into()),
        meta_dir: Some("/flag-meta".into()),
        listen: vec!["0.0.0.0:80".into(), "[::1]:80".into()],
        shards: Some("3".into()),
        ..ServeFlags::default()
    };
    let all: Vec<_> = CREDENTIAL
        .into_iter()
        .chain([("TENON_LISTEN", "127.0.0.1:1,127.0.0.1:2"), ("TENON_SHARDS", "7")])
        .chain([("TENON_DATA", "/environment"), ("TENON_META_DIR", "/environment-meta")])
        .collect();
    let (config, warnings) = Config::resolve(&flags, environment(&all)).expect("complete");
    assert_eq!(
        warnings,
        [] as [String; 0],
        "a setting that a flag wins over is known all the same"
    );
    assert_eq!(config.data, Path::new("/flag"));
    assert_eq!(config.meta_dir, Path::new("/flag-meta"));
    let listen = ["0.0.0.0:80", "[::1]:80"].map(|address| address.parse().expect("address"));
    assert_eq!(config.listen, listen);
    assert_eq!(config.shards, Some(3));
    let (config, _) = Config::resolve(&ServeFlags::default(), environment(&all)).expect("complete");
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.shards, Some(7));
}

#[test]
fn copy_ways_lose_what_is_forbidden_and_keep_their_order() {
    let (config, _) = resolve(&[
        ("TENON_COPY_ORDER", "reflink, share, rw, share"),
        ("TENON_COPY_FORBID", "reflink"),
        ("TENON_COPY_SHARE_MIN_FRACTION", "0.25"),
        ("TENON_COPY_SHARE_MAX_BLOB", "1MiB"),
    ])
    .expect("complete");
    assert_eq!(config.copy.ways, [Way::Share, Way::Rw]);
    assert_eq!(config.copy.share_max_blob, 1 << 20);
    let (config, _) = resolve(&[("TENON_COPY_MAX_OBJECT", "2TiB")]).expect("complete");
    assert_eq!(config.copy.max_object, 2 << 40);
    assert!(refusal(&[("TENON_COPY_MAX_OBJECT", "1GiB")]).contains("at least 5GiB"));
    let (config, _) = resolve(&[("TENON_COPY_ORDER", "reflink")]).expect("complete");
    assert_eq!(config.copy.ways, [Way::Reflink, Way::Rw]);
    assert!(refusal(&[("TENON_COPY_FORBID", "rw")]).contains("last resort"));
    let all = "share, reflink, copy_file_range, splice, rw";
    let (config, _) = resolve(&[("TENON_COPY_ORDER", all)]).expect("complete");
    assert_eq!(config.copy.ways, Way::ALL);
    let (config, _) = resolve(&[("TENON_COPY_FORBID", "share,splice")]).expect("complete");
    assert_eq!(config.copy.ways, [Way::Reflink, Way::CopyFileRange, Way::Rw]);
    assert!(refusal(&[("TENON_COPY_ORDER", "telepathy")]).contains("telepathy"));
}

#[test]
fn what_is_not_built_is_refused_and_what_is_unknown_warned_of() {
    assert!(refusal(&[("TENON_SSE_DEFAULT", "AES256")]).contains("not built"));
    assert!(refusal(&[("TENON_STRICT_RANGE_MIN_SOURCE", "true")]).contains("not built"));
    let (_, warnings) = resolve(&[("TENON_SPEED", "fast"), ("OTHER", "1")]).expect("complete");
    assert_eq!(warnings, ["TENON_SPEED: not a setting, ignored"]);
    let (_, warnings) = resolve(&[("TENON_HTTP_BODY_TIMOUT", "5s")]).expect("complete");
    let hint =
        "TENON_HTTP_BODY_TIMOUT: not a setting, ignored; did you mean TENON_HTTP_BODY_TIMEOUT?";
    assert_eq!(warnings, [hint]);
}

#[test]
fn the_front_door_is_set() {
    let (config, warnings) = resolve(&[
        ("TENON_DOMAIN", "S3.example.test, s3.other.test."),
        ("TENON_TLS_CERT", "/c.pem"),
        ("TENON_TLS_KEY", "/k.pem"),
        ("TENON_LOG_LEVEL", "warn"),
        ("TENON_LOG_FORMAT", "json"),
        ("TENON_HTTP_REQUEST_TIMEOUT", "1h"),
        ("TENON_HTTP_MIN_RATE", "4KiB"),
        ("TENON_HTTP_KEEPALIVE_AFTER", "0s"),
        ("TENON_HTTP_KEEPALIVE_INTERVAL", "20s"),
    ])
    .expect("complete");
    assert!(warnings.is_empty());
    assert_eq!(config.domains, ["s3.example.test", "s3.other.test"]);
    assert_eq!(config.tls, Some(TlsFiles { cert: "/c.pem".into(), key: "/k.pem".into() }));
    assert_eq!(config.log, LogConfig { level: Level::Warn, format: LogFormat::Json });
    assert_eq!(config.http.request_timeout, Duration::from_secs(3600));
    assert_eq!(config.http.min_rate, 4096);
    assert_eq!(config.http.keepalive_after, Duration::ZERO);
    assert_eq!(config.http.keepalive_interval, Duration::from_secs(20));
    assert!(refusal(&[("TENON_TLS_CERT", "/c.pem")]).contains("TENON_TLS_KEY"));
    assert!(refusal(&[("TENON_TLS_KEY", "/k.pem")]).contains("TENON_TLS_CERT"));
}

#[test]
fn wrong_values_name_the_setting() {
    for (name, value) in [
        ("TENON_LISTEN", "localhost"),
        ("TENON_SHARDS", "0"),
        ("TENON_REGION", "US East"),
        ("TENON_ACCOUNT_ID", "12"),
        ("TENON_HTTP_BODY_TIMEOUT", "0s"),
        ("TENON_HTTP_MAX_REQUESTS", "0"),
        ("TENON_MEMORY_BUFFERS", "1MiB"),
        ("TENON_DISK_RESERVE", "80%"),
        ("TENON_HTTP_TRUSTED_PROXIES", "proxy"),
        ("TENON_HTTP_KEEPALIVE_INTERVAL", "0s"),
        ("TENON_HTTP_KEEPALIVE_INTERVAL", "20001ms"),
        ("TENON_DOMAIN", "s3.example.test:9000"),
        ("TENON_DOMAIN", "127.0.0.1"),
        ("TENON_DOMAIN", "a..b"),
        ("TENON_LOG_LEVEL", "loud"),
        ("TENON_LOG_FORMAT", "xml"),
    ] {
        assert!(refusal(&[(name, value)]).contains(name), "{name}={value}");
    }
}

#[test]
fn the_command_line_parses() {
    let line = ["tenon", "serve", "--data", "/d", "--listen", "[::1]:9000", "--shards", "2"];
    let arguments = Arguments::try_parse_from(line).map_err(|error| error.to_string());
    let Command::Serve(flags) = arguments.expect("good").command else {
        panic!("another command");
    };
    let (config, _) = Config::resolve(&flags, environment(&CREDENTIAL)).expect("complete");
    assert_eq!(config.shards, Some(2));
    assert_eq!(config.listen, ["[::1]:9000".parse().expect("address")]);
    for wrong in [["--listen", "9000"], ["--shards", "0"], ["--shards", "many"]] {
        let line = ["tenon", "serve", "--data", "/d"].into_iter().chain(wrong);
        let Ok(Arguments { command: Command::Serve(flags) }) = Arguments::try_parse_from(line)
        else {
            panic!("{wrong:?} is well-formed");
        };
        let refused = Config::resolve(&flags, environment(&CREDENTIAL)).map(|_| ());
        assert!(refused.expect_err("refused").to_string().contains(wrong[0]), "{wrong:?}");
    }
}

/// A file of settings that nobody else can read.
fn file_of(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("made");
    fs::write(file.path(), text).expect("written");
    file
}

fn with_file(text: &str, more: &[(&str, &str)]) -> Result<(Config, Vec<String>), ConfigError> {
    let file = file_of(text);
    let flags = ServeFlags { config: Some(file.path().into()), ..ServeFlags::default() };
    Config::resolve(&flags, environment_with(more))
}

const WHOLE_FILE: &str = r#"
data = "/srv/file"
listen = ["127.0.0.1:1", "[::1]:2"]
shards = 0x3
domain = "s3.example.test"

[root]
access_key = "file-key"
secret_key = "file secret"

[copy]
order = ["reflink", "rw"]
share_min_fraction = 0.25
share_max_blob = 1_048_576

[http]
body_timeout = "90s"
trusted_proxies = ["192.0.2.1", "::1"]

[disk]
reserve = "2%"
"#;

#[test]
fn a_file_says_everything() {
    let (config, warnings) =
        with_file(WHOLE_FILE, &CREDENTIAL.map(|(name, _)| (name, ""))).expect("complete");
    assert_eq!(warnings, [] as [String; 0]);
    assert_eq!(config.data, Path::new("/srv/file"));
    assert_eq!(config.meta_dir, Path::new("/srv/file/meta"));
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.shards, Some(3));
    assert_eq!(config.domains, ["s3.example.test"]);
    assert_eq!(config.root.access_key, "file-key");
    assert_eq!(config.root.secret_key, "file secret");
    assert_eq!(config.copy.ways, [Way::Reflink, Way::Rw]);
    assert_eq!(config.copy.share_min_fraction, 0.25);
    assert_eq!(config.copy.share_max_blob, 1 << 20);
    assert_eq!(config.http.body_timeout, Duration::from_secs(90));
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!(config.disk_reserve, Reserve::Fraction(0.02));
}

#[test]
fn the_environment_wins_over_the_file_and_names_it_as_well() {
    let (config, _) = with_file(WHOLE_FILE, &[("TENON_HTTP_BODY_TIMEOUT", "7s")]).expect("good");
    assert_eq!(config.http.body_timeout, Duration::from_secs(7));
    assert_eq!(config.data, Path::new("/srv/tenon"));
    assert_eq!(config.root.secret_key, "correct horse");
    let file = file_of("region = \"eu-1\"");
    let path = file.path().to_str().expect("text");
    let (config, warnings) = resolve(&[("TENON_CONFIG", path)]).expect("good");
    assert_eq!(config.region, "eu-1");
    assert!(warnings.is_empty());
    assert!(refusal(&[("TENON_CONFIG", "/no/such/file")]).contains("/no/such/file"));
}

#[test]
fn a_secret_of_the_environment_wins_over_a_secret_file_of_the_file() {
    let text = "[root]\nsecret_key_file = \"/no/such/file\"";
    let (config, _) = with_file(text, &[]).expect("the file of the secret is not needed");
    assert_eq!(config.root.secret_key, "correct horse");
    let secret = file_of("from a file");
    let path = secret.path().to_str().expect("text");
    let variables = [("TENON_ROOT_SECRET_KEY", ""), ("TENON_ROOT_SECRET_KEY_FILE", path)];
    let (config, _) = with_file(WHOLE_FILE, &variables).expect("good");
    assert_eq!(config.root.secret_key, "from a file");
}

#[test]
fn whatever_is_wrong_in_a_file_is_refused_with_its_place() {
    for (text, words) in [
        ("data = \"/d\"\nspeed = 9", ":2:1: speed is not a setting"),
        (
            "[http]\n  body_timout = \"5s\"",
            ":2:3: http.body_timout is not a setting; did you mean http.body_timeout?",
        ),
        ("[htpt]\nbody_timeout = \"5s\"", ":1:2: htpt is not a setting"),
        ("http.body_timeout = 5", ":1:6: http.body_timeout: not of type integer, but like \"60s\""),
        ("http = 5", ":1:1: http is a table: [http], then its settings below"),
        ("domain = 5", "domain: not of type integer, but like [\"s3.example.test\"]"),
        ("data = ''", ":1:1: data: an empty path"),
        ("http.body_timeout = \"soon\"", "http.body_timeout: \"soon\" is no duration"),
        ("shards = -1", "shards: "),
        ("shards = [1]", "shards: not of type array"),
        ("listen = [9000]", "listen: a list of texts"),
        ("listen = []", "listen: at least one"),
        ("data = [\"/d\"]", "data: not of type array"),
        ("region = 5", "region: not of type integer"),
        ("data = true", "data: not of type boolean"),
        ("[data]\nx = 1", "data: not of type table"),
        ("data = ", ":1:"),
        ("data = \"/a\"\ndata = \"/b\"", ":2:1"),
        ("sse.default = \"AES256\"", "not built yet"),
        ("[strict]\nrange_min_source = true", "strict: not built yet"),
    ] {
        let error = with_file(text, &[]).map(|_| ()).expect_err(text).to_string();
        assert!(error.contains(words), "{text:?}: {error}");
    }
}

#[test]
fn a_file_with_a_secret_must_not_be_for_everybody() {
    let file = file_of("root.secret_key = \"correct horse\"");
    let flags = ServeFlags { config: Some(file.path().into()), ..ServeFlags::default() };
    let attempt = || Config::resolve(&flags, environment(&CREDENTIAL));
    fs::set_permissions(file.path(), Permissions::from_mode(0o644)).expect("changed");
    let error = attempt().map(|_| ()).expect_err("refused").to_string();
    assert!(error.contains("root.secret_key: everybody on this host"), "{error}");
    fs::set_permissions(file.path(), Permissions::from_mode(0o640)).expect("changed");
    assert!(attempt().is_ok());
}

#[test]
fn a_secret_file_for_everybody_is_warned_of() {
    let file = file_of("correct horse\n");
    let path = file.path().to_str().expect("text");
    let variables = [("TENON_ROOT_SECRET_KEY", ""), ("TENON_ROOT_SECRET_KEY_FILE", path)];
    let (_, warnings) = resolve(&variables).expect("good");
    assert!(warnings.is_empty());
    fs::set_permissions(file.path(), Permissions::from_mode(0o444)).expect("changed");
    let (_, warnings) = resolve(&variables).expect("good");
    assert!(warnings.len() == 1 && warnings[0].contains(path), "{warnings:?}");
    fs::write(file.path(), "short").expect("written");
    assert!(refusal(&variables).contains("8 characters"));
}

#[test]
fn the_admin_socket_is_not_the_s3_socket() {
    let both = [("TENON_LISTEN", "127.0.0.1:80"), ("TENON_ADMIN_LISTEN", "127.0.0.1:80")];
    assert!(refusal(&both).contains("TENON_ADMIN_LISTEN"));
    assert!(resolve(&[both[0], ("TENON_ADMIN_LISTEN", "127.0.0.1:81")]).is_ok());
    assert!(resolve(&[("TENON_LISTEN", "[::1]:0"), ("TENON_ADMIN_LISTEN", "[::1]:0")]).is_ok());
}

#[test]
fn what_is_in_force_is_told_with_its_origin_and_reads_back() {
    let file = file_of(WHOLE_FILE);
    let path = file.path().display().to_string();
    let flags = ServeFlags {
        config: Some(file.path().into()),
        shards: Some("5".into()),
        ..ServeFlags::default()
    };
    let variables = [("TENON_DISK_RESERVE", "1GiB"), ("TENON_DATA", "/a \"b\"")];
    let mut settings = Settings::gather(&flags, environment_with(&variables)).expect("good");
    let told = settings.effective();
    for line in [
        "data = '/a \"b\"'  # TENON_DATA".to_owned(),
        format!("listen = [\"127.0.0.1:1\", \"[::1]:2\"]  # {path}:3:1"),
        "shards = 5  # --shards".to_owned(),
        "admin_listen = \"127.0.0.1:9001\"  # default".to_owned(),
        "secret_key = \"***\"  # TENON_ROOT_SECRET_KEY".to_owned(),
        "# secret_key_file is not set".to_owned(),
        "share_min_fraction = 0.25  # ".to_owned() + &path + ":13:1",
        "reserve = \"1GiB\"  # TENON_DISK_RESERVE".to_owned(),
    ] {
        assert!(told.lines().any(|told| told == line), "{line} in\n{told}");
    }
    assert!(!told.contains("correct horse"));

    let again = file_of(&told.replace("***", "correct horse"));
    let flags = ServeFlags { config: Some(again.path().into()), ..ServeFlags::default() };
    let mut again = Settings::gather(&flags, environment(&[])).expect("reads back");
    assert_eq!(settings.differing(&mut again), [] as [&str; 0]);
    let flags = ServeFlags { config: Some(path.into()), shards: Some("5".into()), ..flags };
    let variables = [&variables[..], &[("TENON_ROOT_SECRET_KEY", "another horse")]].concat();
    let mut other = Settings::gather(&flags, environment_with(&variables)).expect("good");
    assert_eq!(settings.differing(&mut other), ["root.secret_key"], "and it is not told");
}

#[test]
fn the_table_names_each_setting_once_and_its_tables_in_one_piece() {
    let mut variables: Vec<_> = SETTINGS.iter().map(Setting::variable).collect();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), SETTINGS.len());
    let mut tables: Vec<_> = SETTINGS.iter().map(Setting::table).collect();
    tables.dedup();
    assert_eq!(tables[0], None, "what has no table must come first");
    let count = tables.len();
    tables.sort();
    tables.dedup();
    assert_eq!(tables.len(), count, "{tables:?}");
    for setting in SETTINGS {
        let plain = setting.show(&mut Draft::default()).to_plain();
        let told = !plain.is_empty() || !setting.example.is_empty();
        let silent = ["root.secret_key", "copy.forbid"].contains(&setting.key);
        assert!(told != silent, "{}: a default or an example", setting.key);
        let value = if plain.is_empty() { setting.example } else { &plain };
        if !silent {
            assert_eq!(setting.set(&mut Draft::default(), value.as_ref()), Ok(()), "{value}");
        }
    }
}

#[test]
fn every_flag_that_is_a_setting_arrives_there() {
    let command = Arguments::command();
    let serve = command.find_subcommand("serve").expect("there");
    let mut line = vec!["tenon".to_owned(), "serve".to_owned()];
    let mut keys = Vec::new();
    for argument in serve.get_arguments() {
        let long = argument.get_long().expect("all are long");
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.flag() == format!("--{long}"))
        {
            let help = argument.get_help().expect("told").to_string();
            assert!(help.starts_with(setting.meaning), "{help}");
            let default = setting.show(&mut Draft::default()).to_plain();
            let value = if default.is_empty() { setting.example.to_owned() } else { default };
            line.extend([setting.flag(), value]);
            keys.push(setting.key);
        } else {
            assert!(["config", "check-config", "help"].contains(&long), "--{long}");
        }
    }
    let Ok(Arguments { command: Command::Serve(flags) }) = Arguments::try_parse_from(line) else {
        panic!("the flags parse");
    };
    let mut given: Vec<_> = flags.given().map(|(key, _)| key).collect();
    given.sort_unstable();
    keys.sort_unstable();
    assert_eq!(given, keys);
}

const SAMPLE_HEAD: &str = "\
# Settings of a Tenon node: tenon serve --config FILE
#
# Each line shows the default or, where there is none, an example. The key b_c of table [a] is TENON_A_B_C in the
# environment, which wins over this file; flags win over both. Sizes: bytes or \"64MiB\". Durations: \"250ms\", \"5s\",
# \"1h\". A key that is no setting is refused. `tenon serve --check-config` prints what is in force, and why.
";

/// A file of settings with every setting in it, as a comment with its default or else an example.
fn sample() -> String {
    let mut out = SAMPLE_HEAD.to_owned();
    let mut table = None;
    for setting in SETTINGS {
        if table != setting.table() {
            table = setting.table();
            write!(out, "\n[{}]", table.expect("comes first")).expect("a String");
        }
        let default = setting.show(&mut Draft::default());
        let value = match default.to_toml().filter(|_| setting.example.is_empty()) {
            Some(value) => value,
            None if setting.is_number() => setting.example.to_owned(),
            None if setting.is_list() => format!("[{:?}]", setting.example),
            None => format!("{:?}", setting.example),
        };
        let (meaning, name) = (setting.meaning, setting.name());
        write!(out, "\n# {meaning}.\n#{name} = {value}\n").expect("a String");
    }
    out
}

#[test]
fn the_sample_file_has_every_setting_and_is_good() {
    let kept = include_str!("../../../scripts/tenon.toml");
    let made = sample();
    assert_eq!(kept, made, "scripts/tenon.toml is not up to date; it must be:\n{made}");
    let comment = |line: &str| line.starts_with("# ") || line == "#";
    let bare: Vec<_> = made
        .lines()
        .filter(|line| !comment(line))
        .map(|line| line.trim_start_matches('#'))
        .collect();
    // The secret has no example.
    let text = bare.join("\n").replace("secret_key = \"\"", "");
    let (config, warnings) = with_file(&text, &[]).expect("good");
    assert_eq!(warnings, [] as [String; 0]);
    let mut default = Config::new("/d".into(), config.root.clone());
    assert_eq!(config.copy, default.copy);
    default.http.trusted_proxies = vec!["192.0.2.1".parse().expect("address")];
    assert_eq!(config.http, default.http);
    assert_eq!(config.domains, ["s3.example.test"]);
}
