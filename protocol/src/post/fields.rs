//! Room: the fields of a form.
//!
//! Invariants: names are known by their lower-case spelling; a field that comes several times has its values joined by
//! commas, as a header has, so that nobody judges one of them and takes another.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;

use super::FIELDS_LEN_MAX;
use crate::error::S3Error;

/// What a form says before its file. Names and values have at most [`FIELDS_LEN_MAX`] bytes in all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields(BTreeMap<String, Field>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Field {
    /// As it was sent first.
    name: String,
    value: String,
}

impl Fields {
    /// Adds a field.
    pub fn insert(&mut self, name: &str, value: &str) {
        let known = self.0.entry(name.to_ascii_lowercase());
        known
            .and_modify(|field| {
                field.value.push(',');
                field.value.push_str(value);
            })
            .or_insert_with(|| Field { name: name.to_owned(), value: value.to_owned() });
    }

    /// The value of a field, by its name in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|field| field.value.as_str())
    }

    /// As [`Self::get`], and an empty value counts as none.
    #[must_use]
    pub fn get_non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Names in lower case, ascending, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, field)| (name.as_str(), field.value.as_str()))
    }

    /// The name of a field as it was sent.
    pub(super) fn spelling(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|field| field.name.as_str())
    }

    /// Puts the name of the file, without a path before it, where the fields ask for it.
    /// S3: "POST Object", form fields, `${filename}`.
    ///
    /// # Errors
    /// `MaxPostPreDataLengthExceeded` if that makes them longer than they may be.
    pub(super) fn expand(&mut self, file: &str) -> Result<(), S3Error> {
        const VARIABLE: &str = "${filename}";
        let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let asked: usize = self.iter().map(|(_, value)| value.matches(VARIABLE).count()).sum();
        if asked.saturating_mul(file.len()) > FIELDS_LEN_MAX {
            return Err(S3Error::form_fields_too_long());
        }
        for field in self.0.values_mut().filter(|field| field.value.contains(VARIABLE)) {
            field.value = field.value.replace(VARIABLE, file);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn the_name_of_the_file_is_put_into_each_field() {
        // rule: post/filename
        for (file, key) in [
            ("a.txt", "in/a.txt"),
            ("dir/sub/é.txt", "in/é.txt"),
            ("C:\\dir\\b.txt", "in/b.txt"),
            ("dir/", "in/"),
            ("", "in/"),
        ] {
            let mut fields = Fields::default();
            fields.insert("Key", "in/${filename}");
            fields.insert("x-amz-meta-twice", "${filename}${filename}");
            fields.insert("acl", "${file}");
            fields.expand(file).unwrap();
            assert_eq!(fields.get("key"), Some(key));
            let name = key.strip_prefix("in/").unwrap();
            assert_eq!(fields.get("x-amz-meta-twice"), Some(name.repeat(2).as_str()));
            assert_eq!(fields.get("acl"), Some("${file}"));
        }
    }

    #[test]
    fn a_long_name_does_not_multiply() {
        // rule: post/fields-length
        let mut fields = Fields::default();
        fields.insert("key", &"${filename}".repeat(100));
        let error = fields.expand(&"x".repeat(1000)).unwrap_err();
        assert_eq!(error.code, ErrorCode::MaxPostPreDataLengthExceeded);
    }

    #[test]
    fn a_name_that_comes_twice_has_both_values() {
        // rule: post/field-names
        let mut fields = Fields::default();
        fields.insert("Content-Type", "text/css");
        fields.insert("CONTENT-TYPE", "text/html");
        fields.insert("empty", "");
        assert_eq!(fields.get("content-type"), Some("text/css,text/html"));
        assert_eq!(fields.spelling("content-type"), Some("Content-Type"));
        assert_eq!((fields.get("empty"), fields.get_non_empty("empty")), (Some(""), None));
        assert_eq!(fields.get("Content-Type"), None);
    }
}
