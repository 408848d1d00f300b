//! Where AWS's recorded answers differ from its published model. Kept by hand.
//!
//! A shape named as the generator would name it takes the place of the model's, and so does one named after a structure
//! and its member, and `…_STATUS` of an operation; `scripts/generate_models.py` refuses a name that replaces nothing.
//!
//! Source: answers recorded from AWS in 2025 and 2026, developer guide for the limits of on-demand functions.

use super::pattern::Pattern;
use super::shape::{Shape, integer, list, one_of, string};

/// The model says 200.
pub(super) const DELETE_FUNCTION_STATUS: u16 = 204;

// The model holds the larger limits of managed instances; these are the documented ones of on-demand functions.

/// Seconds.
pub(super) static TIMEOUT: Shape = integer().min(1).max(900);
/// MB.
pub(super) static MEMORY_SIZE: Shape = integer().min(128).max(10_240);
/// MB.
pub(super) static EPHEMERAL_STORAGE_SIZE: Shape = integer().min(512).max(10_240);

/// Create and UpdateFunctionConfiguration refuse a runtime with another error, see [`super::rules`].
pub(super) static RUNTIME: Shape = string();

// Enumerations whose order is another one.

/// Recorded order.
pub(super) static RECURSIVE_LOOP: Shape = one_of(&["Terminate", "Allow"]);
/// Recorded order.
pub(super) static INVOKE_MODE: Shape = one_of(&["RESPONSE_STREAM", "BUFFERED"]);
/// Recorded order.
pub(super) static EVENT_SOURCE_POSITION: Shape = one_of(&["LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"]);

static LAYER_RUNTIME: Shape = one_of(SUPPORTED_RUNTIMES);
/// PublishLayerVersion knows the runtimes that functions can have, and says so without the brackets of other lists.
pub(super) static COMPATIBLE_RUNTIMES: Shape = list(&LAYER_RUNTIME).max(15).bare();
/// ListLayers knows every runtime there ever was, and some that there never was.
pub(super) static LIST_LAYERS_REQUEST_COMPATIBLE_RUNTIME: Shape = one_of(LAYER_FILTER_RUNTIMES);
/// As ListLayers.
pub(super) static LIST_LAYER_VERSIONS_REQUEST_COMPATIBLE_RUNTIME: Shape = one_of(LAYER_FILTER_RUNTIMES);

/// The model's pattern has another pair of parentheses around it.
pub(super) static LAYER_VERSION_ARN: Shape = string().min(1).max(2048).pattern(&LAYER_VERSION_PATTERN).not_null();
static LAYER_VERSION_PATTERN: Pattern = Pattern::new(
    r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)",
);

/// Tags also hang on layers, and the order is another one.
pub(super) static TAGGABLE_RESOURCE: Shape = string().min(1).max(10_000).pattern(&TAGGABLE_PATTERN);
static TAGGABLE_PATTERN: Pattern = Pattern::new(
    r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)",
);

/// Runtimes that CreateFunction and UpdateFunctionConfiguration take, in the order AWS prints them; newer ones last.
pub(super) static SUPPORTED_RUNTIMES: &[&str] = &[
    "nodejs20.x",
    "python3.14",
    "provided.al2023",
    "python3.12",
    "python3.13",
    "nodejs24.x",
    "nodejs22.x",
    "java25",
    "python3.10",
    "python3.11",
    "java21",
    "ruby3.3",
    "ruby3.4",
    "ruby3.2",
    "python3.8",
    "python3.9",
    "java17",
    "nodejs16.x",
    "dotnet10",
    "dotnet8",
    "java11",
    "dotnet6",
    "nodejs18.x",
    "provided.al2",
    "java8.al2",
    "ruby4.0",
    "nodejs26.x",
    "python3.15",
    "java8.al2023",
    "java11.al2023",
    "java17.al2023",
];

/// Runtimes of the model's enumeration that AWS refuses as no longer supported.
pub(super) static RETIRED_RUNTIMES: &[&str] = &[
    "nodejs",
    "nodejs4.3",
    "nodejs4.3-edge",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "java8",
    "python2.7",
    "python3.6",
    "python3.7",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "go1.x",
    "ruby2.5",
    "ruby2.7",
    "provided",
];

static LAYER_FILTER_RUNTIMES: &[&str] = &[
    "ruby3.5",
    "ruby2.6",
    "dotnetcore1.0",
    "python3.7",
    "nodejs8.10",
    "nasa",
    "ruby2.7",
    "python2.7-greengrass",
    "dotnetcore2.0",
    "python3.8",
    "java21",
    "dotnet6",
    "dotnetcore2.1",
    "python3.9",
    "java11",
    "nodejs6.10",
    "provided",
    "dotnetcore3.1",
    "dotnet8",
    "java25",
    "java17",
    "nodejs",
    "nodejs4.3",
    "java8.al2",
    "go1.x",
    "dotnet10",
    "nodejs20.x",
    "go1.9",
    "byol",
    "nodejs10.x",
    "provided.al2023",
    "nodejs22.x",
    "python3.10",
    "java8",
    "nodejs12.x",
    "python3.11",
    "nodejs24.x",
    "nodejs8.x",
    "python3.12",
    "nodejs14.x",
    "nodejs8.9",
    "nodejs26.x",
    "python3.13",
    "python3.14",
    "nodejs16.x",
    "python3.15",
    "provided.al2",
    "nodejs4.3-edge",
    "nodejs18.x",
    "ruby3.2",
    "python3.4",
    "ruby3.3",
    "ruby3.4",
    "ruby2.5",
    "python3.6",
    "python2.7",
];
