//! What callers of function URLs with `AWS_IAM` sign with. Lambda's own API does not look at signatures.

use hearth_api::signature::Credential;
use hearth_core::ids::AccountId;
use std::collections::HashMap;

/// The secret of every access key unless the operator says otherwise; the key is `test` or an account.
const DEFAULT: &str = "test";

/// Access keys and their secrets.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Whose a key is that names no account.
    account: AccountId,
    /// By access key id; `None`: the ones that everybody knows.
    known: Option<HashMap<String, Credential>>,
}

/// A file of credentials that says something else.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Neither a section nor a setting.
    #[error("line {0} is neither `[profile]` nor `name = value`")]
    Line(usize),
    /// A profile with a key and no secret, or the other way round.
    #[error("profile {0} needs aws_access_key_id and aws_secret_access_key")]
    Incomplete(String),
    /// `aws_account_id` that is none.
    #[error("profile {0}: aws_account_id must have twelve digits")]
    Account(String),
    /// Two profiles with one key.
    #[error("profile {0}: another profile has the same aws_access_key_id")]
    Twice(String),
    /// Nobody could sign.
    #[error("no profile with aws_access_key_id is in it")]
    Empty,
}

impl Credentials {
    /// Those that emulators share: key `test`, or an account's twelve digits, with secret `test`. They keep nobody out.
    #[must_use]
    pub fn well_known(account: AccountId) -> Self {
        Self { account, known: None }
    }

    /// Those of a file as the AWS CLI keeps it: profiles with `aws_access_key_id`, `aws_secret_access_key`, and if wanted
    /// `aws_session_token` and `aws_account_id`. A key that names no account, by that or by being twelve digits, is
    /// `account`'s. Profiles without a key of their own, such as those that take on a role, are passed over.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`], which says where.
    pub fn parse(text: &str, account: AccountId) -> Result<Self, CredentialsError> {
        let mut profiles: Vec<(&str, HashMap<&str, &str>)> = Vec::new();
        for (number, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                profiles.push((name.trim(), HashMap::new()));
                continue;
            }
            let setting = line.split_once('=').zip(profiles.last_mut());
            let ((name, value), (_, settings)) = setting.ok_or(CredentialsError::Line(number + 1))?;
            settings.insert(name.trim(), value.trim());
        }
        let mut known = HashMap::new();
        let of_their_own = |settings: &HashMap<&str, &str>| {
            ["aws_access_key_id", "aws_secret_access_key"].iter().any(|name| settings.contains_key(name))
        };
        for (name, settings) in profiles.into_iter().filter(|(_, settings)| of_their_own(settings)) {
            let (key, credential) = credential(name, &settings, &account)?;
            if known.insert(key, credential).is_some() {
                return Err(CredentialsError::Twice(name.to_owned()));
            }
        }
        if known.is_empty() { Err(CredentialsError::Empty) } else { Ok(Self { account, known: Some(known) }) }
    }

    /// The credential of an access key.
    pub(crate) fn find(&self, key: &str) -> Option<Credential> {
        if let Some(known) = &self.known {
            return known.get(key).cloned();
        }
        let account = AccountId::parse(key).or_else(|| (key == DEFAULT).then(|| self.account.clone()))?;
        Some(Credential { secret: DEFAULT.to_owned(), token: None, account })
    }
}

fn credential(
    profile: &str,
    settings: &HashMap<&str, &str>,
    default: &AccountId,
) -> Result<(String, Credential), CredentialsError> {
    let setting = |name: &str| settings.get(name).filter(|value| !value.is_empty()).map(|value| (*value).to_owned());
    let (Some(key), Some(secret)) = (setting("aws_access_key_id"), setting("aws_secret_access_key")) else {
        return Err(CredentialsError::Incomplete(profile.to_owned()));
    };
    let account = match setting("aws_account_id") {
        Some(said) => AccountId::parse(&said).ok_or_else(|| CredentialsError::Account(profile.to_owned()))?,
        None => AccountId::parse(&key).unwrap_or_else(|| default.clone()),
    };
    Ok((key, Credential { secret, token: setting("aws_session_token"), account }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str) -> AccountId {
        AccountId::parse(id).expect("account")
    }

    fn parse(text: &str) -> Result<Credentials, CredentialsError> {
        Credentials::parse(text, account("000000000000"))
    }

    #[test]
    fn a_file_of_the_aws_cli_is_read() {
        let text = "# mine\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key=a=b/c\nregion = x\n\n\
                    [other]\naws_access_key_id = AKIA2\naws_secret_access_key = s\naws_session_token = t\n\
                    aws_account_id = 111111111111\n[role]\nrole_arn = x\nsource_profile = default\n[third]\naws_access_key_id=222222222222\naws_secret_access_key=s\n";
        let known = parse(text).expect("valid");
        let found = |key: &str| known.find(key).map(|it| (it.secret, it.token, it.account));
        assert_eq!(found("AKIA1"), Some(("a=b/c".to_owned(), None, account("000000000000"))));
        assert_eq!(found("AKIA2"), Some(("s".to_owned(), Some("t".to_owned()), account("111111111111"))));
        assert_eq!(found("222222222222").map(|it| it.2), Some(account("222222222222")));
        assert_eq!(found("test"), None);
        assert!(!format!("{known:?}").contains("a=b/c"), "secrets are not printed");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text: &str| parse(text).expect_err("refused");
        assert_eq!(error(""), CredentialsError::Empty);
        assert_eq!(error("aws_access_key_id = x"), CredentialsError::Line(1));
        assert_eq!(error("[a]\n\nx"), CredentialsError::Line(3));
        assert_eq!(error("[a]\naws_access_key_id = x"), CredentialsError::Incomplete("a".to_owned()));
        let profile = "[a]\naws_access_key_id = x\naws_secret_access_key = y\n";
        assert_eq!(error(&format!("{profile}aws_account_id = 1")), CredentialsError::Account("a".to_owned()));
        assert_eq!(error(&format!("{profile}{profile}")), CredentialsError::Twice("a".to_owned()));
    }

    #[test]
    fn without_a_file_everybody_can_sign() {
        let known = Credentials::well_known(account("000000000000"));
        assert_eq!(known.find("test").map(|it| it.account), Some(account("000000000000")));
        assert_eq!(known.find("111111111111").map(|it| it.account), Some(account("111111111111")));
        assert!(known.find("AKIA1").is_none());
    }
}
