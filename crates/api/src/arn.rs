//! The ways in which a request names a function: `name`, `function:name`, `account:function:name`, a full ARN, each with
//! or without a qualifier; and layers. Splits only; whether the text is one of these at all is for the model's patterns.

/// A function as a caller named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionReference<'a> {
    /// Region, if the reference was an ARN.
    pub region: Option<&'a str>,
    /// Account, if it was named.
    pub account: Option<&'a str>,
    /// The unqualified name.
    pub name: &'a str,
    /// Version or alias, if it was named.
    pub qualifier: Option<&'a str>,
}

/// Splits a `FunctionName` that the model has found valid. Anything else gives a reference that names no function.
#[must_use]
pub fn parse_function_reference(text: &str) -> FunctionReference<'_> {
    let after_service = text.strip_prefix("arn:").and_then(|rest| rest.split_once(":lambda:")).map(|(_, rest)| rest);
    let rest = after_service.unwrap_or(text);
    // Without `arn:`, what could be a region is one only if an account or `function:` follows: names may look like one.
    let is_region =
        |rest: &str| after_service.is_some() || rest.starts_with("function:") || account_first(rest).is_some();
    let (region, rest) = match rest.split_once(':') {
        Some((region, rest)) if region_like(region) && is_region(rest) => (Some(region), rest),
        _ => (None, rest),
    };
    let (account, rest) = account_first(rest).map_or((None, rest), |(account, rest)| (Some(account), rest));
    // `…:function` alone is a function called "function".
    let rest = rest.strip_prefix("function:").unwrap_or(rest);
    let (name, qualifier) = match rest.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (rest, None),
    };
    FunctionReference { region, account, name, qualifier }
}

/// A layer as a caller named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerReference<'a> {
    /// Region, if the reference was an ARN.
    pub region: Option<&'a str>,
    /// Account, if the reference was an ARN.
    pub account: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
    /// The version's number as it was written, if it was named.
    pub version: Option<&'a str>,
}

/// Splits a `LayerName`, or the ARN of a layer version, that the model has found valid.
#[must_use]
pub fn parse_layer_reference(text: &str) -> LayerReference<'_> {
    let mut parts = text.split(':').skip(3);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(region), Some(account), Some(_layer), Some(name)) => {
            LayerReference { region: Some(region), account: Some(account), name, version: parts.next() }
        }
        _ => LayerReference { region: None, account: None, name: text, version: None },
    }
}

/// The account that a text starts with, and what follows.
fn account_first(text: &str) -> Option<(&str, &str)> {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once(':').filter(|(account, _)| is_account(account))
}

/// Such as `us-east-1`.
fn region_like(text: &str) -> bool {
    let ends = text.rsplit_once('-').is_some_and(|(_, number)| number.len() == 1 && number < ":");
    ends && text.matches('-').count() >= 2 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<&str>, Option<&str>, &str, Option<&str>) {
        let FunctionReference { region, account, name, qualifier } = parse_function_reference(text);
        (region, account, name, qualifier)
    }

    #[test]
    fn every_accepted_form() {
        let (region, account) = (Some("eu-west-1"), Some("000000000000"));
        assert_eq!(parts("f"), (None, None, "f", None));
        assert_eq!(parts("f:1"), (None, None, "f", Some("1")));
        assert_eq!(parts("function:f"), (None, None, "f", None));
        assert_eq!(parts("function:f:$LATEST"), (None, None, "f", Some("$LATEST")));
        assert_eq!(parts("000000000000:function:f"), (None, account, "f", None));
        assert_eq!(parts("000000000000:f:prod"), (None, account, "f", Some("prod")));
        assert_eq!(parts("arn:aws:lambda:eu-west-1:000000000000:function:f"), (region, account, "f", None));
        assert_eq!(parts("arn:aws-cn:lambda:eu-west-1:000000000000:function:f:2"), (region, account, "f", Some("2")));
    }

    #[test]
    fn a_region_without_an_arn() {
        assert_eq!(parts("us-east-1:000000000000:function:f").0, Some("us-east-1"));
        assert_eq!(parts("us-gov-east-1:function:f:1"), (Some("us-gov-east-1"), None, "f", Some("1")));
        assert_eq!(parts("us-east-1:prod"), (None, None, "us-east-1", Some("prod")));
        assert_eq!(parts("arn:aws:lambda:function:f"), (None, None, "f", None));
    }

    #[test]
    fn a_function_may_be_called_function() {
        assert_eq!(parts("arn:aws:lambda:eu-west-1:000000000000:function").2, "function");
        assert_eq!(parts("function"), (None, None, "function", None));
    }

    #[test]
    fn layers_by_name_arn_and_version() {
        let named = parse_layer_reference("l");
        assert_eq!(named, LayerReference { region: None, account: None, name: "l", version: None });
        let layer = parse_layer_reference("arn:aws:lambda:eu-west-1:000000000000:layer:l");
        let (region, account) = (Some("eu-west-1"), Some("000000000000"));
        assert_eq!(layer, LayerReference { region, account, name: "l", version: None });
        let version = parse_layer_reference("arn:aws:lambda:eu-west-1:000000000000:layer:l:12");
        assert_eq!(version, LayerReference { version: Some("12"), ..layer });
        let public = parse_layer_reference("arn:aws:lambda:::awslayer:l");
        assert_eq!(public, LayerReference { region: Some(""), account: Some(""), name: "l", version: None });
    }

    #[test]
    fn twelve_digits_alone_are_a_name() {
        assert_eq!(parts("000000000000"), (None, None, "000000000000", None));
    }
}
