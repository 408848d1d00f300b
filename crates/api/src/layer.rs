//! A layer version as Hearth keeps it. It never changes after it was published, but for who may use it.

use crate::function::{Code, Scope};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Names one layer of one account in one region.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LayerKey {
    /// Account and region.
    pub scope: Scope,
    /// The name, 1 to 140 characters.
    pub name: String,
}

/// One version of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerVersion {
    /// Which layer.
    pub key: LayerKey,
    /// From 1; signed as the API has it. 0 before it is stored.
    pub number: i64,
    /// Its package.
    pub code: Code,
    /// Free text, up to 256 characters.
    pub description: String,
    /// Free text, up to 512 characters.
    pub license_info: Option<String>,
    /// What its owner says it works with; `None` when the request did not say.
    pub compatible_runtimes: Option<Vec<String>>,
    /// Likewise.
    pub compatible_architectures: Option<Vec<String>>,
    /// When it was published, `YYYY-MM-DDThh:mm:ss.sss+0000`.
    pub created: String,
    /// Who besides its owner may use it; `None` as long as nobody.
    pub policy: Option<LayerPolicy>,
}

/// Who besides its owner may use a layer version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerPolicy {
    /// Changes with every change of the policy.
    pub revision_id: Uuid,
    /// In the order in which they were added; never empty.
    pub grants: Vec<LayerGrant>,
}

/// One statement of a policy. It always allows `lambda:GetLayerVersion`: there is nothing else to allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerGrant {
    /// Its id.
    pub sid: String,
    /// An account, an ARN in one, or `*` for all.
    pub principal: String,
    /// With `*`: only accounts of this organization.
    pub organization: Option<String>,
}

impl LayerKey {
    /// The ARN without a version.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:lambda:{}:{}:layer:{}", self.scope.region, self.scope.account, self.name)
    }

    /// The ARN of a version, whether there is one or not.
    #[must_use]
    pub fn version_arn(&self, number: i64) -> String {
        format!("{}:{number}", self.arn())
    }
}

impl LayerVersion {
    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        self.key.version_arn(self.number)
    }

    /// Whether an account may use it. Hearth knows no organizations: a grant to one opens nothing.
    #[must_use]
    pub fn is_open_to(&self, account: &str) -> bool {
        let grants = self.policy.iter().flat_map(|policy| &policy.grants);
        self.key.scope.account.as_str() == account
            || grants.filter(|grant| grant.organization.is_none()).any(|grant| grant.covers(account))
    }
}

impl LayerGrant {
    fn covers(&self, account: &str) -> bool {
        let principal = self.principal.as_str();
        let in_arn = || principal.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(3));
        principal == "*" || principal == account || in_arn() == Some(account)
    }
}

impl fmt::Display for LayerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_core::ids::{AccountId, Region};

    fn granted(grants: &[(&str, Option<&str>)]) -> LayerVersion {
        let account = AccountId::parse("000000000000").unwrap();
        let scope = Scope { account, region: Region::parse("us-east-1").unwrap() };
        let grants = grants.iter().map(|(principal, organization)| LayerGrant {
            sid: "s".to_owned(),
            principal: (*principal).to_owned(),
            organization: organization.map(str::to_owned),
        });
        LayerVersion {
            key: LayerKey { scope, name: "l".to_owned() },
            number: 7,
            code: Code { sha256: String::new(), size: 0 },
            description: String::new(),
            license_info: None,
            compatible_runtimes: None,
            compatible_architectures: None,
            created: String::new(),
            policy: Some(LayerPolicy { revision_id: Uuid::nil(), grants: grants.collect() }),
        }
    }

    #[test]
    fn a_layer_is_its_owners_and_those_it_was_granted_to() {
        let other = "111111111111";
        assert!(granted(&[]).is_open_to("000000000000"));
        assert!(!granted(&[]).is_open_to(other));
        assert!(granted(&[("222222222222", None), (other, None)]).is_open_to(other));
        assert!(granted(&[("*", None)]).is_open_to(other));
        assert!(granted(&[("arn:aws:iam::111111111111:root", None)]).is_open_to(other));
        assert!(!granted(&[("*", Some("o-1234567890"))]).is_open_to(other), "organizations are not known here");
        assert!(!granted(&[("arn:aws:iam::222222222222:user/111111111111", None)]).is_open_to(other));
    }

    #[test]
    fn arns_name_layer_and_version() {
        assert_eq!(granted(&[]).arn(), "arn:aws:lambda:us-east-1:000000000000:layer:l:7");
    }
}
