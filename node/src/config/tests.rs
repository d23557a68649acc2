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

fn resolve(more: &[(&str, &str)]) -> Result<(Config, Vec<String>), ConfigError> {
    let kept = CREDENTIAL.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    let all: Vec<_> = kept.chain(more).copied().collect();
    Config::resolve(ServeFlags::default(), environment(&all))
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
        Config::resolve(ServeFlags::default(), environment(&left)).map(|_| ()).expect_err(name)
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
    std::fs::write(&path, "from a file\n").expect("written");
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
        listen: vec!["0.0.0.0:80".parse().expect("address")],
        shards: Some(3),
        ..ServeFlags::default()
    };
    let all: Vec<_> = CREDENTIAL
        .into_iter()
        .chain([("TENON_LISTEN", "127.0.0.1:1,127.0.0.1:2"), ("TENON_SHARDS", "7")])
        .chain([("TENON_DATA", "/environment"), ("TENON_META_DIR", "/environment-meta")])
        .collect();
    let (config, warnings) = Config::resolve(flags, environment(&all)).expect("complete");
    assert_eq!(
        warnings,
        [] as [String; 0],
        "a setting that a flag wins over is known all the same"
    );
    assert_eq!(config.data, Path::new("/flag"));
    assert_eq!(config.meta_dir, Path::new("/flag-meta"));
    assert_eq!(config.listen, ["0.0.0.0:80".parse().expect("address")]);
    assert_eq!(config.shards, Some(3));
    let (config, _) = Config::resolve(ServeFlags::default(), environment(&all)).expect("complete");
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
    let (_, warnings) = resolve(&[("TENON_SPEED", "fast"), ("OTHER", "1")]).expect("complete");
    assert_eq!(warnings, ["TENON_SPEED: not a setting, ignored"]);
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
        ("TENON_HTTP_KEEPALIVE_INTERVAL", "250ms"),
    ])
    .expect("complete");
    assert!(warnings.is_empty());
    assert_eq!(config.domains, ["s3.example.test", "s3.other.test"]);
    assert_eq!(config.tls, Some(TlsFiles { cert: "/c.pem".into(), key: "/k.pem".into() }));
    assert_eq!(config.log, LogConfig { level: Level::Warn, format: LogFormat::Json });
    assert_eq!(config.http.request_timeout, Duration::from_secs(3600));
    assert_eq!(config.http.min_rate, 4096);
    assert_eq!(config.http.keepalive_after, Duration::ZERO);
    assert_eq!(config.http.keepalive_interval, Duration::from_millis(250));
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
    assert_eq!(flags.shards, Some(2));
    for wrong in [["--listen", "9000"], ["--shards", "0"], ["--shards", "many"]] {
        let line = ["tenon", "serve", "--data", "/d"].into_iter().chain(wrong);
        assert!(Arguments::try_parse_from(line).is_err(), "{wrong:?}");
    }
}
