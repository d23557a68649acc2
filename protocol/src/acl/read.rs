//! Room: grants as headers and as a document.

use alloc::string::String;

use super::Acl;
use crate::error::{ErrorCode, S3Error};
use crate::name::AccountId;
use crate::xml::read::Body;

/// The names of the groups that S3 knows end so; the first two are everybody.
const PUBLIC_GROUPS: [&str; 2] = [
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
];
const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";
const PERMISSIONS: [&str; 5] = ["FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP"];

/// What grants come to.
#[derive(Debug, Default)]
pub(super) struct Grants {
    /// The owner may do everything.
    owner: bool,
    /// Somebody may do something, or the owner less than everything.
    other: bool,
    public: bool,
}

/// Who is granted something.
enum Grantee<'a> {
    Id(&'a str),
    Group(&'a str),
    Address,
}

impl Grants {
    /// Takes in a header `x-amz-grant-…`: pairs `id="…"`, `uri="…"`, `emailAddress="…"`, parted by commas.
    pub(super) fn header(
        &mut self,
        name: &str,
        value: &str,
        account: &AccountId,
        method: &str,
    ) -> Result<(), S3Error> {
        let permission = name.strip_prefix(super::GRANTS).unwrap_or_default();
        let permission = permission.replace('-', "_").to_ascii_uppercase();
        let malformed =
            || S3Error::invalid_argument(name, Some(value), "Argument format not recognized");
        if !PERMISSIONS.contains(&permission.as_str()) {
            return Err(malformed());
        }
        for pair in value.split(',') {
            let (kind, who) = pair.trim().split_once('=').ok_or_else(malformed)?;
            let who = who.trim().trim_matches('"');
            let grantee = match kind.trim() {
                "id" => Grantee::Id(who),
                "uri" => Grantee::Group(who),
                "emailAddress" => Grantee::Address,
                _ => return Err(malformed()),
            };
            self.grant(&grantee, &permission, account, method)?;
        }
        Ok(())
    }

    fn grant(
        &mut self,
        grantee: &Grantee<'_>,
        permission: &str,
        account: &AccountId,
        method: &str,
    ) -> Result<(), S3Error> {
        match grantee {
            Grantee::Id(id) if *id == account.canonical_id() => {
                let all = permission == "FULL_CONTROL";
                (self.owner, self.other) = (self.owner || all, self.other || !all);
            }
            // There is one account: an id that is not its own is nobody's.
            Grantee::Id(id) => {
                return Err(S3Error::invalid_argument("CanonicalUser/ID", Some(id), "Invalid id"));
            }
            Grantee::Group(uri) if PUBLIC_GROUPS.contains(uri) => {
                (self.other, self.public) = (true, true);
            }
            Grantee::Group(LOG_DELIVERY) => self.other = true,
            Grantee::Group(uri) => {
                let message = "Invalid group uri";
                return Err(S3Error::invalid_argument("Group/URI", Some(uri), message));
            }
            // S3: no longer supported since October 2025.
            Grantee::Address => return Err(S3Error::method_not_allowed(method, "ACL")),
        }
        Ok(())
    }

    /// What they come to, having been asked for in `by`.
    pub(super) fn acl(&self, by: &'static str) -> Acl {
        if self.owner && !self.other { Acl::Owner } else { Acl::Others { by, public: self.public } }
    }
}

/// Reads the grants of an `AccessControlPolicy`.
pub(super) fn document(bytes: &[u8], account: &AccountId, method: &str) -> Result<Grants, S3Error> {
    let malformed = |_not_xml: S3Error| malformed_acl();
    let mut body = Body::open(bytes, "AccessControlPolicy").map_err(malformed)?;
    let (mut grants, mut owner) = (None, None);
    while let Some(name) = body.child().map_err(malformed)? {
        match name.as_str() {
            "Owner" if owner.is_none() => owner = Some(id_of(&mut body).map_err(malformed)?),
            "AccessControlList" if grants.is_none() => {
                grants = Some(list(&mut body, account, method)?);
            }
            _ => return Err(malformed_acl()),
        }
    }
    body.end().map_err(malformed)?;
    match owner.ok_or_else(malformed_acl)? {
        Some(id) if id != account.canonical_id() => Err(S3Error::access_denied()),
        Some(_) => grants.ok_or_else(malformed_acl),
        None => Err(malformed_acl()),
    }
}

fn list(body: &mut Body<'_>, account: &AccountId, method: &str) -> Result<Grants, S3Error> {
    let malformed = |_not_xml: S3Error| malformed_acl();
    let mut grants = Grants::default();
    while let Some(name) = body.child().map_err(malformed)? {
        if name != "Grant" {
            return Err(malformed_acl());
        }
        let (mut who, mut permission) = (None, None);
        while let Some(name) = body.child().map_err(malformed)? {
            match name.as_str() {
                "Grantee" if who.is_none() => who = Some(grantee(body).map_err(malformed)?),
                "Permission" if permission.is_none() => {
                    permission = Some(body.text().map_err(malformed)?);
                }
                _ => return Err(malformed_acl()),
            }
        }
        let (Some(Some((kind, who))), Some(permission)) = (who, permission) else {
            return Err(malformed_acl());
        };
        if !PERMISSIONS.contains(&permission.as_str()) {
            return Err(malformed_acl());
        }
        let grantee = match kind {
            "ID" => Grantee::Id(&who),
            "URI" => Grantee::Group(&who),
            _ => Grantee::Address,
        };
        grants.grant(&grantee, &permission, account, method)?;
    }
    Ok(grants)
}

/// What a grantee is named by, and the name; attributes are not looked at, since the element says the same.
fn grantee(body: &mut Body<'_>) -> Result<Option<(&'static str, String)>, S3Error> {
    let mut found = None;
    while let Some(name) = body.child()? {
        let kind = match name.as_str() {
            "ID" => "ID",
            "URI" => "URI",
            "EmailAddress" => "EmailAddress",
            _ => {
                body.skip()?;
                continue;
            }
        };
        // Of two, one would be forgotten.
        if found.replace((kind, body.text()?)).is_some() {
            return Err(S3Error::malformed_xml());
        }
    }
    Ok(found)
}

fn id_of(body: &mut Body<'_>) -> Result<Option<String>, S3Error> {
    let mut found = None;
    while let Some(name) = body.child()? {
        match name.as_str() {
            "ID" if found.is_none() => found = Some(body.text()?),
            "ID" => return Err(S3Error::malformed_xml()),
            _ => body.skip()?,
        }
    }
    Ok(found)
}

fn malformed_acl() -> S3Error {
    S3Error::new(
        ErrorCode::MalformedAclError,
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}
