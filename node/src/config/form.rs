//! Room: the forms of values: how each kind of setting is read from text, and how it is told again.
//!
//! Invariant: what is shown reads back as the same value.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use protocol::limits::COPY_LEN_MAX;
use protocol::name::AccountId;

use super::value::{
    parse_duration, parse_fraction, parse_list, parse_size, show_duration, show_size,
};
use super::{LogFormat, Reserve, Way};
use crate::log::Level;

/// How the values of one kind of setting are written.
pub(super) struct Form<T> {
    /// From a flag, a variable or the file; a list of the file comes joined by commas.
    pub(super) parse: fn(&OsStr) -> Result<T, String>,
    /// Back to what an operator would write.
    pub(super) show: fn(&T) -> Shown,
    /// Whether a number of the file is as good as a text.
    pub(super) number: bool,
}

/// A value as an operator would write it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Shown {
    /// There is none.
    Unset,
    /// There is one, and it is nobody's business.
    Hidden,
    /// A number, or what stands without quotes.
    Number(String),
    /// A text.
    Text(String),
    /// Any number of texts.
    List(Vec<String>),
}

impl Shown {
    /// As the value of a key in TOML.
    pub(super) fn to_toml(&self) -> Option<String> {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        match self {
            Self::Unset => None,
            Self::Hidden => Some(quoted("***")),
            Self::Number(number) => Some(number.clone()),
            Self::Text(text) => Some(quoted(text)),
            Self::List(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
                Some(format!("[{}]", texts.join(", ")))
            }
        }
    }

    /// As the value of a variable.
    pub(super) fn to_plain(&self) -> String {
        match self {
            Self::Unset | Self::Hidden => String::new(),
            Self::Number(text) | Self::Text(text) => text.clone(),
            Self::List(texts) => texts.join(","),
        }
    }
}

pub(super) const PATH: Form<Option<PathBuf>> = Form {
    // Any bytes may stand in a path.
    parse: |given| match PathBuf::from(given) {
        none if none.as_os_str().is_empty() => Err("an empty path".into()),
        path => Ok(Some(path)),
    },
    show: |path| match path {
        Some(path) => Shown::Text(path.display().to_string()),
        None => Shown::Unset,
    },
    number: false,
};

pub(super) const ADDRESS: Form<SocketAddr> = Form {
    parse: |given| parse_address(text(given)?),
    show: |address| Shown::Text(address.to_string()),
    number: false,
};

pub(super) const ADDRESSES: Form<Vec<SocketAddr>> = Form {
    parse: |given| match parse_list(text(given)?, parse_address)? {
        none if none.is_empty() => Err("at least one address".into()),
        addresses => Ok(addresses),
    },
    show: |items| show_list(items),
    number: false,
};

pub(super) const PROXIES: Form<Vec<IpAddr>> = Form {
    parse: |given| {
        parse_list(text(given)?, |item| {
            item.parse().map_err(|_error| format!("{item:?} is no IP address"))
        })
    },
    show: |items| show_list(items),
    number: false,
};

pub(super) const DOMAINS: Form<Vec<String>> = Form {
    parse: |given| parse_list(text(given)?, parse_domain),
    show: |items| show_list(items),
    number: false,
};

pub(super) const SHARDS: Form<Option<usize>> = Form {
    parse: |given| match text(given)?.parse() {
        Ok(shards @ 1..=SHARDS_MAX) => Ok(Some(shards)),
        _ => Err(format!("a number from 1 to {SHARDS_MAX}")),
    },
    show: |shards| match shards {
        Some(shards) => Shown::Number(shards.to_string()),
        None => Shown::Unset,
    },
    number: true,
};

pub(super) const COUNT: Form<usize> = Form {
    parse: |given| match text(given)?.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err("a number, at least 1".into()),
    },
    show: |count| Shown::Number(count.to_string()),
    number: true,
};

pub(super) const SIZE: Form<u64> = Form {
    parse: |given| parse_size(text(given)?),
    show: |len| Shown::Text(show_size(*len)),
    number: true,
};

/// A budget with which the node can work at all.
pub(super) const MEMORY: Form<u64> = Form {
    parse: |given| match parse_size(text(given)?)? {
        len @ MEMORY_LEN_MIN.. => Ok(len),
        _ => Err("at least 8MiB".into()),
    },
    ..SIZE
};

/// What S3 copies at once, or more.
pub(super) const COPY_LEN: Form<u64> = Form {
    parse: |given| match parse_size(text(given)?)? {
        len @ COPY_LEN_MAX.. => Ok(len),
        _ => Err("at least 5GiB".into()),
    },
    ..SIZE
};

pub(super) const RESERVE: Form<Reserve> = Form {
    parse: |given| parse_reserve(text(given)?),
    show: |reserve| match reserve {
        Reserve::Fraction(fraction) => Shown::Text(format!("{}%", fraction * 100.0)),
        Reserve::Bytes(len) => Shown::Text(show_size(*len)),
    },
    number: true,
};

pub(super) const FRACTION: Form<f64> = Form {
    parse: |given| parse_fraction(text(given)?),
    // With its decimal point, so that it is a float in TOML.
    show: |fraction| Shown::Number(format!("{fraction:?}")),
    number: true,
};

pub(super) const DURATION: Form<Duration> = Form {
    parse: |given| parse_duration(text(given)?),
    show: |duration| Shown::Text(show_duration(*duration)),
    number: false,
};

/// A time-out: nothing can be done in no time.
pub(super) const WAIT: Form<Duration> = Form {
    parse: |given| match parse_duration(text(given)?)? {
        Duration::ZERO => Err("must be more than nothing".into()),
        duration => Ok(duration),
    },
    ..DURATION
};

/// A pause between signs of life.
pub(super) const PULSE: Form<Duration> = Form {
    parse: |given| match (WAIT.parse)(given)? {
        duration if duration > PULSE_MAX => Err("at most 20s".into()),
        duration => Ok(duration),
    },
    ..DURATION
};

pub(super) const WAYS: Form<Vec<Way>> = Form {
    parse: |given| parse_list(text(given)?, Way::parse),
    show: |ways| Shown::List(ways.iter().map(|way| way.as_str().to_owned()).collect()),
    number: false,
};

pub(super) const REGION: Form<String> = Form {
    parse: |given| parse_region(text(given)?),
    show: |region| Shown::Text(region.clone()),
    number: false,
};

pub(super) const ACCOUNT: Form<AccountId> = Form {
    parse: |given| {
        AccountId::parse(text(given)?).ok_or_else(|| "an account id is 12 digits".into())
    },
    show: |account| Shown::Text(account.as_str().to_owned()),
    number: false,
};

pub(super) const ACCESS_KEY: Form<Option<String>> = Form {
    parse: |given| parse_access_key(utf8(given)?).map(Some),
    show: |key| key.clone().map_or(Shown::Unset, Shown::Text),
    number: false,
};

pub(super) const SECRET: Form<Option<String>> = Form {
    // Blanks at its ends belong to it.
    parse: |given| check_secret(utf8(given)?).map(|secret| Some(secret.to_owned())),
    show: |secret| if secret.is_some() { Shown::Hidden } else { Shown::Unset },
    number: false,
};

pub(super) const LEVEL: Form<Level> = Form {
    parse: |given| {
        let given = text(given)?;
        let found = Level::ALL.into_iter().find(|level| level.as_str() == given);
        found.ok_or_else(|| {
            format!("{given:?} is not one of {}", Level::ALL.map(Level::as_str).join(", "))
        })
    },
    show: |level| Shown::Text(level.as_str().to_owned()),
    number: false,
};

pub(super) const FORMAT: Form<LogFormat> = Form {
    parse: |given| match text(given)? {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(format!("{other:?} is not one of text, json")),
    },
    show: |format| {
        let name = match format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        Shown::Text(name.to_owned())
    },
    number: false,
};

/// A secret that is long enough.
pub(super) fn check_secret(secret: &str) -> Result<&str, String> {
    if secret.len() < SECRET_LEN_MIN {
        return Err(format!("a secret has at least {SECRET_LEN_MIN} characters"));
    }
    Ok(secret)
}

fn utf8(given: &OsStr) -> Result<&str, String> {
    given.to_str().ok_or_else(|| "not UTF-8".into())
}

fn text(given: &OsStr) -> Result<&str, String> {
    utf8(given).map(str::trim)
}

fn show_list<T: ToString>(items: &[T]) -> Shown {
    Shown::List(items.iter().map(T::to_string).collect())
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_error| format!("{text:?} is no address like 127.0.0.1:9000"))
}

/// A base domain in lower case. A port does not belong to it.
fn parse_domain(text: &str) -> Result<String, String> {
    let domain = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=DOMAIN_LABEL_LEN_MAX).contains(&label.len()) && label.bytes().all(good)
    };
    let good = domain.len() <= DOMAIN_LEN_MAX && domain.split('.').all(is_label);
    if good && domain.parse::<Ipv4Addr>().is_err() {
        Ok(domain.to_ascii_lowercase())
    } else {
        Err(format!("{text:?} is no domain like s3.example.test"))
    }
}

fn parse_region(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=64).contains(&text.len()) && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err("a region is made of a-z, 0-9 and -".into())
    }
}

fn parse_access_key(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ',' | '=');
    if (1..=ACCESS_KEY_LEN_MAX).contains(&text.len()) && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err("1 to 128 letters, digits or signs without blank, slash, comma and equals sign".into())
    }
}

fn parse_reserve(text: &str) -> Result<Reserve, String> {
    let Some(percent) = text.strip_suffix('%') else {
        return parse_size(text).map(Reserve::Bytes);
    };
    match percent.trim().parse::<f64>() {
        Ok(percent) if (0.0..=50.0).contains(&percent) => Ok(Reserve::Fraction(percent / 100.0)),
        _ => Err("a size, or a percentage from 0% to 50%".into()),
    }
}

const SHARDS_MAX: usize = 1024;
const SECRET_LEN_MIN: usize = 8;
const ACCESS_KEY_LEN_MAX: usize = 128;
const MEMORY_LEN_MIN: u64 = 8 << 20;
/// Clients and proxies give up after 60 seconds, some after 30.
const PULSE_MAX: Duration = Duration::from_secs(20);
/// RFC 1035 section 2.3.4.
const DOMAIN_LABEL_LEN_MAX: usize = 63;
const DOMAIN_LEN_MAX: usize = 253;
