//! Operations and request shapes of Amazon CloudWatch Logs.
//!
//! Written by scripts/generate_models.py: do not edit.
//!
//! Source: botocore 1.44.5 (Apache-2.0), logs-2014-03-28/service-2.json,
//! SHA-256 c5cf9d5913e5676971c1734c2a7629e59b232e118d68eaca7f721a81735500a7.

use super::super::pattern::Pattern;
use super::super::route::Segment::{Literal};
use super::super::shape::{Payload, Shape, boolean, integer, list, long, map, member, one_of, string, structure};
use super::super::Operation;

/// Every operation, by name.
pub(in super::super) static OPERATIONS: &[Operation] = &[
    Operation { name: "CreateLogGroup", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &CREATE_LOG_GROUP_REQUEST, payload: Payload::Members },
    Operation { name: "CreateLogStream", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &CREATE_LOG_STREAM_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteLogGroup", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &DELETE_LOG_GROUP_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteLogStream", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &DELETE_LOG_STREAM_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteRetentionPolicy", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &DELETE_RETENTION_POLICY_REQUEST, payload: Payload::Members },
    Operation { name: "DescribeLogGroups", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &DESCRIBE_LOG_GROUPS_REQUEST, payload: Payload::Members },
    Operation { name: "DescribeLogStreams", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &DESCRIBE_LOG_STREAMS_REQUEST, payload: Payload::Members },
    Operation { name: "FilterLogEvents", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &FILTER_LOG_EVENTS_REQUEST, payload: Payload::Members },
    Operation { name: "GetLogEvents", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &GET_LOG_EVENTS_REQUEST, payload: Payload::Members },
    Operation { name: "ListTagsForResource", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &LIST_TAGS_FOR_RESOURCE_REQUEST, payload: Payload::Members },
    Operation { name: "PutLogEvents", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &PUT_LOG_EVENTS_REQUEST, payload: Payload::Members },
    Operation { name: "PutRetentionPolicy", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &PUT_RETENTION_POLICY_REQUEST, payload: Payload::Members },
    Operation { name: "StartLiveTail", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &START_LIVE_TAIL_REQUEST, payload: Payload::Members },
    Operation { name: "TagResource", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &TAG_RESOURCE_REQUEST, payload: Payload::Members },
    Operation { name: "UntagResource", status: 200, method: "POST", path: &[Literal("")], query: &[], input: &UNTAG_RESOURCE_REQUEST, payload: Payload::Members },
];

static ACCOUNT_ID: Shape = string().min(12).max(12).pattern(&PATTERN_4);
static ACCOUNT_IDS: Shape = list(&ACCOUNT_ID).min(0).max(20);
static AMAZON_RESOURCE_NAME: Shape = string().min(1).max(1011).pattern(&PATTERN_7);
static CREATE_LOG_GROUP_REQUEST: Shape = structure(&[member("logGroupName", &LOG_GROUP_NAME).required(), member("kmsKeyId", &KMS_KEY_ID), member("tags", &TAGS), member("logGroupClass", &LOG_GROUP_CLASS), member("deletionProtectionEnabled", &DELETION_PROTECTION_ENABLED)]);
static CREATE_LOG_STREAM_REQUEST: Shape = structure(&[member("logGroupName", &LOG_GROUP_NAME).required(), member("logStreamName", &LOG_STREAM_NAME).required()]);
static DAYS: Shape = integer();
static DELETE_LOG_GROUP_REQUEST: Shape = structure(&[member("logGroupName", &LOG_GROUP_NAME).required()]);
static DELETE_LOG_STREAM_REQUEST: Shape = structure(&[member("logGroupName", &LOG_GROUP_NAME).required(), member("logStreamName", &LOG_STREAM_NAME).required()]);
static DELETE_RETENTION_POLICY_REQUEST: Shape = structure(&[member("logGroupName", &LOG_GROUP_NAME).required()]);
static DELETION_PROTECTION_ENABLED: Shape = boolean();
static DESCENDING: Shape = boolean();
static DESCRIBE_LIMIT: Shape = integer().min(1).max(50);
static DESCRIBE_LOG_GROUPS_LOG_GROUP_IDENTIFIERS: Shape = list(&LOG_GROUP_IDENTIFIER).min(1).max(50);
static DESCRIBE_LOG_GROUPS_REQUEST: Shape = structure(&[member("accountIdentifiers", &ACCOUNT_IDS), member("logGroupNamePrefix", &LOG_GROUP_NAME), member("logGroupNamePattern", &LOG_GROUP_NAME_PATTERN), member("nextToken", &NEXT_TOKEN), member("limit", &DESCRIBE_LIMIT), member("includeLinkedAccounts", &INCLUDE_LINKED_ACCOUNTS), member("logGroupClass", &LOG_GROUP_CLASS), member("logGroupIdentifiers", &DESCRIBE_LOG_GROUPS_LOG_GROUP_IDENTIFIERS)]);
static DESCRIBE_LOG_STREAMS_REQUEST: Shape = structure(&[member("logGroupName", &LOG_GROUP_NAME), member("logGroupIdentifier", &LOG_GROUP_IDENTIFIER), member("logStreamNamePrefix", &LOG_STREAM_NAME), member("orderBy", &ORDER_BY), member("descending", &DESCENDING), member("nextToken", &NEXT_TOKEN), member("limit", &DESCRIBE_LIMIT)]);
static ENTITY: Shape = structure(&[member("keyAttributes", &ENTITY_KEY_ATTRIBUTES), member("attributes", &ENTITY_ATTRIBUTES)]);
static ENTITY_ATTRIBUTES: Shape = map(&ENTITY_ATTRIBUTES_KEY, &ENTITY_ATTRIBUTES_VALUE).min(0).max(10);
static ENTITY_ATTRIBUTES_KEY: Shape = string().min(1).max(256);
static ENTITY_ATTRIBUTES_VALUE: Shape = string().min(1).max(512);
static ENTITY_KEY_ATTRIBUTES: Shape = map(&ENTITY_KEY_ATTRIBUTES_KEY, &ENTITY_KEY_ATTRIBUTES_VALUE).min(2).max(4);
static ENTITY_KEY_ATTRIBUTES_KEY: Shape = string().min(1).max(32);
static ENTITY_KEY_ATTRIBUTES_VALUE: Shape = string().min(1).max(512);
static EVENTS_LIMIT: Shape = integer().min(1).max(10000);
static EVENT_MESSAGE: Shape = string().min(1);
static FILTER_LOG_EVENTS_REQUEST: Shape = structure(&[member("logGroupName", &LOG_GROUP_NAME), member("logGroupIdentifier", &LOG_GROUP_IDENTIFIER), member("logStreamNames", &INPUT_LOG_STREAM_NAMES), member("logStreamNamePrefix", &LOG_STREAM_NAME), member("startTime", &TIMESTAMP), member("endTime", &TIMESTAMP), member("filterPattern", &FILTER_PATTERN), member("nextToken", &NEXT_TOKEN), member("limit", &EVENTS_LIMIT), member("startFromHead", &START_FROM_HEAD), member("interleaved", &INTERLEAVED), member("unmask", &UNMASK)]);
static FILTER_PATTERN: Shape = string().min(0).max(1024);
static GET_LOG_EVENTS_REQUEST: Shape = structure(&[member("logGroupName", &LOG_GROUP_NAME), member("logGroupIdentifier", &LOG_GROUP_IDENTIFIER), member("logStreamName", &LOG_STREAM_NAME).required(), member("startTime", &TIMESTAMP), member("endTime", &TIMESTAMP), member("nextToken", &NEXT_TOKEN), member("limit", &EVENTS_LIMIT), member("startFromHead", &START_FROM_HEAD), member("unmask", &UNMASK)]);
static INCLUDE_LINKED_ACCOUNTS: Shape = boolean();
static INPUT_LOG_EVENT: Shape = structure(&[member("timestamp", &TIMESTAMP).required(), member("message", &EVENT_MESSAGE).required()]);
static INPUT_LOG_EVENTS: Shape = list(&INPUT_LOG_EVENT).min(1).max(10000);
static INPUT_LOG_STREAM_NAMES: Shape = list(&LOG_STREAM_NAME).min(1).max(100);
static INTERLEAVED: Shape = boolean();
static KMS_KEY_ID: Shape = string().max(256);
static LIST_TAGS_FOR_RESOURCE_REQUEST: Shape = structure(&[member("resourceArn", &AMAZON_RESOURCE_NAME).required()]);
static LOG_GROUP_CLASS: Shape = one_of(&["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"]);
static LOG_GROUP_IDENTIFIER: Shape = string().min(1).max(2048).pattern(&PATTERN_6);
static LOG_GROUP_NAME: Shape = string().min(1).max(512).pattern(&PATTERN_0);
static LOG_GROUP_NAME_PATTERN: Shape = string().min(0).max(512).pattern(&PATTERN_5);
static LOG_STREAM_NAME: Shape = string().min(1).max(512).pattern(&PATTERN_3);
static NEXT_TOKEN: Shape = string().min(1);
static ORDER_BY: Shape = one_of(&["LogStreamName", "LastEventTime"]);
static PUT_LOG_EVENTS_REQUEST: Shape = structure(&[member("logGroupName", &LOG_GROUP_NAME).required(), member("logStreamName", &LOG_STREAM_NAME).required(), member("logEvents", &INPUT_LOG_EVENTS).required(), member("sequenceToken", &SEQUENCE_TOKEN), member("entity", &ENTITY)]);
static PUT_RETENTION_POLICY_REQUEST: Shape = structure(&[member("logGroupName", &LOG_GROUP_NAME).required(), member("retentionInDays", &DAYS).required()]);
static SEQUENCE_TOKEN: Shape = string().min(1);
static START_FROM_HEAD: Shape = boolean();
static START_LIVE_TAIL_LOG_GROUP_IDENTIFIERS: Shape = list(&LOG_GROUP_IDENTIFIER).min(1).max(10);
static START_LIVE_TAIL_REQUEST: Shape = structure(&[member("logGroupIdentifiers", &START_LIVE_TAIL_LOG_GROUP_IDENTIFIERS).required(), member("logStreamNames", &INPUT_LOG_STREAM_NAMES), member("logStreamNamePrefixes", &INPUT_LOG_STREAM_NAMES), member("logEventFilterPattern", &FILTER_PATTERN)]);
static TAGS: Shape = map(&TAG_KEY, &TAG_VALUE).min(1).max(50);
static TAG_KEY: Shape = string().min(1).max(128).pattern(&PATTERN_1);
static TAG_KEY_LIST: Shape = list(&TAG_KEY).min(0).max(50);
static TAG_RESOURCE_REQUEST: Shape = structure(&[member("resourceArn", &AMAZON_RESOURCE_NAME).required(), member("tags", &TAGS).required()]);
static TAG_VALUE: Shape = string().max(256).pattern(&PATTERN_2);
static TIMESTAMP: Shape = long().min(0);
static UNMASK: Shape = boolean();
static UNTAG_RESOURCE_REQUEST: Shape = structure(&[member("resourceArn", &AMAZON_RESOURCE_NAME).required(), member("tagKeys", &TAG_KEY_LIST).required()]);

static PATTERN_0: Pattern = Pattern::new(r"[\.\-_/#A-Za-z0-9]+");
static PATTERN_1: Pattern = Pattern::new(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$");
static PATTERN_2: Pattern = Pattern::new(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$");
static PATTERN_3: Pattern = Pattern::new("[^:*]*");
static PATTERN_4: Pattern = Pattern::new(r"^\d{12}$");
static PATTERN_5: Pattern = Pattern::new(r"[\.\-_/#A-Za-z0-9]*");
static PATTERN_6: Pattern = Pattern::new(r"[\w#+=/:,.@-]*");
static PATTERN_7: Pattern = Pattern::new(r"[\w+=/:,.@-]*");
