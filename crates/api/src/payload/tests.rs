use super::*;

fn problem(payload: &[u8]) -> String {
    let text = check_json(payload).expect_err("this is not JSON");
    let text = text.strip_prefix("Could not parse request body into json: Could not parse payload into json: ");
    text.expect("the prefix of an invoke").to_owned()
}

fn said(payload: &[u8], text: &str, line: usize, column: usize) {
    let place = format!(
        "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
    );
    assert_eq!(problem(payload), format!("{text}\n at {place}"), "{:?}", String::from_utf8_lossy(payload));
}

#[test]
fn json_is_json() {
    let deep = ["[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX)].concat();
    for right in [
        "{}",
        "null",
        " true ",
        "false",
        "0",
        "-0.5e+10",
        "\"\"",
        r#""\u00e9\ud800 \/é""#,
        r#"{"a":[1,{"b":null}],"a":2}"#,
        "\r\n\t[ ]",
        "1e999999",
        &deep,
    ] {
        assert_eq!(check_json(right.as_bytes()), Ok(()), "{right}");
    }
}

#[test]
fn recorded_answers() {
    said(b"n\x87r\x9e\xe9\xb5\xd7I\xee\x9bmt", "Invalid UTF-8 start byte 0x87", 1, 3);
    let text = "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value \
                (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    said(b"\x99\xeb,j\x07\xa1zYh", text, 1, 1);
}

#[test]
fn words_are_named() {
    let text = |word: &str| format!("Unrecognized token '{word}': was expecting {VALUES}");
    said(b"hello", &text("hello"), 1, 6);
    said(b"{\n\"a\": nul}", &text("nul"), 2, 10);
    said(b"truely", &text("truely"), 1, 7);
    said("[größe]".as_bytes(), &text("größe"), 1, 10);
    assert!(problem("x".repeat(1 << 16).as_bytes()).len() < 600);
}

#[test]
fn structure_is_checked() {
    said(b"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", 1, 4);
    said(b"[1,]", "Unexpected character (']' (code 93)): expected a value", 1, 4);
    said(b"{a:1}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name", 1, 2);
    let text = "Unexpected character (',' (code 44)): was expecting a colon to separate field name and value";
    said(b"{\"a\",1}", text, 1, 5);
    said(b"{\"a\":", "Unexpected end-of-input within/between Object entries", 1, 6);
    assert!(
        problem(b"{\"a\":1").starts_with(
            "Unexpected end-of-input: expected close marker for Object (start marker at [Source: REDACTED"
        )
    );
    assert!(problem(b"[}").starts_with("Unexpected close marker '}': expected ']' (for Array starting at [Source"));
    assert!(problem(b"]").starts_with("Unexpected close marker ']': expected '}' (for root starting at [Source"));
    assert!(problem(b"{} {}").starts_with("Unexpected character ('{' (code 123)): expected end of input"));
    assert!(problem(b"").starts_with("No content to map due to end-of-input\n"));
    assert!(problem(b" \n ").starts_with("No content to map due to end-of-input\n"));
}

#[test]
fn strings_and_numbers_are_checked() {
    let text = "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in \
                string value";
    assert!(problem(b"\"a\n\"").starts_with(text));
    said(b"\"\\q\"", "Unrecognized character escape 'q' (code 113)", 1, 4);
    said(b"\"a", "Unexpected end-of-input: was expecting closing quote for a string value", 1, 3);
    said(b"\"\xff\"", "Invalid UTF-8 start byte 0xff", 1, 3);
    said(b"\"\xc3(\"", "Invalid UTF-8 middle byte 0x28", 1, 4);
    assert!(problem(b"01").starts_with("Invalid numeric value: Leading zeroes not allowed"));
    assert!(problem(b"-").starts_with("Unexpected end-of-input in numeric value"));
    assert!(problem(b"1.x").contains("Decimal point not followed by a digit"));
    assert!(problem(b"NaN").starts_with("Non-standard token 'NaN'"));
}

#[test]
fn depth_is_bounded() {
    let text = "Document nesting depth (1001) exceeds the maximum allowed (1000, from \
                `StreamReadConstraints.getMaxNestingDepth()`)";
    said(&[b'['; 1 << 20], text, 1, 1_002);
}

mod properties {
    use super::*;
    use proptest::prelude::*;
    use serde::de::{Deserialize as _, IgnoredAny};

    /// What an independent parser says; it does not look at UTF-8, and has no limit of depth.
    fn is_json(bytes: &[u8]) -> bool {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        std::str::from_utf8(bytes).is_ok()
            && IgnoredAny::deserialize(&mut deserializer).is_ok()
            && deserializer.end().is_ok()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn agrees_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(check_json(&bytes).is_ok(), is_json(&bytes));
        }

        #[test]
        fn agrees_on_what_looks_like_json(
            tokens in proptest::collection::vec(
                prop::sample::select(vec![
                    "{", "}", "[", "]", ":", ",", "\"", "\"a\"", "\\", "\\u12", "\\ud800", "true", "null", "fals", "-",
                    "0", "12", ".", "e", "+", " ", "\n", "é", "\u{1}", "x",
                ]),
                0..12,
            )
        ) {
            let text = tokens.concat();
            prop_assert_eq!(check_json(text.as_bytes()).is_ok(), is_json(text.as_bytes()), "{}", text);
        }
    }
}
