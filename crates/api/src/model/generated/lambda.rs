//! Operations and request shapes of AWS Lambda.
//!
//! Written by scripts/generate_models.py: do not edit.
//!
//! Source: botocore 1.44.5 (Apache-2.0), lambda-2015-03-31/service-2.json,
//! SHA-256 23b248a3fbf865c2e92a0fee4e02c45788060274f6a085871744151878cfac64.

use super::super::overrides::{COMPATIBLE_RUNTIMES, DELETE_FUNCTION_STATUS, EPHEMERAL_STORAGE_SIZE, EVENT_SOURCE_POSITION, INVOKE_MODE, LAYER_VERSION_ARN, LIST_LAYERS_REQUEST_COMPATIBLE_RUNTIME, LIST_LAYER_VERSIONS_REQUEST_COMPATIBLE_RUNTIME, MEMORY_SIZE, RECURSIVE_LOOP, RUNTIME, TAGGABLE_RESOURCE, TIMEOUT};
use super::super::pattern::Pattern;
use super::super::route::Segment::{Label, Literal};
use super::super::shape::{Payload, Shape, blob, boolean, double, integer, list, long, map, member, one_of, string, structure, timestamp};
use super::super::Operation;

/// Every operation, by name.
pub(in super::super) static OPERATIONS: &[Operation] = &[
    Operation { name: "AddLayerVersionPermission", status: 201, method: "POST", path: &[Literal("2018-10-31"), Literal("layers"), Label("LayerName"), Literal("versions"), Label("VersionNumber"), Literal("policy")], query: &[], input: &ADD_LAYER_VERSION_PERMISSION_REQUEST, payload: Payload::Members },
    Operation { name: "AddPermission", status: 201, method: "POST", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("policy")], query: &[], input: &ADD_PERMISSION_REQUEST, payload: Payload::Members },
    Operation { name: "CheckpointDurableExecution", status: 200, method: "POST", path: &[Literal("2025-12-01"), Literal("durable-executions"), Label("DurableExecutionArn"), Literal("checkpoint")], query: &[], input: &CHECKPOINT_DURABLE_EXECUTION_REQUEST, payload: Payload::Members },
    Operation { name: "CreateAlias", status: 201, method: "POST", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("aliases")], query: &[], input: &CREATE_ALIAS_REQUEST, payload: Payload::Members },
    Operation { name: "CreateCapacityProvider", status: 202, method: "POST", path: &[Literal("2025-11-30"), Literal("capacity-providers")], query: &[], input: &CREATE_CAPACITY_PROVIDER_REQUEST, payload: Payload::Members },
    Operation { name: "CreateCodeSigningConfig", status: 201, method: "POST", path: &[Literal("2020-04-22"), Literal("code-signing-configs")], query: &[], input: &CREATE_CODE_SIGNING_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "CreateEventSourceMapping", status: 202, method: "POST", path: &[Literal("2015-03-31"), Literal("event-source-mappings")], query: &[], input: &CREATE_EVENT_SOURCE_MAPPING_REQUEST, payload: Payload::Members },
    Operation { name: "CreateFunction", status: 201, method: "POST", path: &[Literal("2015-03-31"), Literal("functions")], query: &[], input: &CREATE_FUNCTION_REQUEST, payload: Payload::Members },
    Operation { name: "CreateFunctionUrlConfig", status: 201, method: "POST", path: &[Literal("2021-10-31"), Literal("functions"), Label("FunctionName"), Literal("url")], query: &[], input: &CREATE_FUNCTION_URL_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteAlias", status: 204, method: "DELETE", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("aliases"), Label("Name")], query: &[], input: &DELETE_ALIAS_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteCapacityProvider", status: 202, method: "DELETE", path: &[Literal("2025-11-30"), Literal("capacity-providers"), Label("CapacityProviderName")], query: &[], input: &DELETE_CAPACITY_PROVIDER_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteCodeSigningConfig", status: 204, method: "DELETE", path: &[Literal("2020-04-22"), Literal("code-signing-configs"), Label("CodeSigningConfigArn")], query: &[], input: &DELETE_CODE_SIGNING_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteDurableExecution", status: 202, method: "DELETE", path: &[Literal("2025-12-01"), Literal("durable-executions"), Label("DurableExecutionArn")], query: &[], input: &DELETE_DURABLE_EXECUTION_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteEventSourceMapping", status: 202, method: "DELETE", path: &[Literal("2015-03-31"), Literal("event-source-mappings"), Label("UUID")], query: &[], input: &DELETE_EVENT_SOURCE_MAPPING_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteFunction", status: DELETE_FUNCTION_STATUS, method: "DELETE", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName")], query: &[], input: &DELETE_FUNCTION_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteFunctionCodeSigningConfig", status: 204, method: "DELETE", path: &[Literal("2020-06-30"), Literal("functions"), Label("FunctionName"), Literal("code-signing-config")], query: &[], input: &DELETE_FUNCTION_CODE_SIGNING_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteFunctionConcurrency", status: 204, method: "DELETE", path: &[Literal("2017-10-31"), Literal("functions"), Label("FunctionName"), Literal("concurrency")], query: &[], input: &DELETE_FUNCTION_CONCURRENCY_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteFunctionEventInvokeConfig", status: 204, method: "DELETE", path: &[Literal("2019-09-25"), Literal("functions"), Label("FunctionName"), Literal("event-invoke-config")], query: &[], input: &DELETE_FUNCTION_EVENT_INVOKE_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteFunctionUrlConfig", status: 204, method: "DELETE", path: &[Literal("2021-10-31"), Literal("functions"), Label("FunctionName"), Literal("url")], query: &[], input: &DELETE_FUNCTION_URL_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteLayerVersion", status: 204, method: "DELETE", path: &[Literal("2018-10-31"), Literal("layers"), Label("LayerName"), Literal("versions"), Label("VersionNumber")], query: &[], input: &DELETE_LAYER_VERSION_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteProvisionedConcurrencyConfig", status: 204, method: "DELETE", path: &[Literal("2019-09-30"), Literal("functions"), Label("FunctionName"), Literal("provisioned-concurrency")], query: &[], input: &DELETE_PROVISIONED_CONCURRENCY_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "DeleteResourcePolicy", status: 204, method: "DELETE", path: &[Literal("2026-07-09"), Literal("resource-policy"), Label("ResourceArn")], query: &[], input: &DELETE_RESOURCE_POLICY_REQUEST, payload: Payload::Members },
    Operation { name: "GetAccountSettings", status: 200, method: "GET", path: &[Literal("2016-08-19"), Literal("account-settings")], query: &[], input: &GET_ACCOUNT_SETTINGS_REQUEST, payload: Payload::Members },
    Operation { name: "GetAlias", status: 200, method: "GET", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("aliases"), Label("Name")], query: &[], input: &GET_ALIAS_REQUEST, payload: Payload::Members },
    Operation { name: "GetCapacityProvider", status: 200, method: "GET", path: &[Literal("2025-11-30"), Literal("capacity-providers"), Label("CapacityProviderName")], query: &[], input: &GET_CAPACITY_PROVIDER_REQUEST, payload: Payload::Members },
    Operation { name: "GetCodeSigningConfig", status: 200, method: "GET", path: &[Literal("2020-04-22"), Literal("code-signing-configs"), Label("CodeSigningConfigArn")], query: &[], input: &GET_CODE_SIGNING_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "GetDurableExecution", status: 200, method: "GET", path: &[Literal("2025-12-01"), Literal("durable-executions"), Label("DurableExecutionArn")], query: &[], input: &GET_DURABLE_EXECUTION_REQUEST, payload: Payload::Members },
    Operation { name: "GetDurableExecutionHistory", status: 200, method: "GET", path: &[Literal("2025-12-01"), Literal("durable-executions"), Label("DurableExecutionArn"), Literal("history")], query: &[], input: &GET_DURABLE_EXECUTION_HISTORY_REQUEST, payload: Payload::Members },
    Operation { name: "GetDurableExecutionState", status: 200, method: "GET", path: &[Literal("2025-12-01"), Literal("durable-executions"), Label("DurableExecutionArn"), Literal("state")], query: &[], input: &GET_DURABLE_EXECUTION_STATE_REQUEST, payload: Payload::Members },
    Operation { name: "GetEventSourceMapping", status: 200, method: "GET", path: &[Literal("2015-03-31"), Literal("event-source-mappings"), Label("UUID")], query: &[], input: &GET_EVENT_SOURCE_MAPPING_REQUEST, payload: Payload::Members },
    Operation { name: "GetFunction", status: 200, method: "GET", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName")], query: &[], input: &GET_FUNCTION_REQUEST, payload: Payload::Members },
    Operation { name: "GetFunctionCodeSigningConfig", status: 200, method: "GET", path: &[Literal("2020-06-30"), Literal("functions"), Label("FunctionName"), Literal("code-signing-config")], query: &[], input: &GET_FUNCTION_CODE_SIGNING_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "GetFunctionConcurrency", status: 200, method: "GET", path: &[Literal("2019-09-30"), Literal("functions"), Label("FunctionName"), Literal("concurrency")], query: &[], input: &GET_FUNCTION_CONCURRENCY_REQUEST, payload: Payload::Members },
    Operation { name: "GetFunctionConfiguration", status: 200, method: "GET", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("configuration")], query: &[], input: &GET_FUNCTION_CONFIGURATION_REQUEST, payload: Payload::Members },
    Operation { name: "GetFunctionEventInvokeConfig", status: 200, method: "GET", path: &[Literal("2019-09-25"), Literal("functions"), Label("FunctionName"), Literal("event-invoke-config")], query: &[], input: &GET_FUNCTION_EVENT_INVOKE_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "GetFunctionRecursionConfig", status: 200, method: "GET", path: &[Literal("2024-08-31"), Literal("functions"), Label("FunctionName"), Literal("recursion-config")], query: &[], input: &GET_FUNCTION_RECURSION_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "GetFunctionScalingConfig", status: 200, method: "GET", path: &[Literal("2025-11-30"), Literal("functions"), Label("FunctionName"), Literal("function-scaling-config")], query: &[], input: &GET_FUNCTION_SCALING_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "GetFunctionUrlConfig", status: 200, method: "GET", path: &[Literal("2021-10-31"), Literal("functions"), Label("FunctionName"), Literal("url")], query: &[], input: &GET_FUNCTION_URL_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "GetLayerVersion", status: 200, method: "GET", path: &[Literal("2018-10-31"), Literal("layers"), Label("LayerName"), Literal("versions"), Label("VersionNumber")], query: &[], input: &GET_LAYER_VERSION_REQUEST, payload: Payload::Members },
    Operation { name: "GetLayerVersionByArn", status: 200, method: "GET", path: &[Literal("2018-10-31"), Literal("layers")], query: &[("find", "LayerVersion")], input: &GET_LAYER_VERSION_BY_ARN_REQUEST, payload: Payload::Members },
    Operation { name: "GetLayerVersionPolicy", status: 200, method: "GET", path: &[Literal("2018-10-31"), Literal("layers"), Label("LayerName"), Literal("versions"), Label("VersionNumber"), Literal("policy")], query: &[], input: &GET_LAYER_VERSION_POLICY_REQUEST, payload: Payload::Members },
    Operation { name: "GetPolicy", status: 200, method: "GET", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("policy")], query: &[], input: &GET_POLICY_REQUEST, payload: Payload::Members },
    Operation { name: "GetProvisionedConcurrencyConfig", status: 200, method: "GET", path: &[Literal("2019-09-30"), Literal("functions"), Label("FunctionName"), Literal("provisioned-concurrency")], query: &[], input: &GET_PROVISIONED_CONCURRENCY_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "GetResourcePolicy", status: 200, method: "GET", path: &[Literal("2026-07-09"), Literal("resource-policy"), Label("ResourceArn")], query: &[], input: &GET_RESOURCE_POLICY_REQUEST, payload: Payload::Members },
    Operation { name: "GetRuntimeManagementConfig", status: 200, method: "GET", path: &[Literal("2021-07-20"), Literal("functions"), Label("FunctionName"), Literal("runtime-management-config")], query: &[], input: &GET_RUNTIME_MANAGEMENT_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "Invoke", status: 200, method: "POST", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("invocations")], query: &[], input: &INVOCATION_REQUEST, payload: Payload::Opaque },
    Operation { name: "InvokeAsync", status: 202, method: "POST", path: &[Literal("2014-11-13"), Literal("functions"), Label("FunctionName"), Literal("invoke-async")], query: &[], input: &INVOKE_ASYNC_REQUEST, payload: Payload::Opaque },
    Operation { name: "InvokeWithResponseStream", status: 200, method: "POST", path: &[Literal("2021-11-15"), Literal("functions"), Label("FunctionName"), Literal("response-streaming-invocations")], query: &[], input: &INVOKE_WITH_RESPONSE_STREAM_REQUEST, payload: Payload::Opaque },
    Operation { name: "ListAliases", status: 200, method: "GET", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("aliases")], query: &[], input: &LIST_ALIASES_REQUEST, payload: Payload::Members },
    Operation { name: "ListCapacityProviders", status: 200, method: "GET", path: &[Literal("2025-11-30"), Literal("capacity-providers")], query: &[], input: &LIST_CAPACITY_PROVIDERS_REQUEST, payload: Payload::Members },
    Operation { name: "ListCodeSigningConfigs", status: 200, method: "GET", path: &[Literal("2020-04-22"), Literal("code-signing-configs")], query: &[], input: &LIST_CODE_SIGNING_CONFIGS_REQUEST, payload: Payload::Members },
    Operation { name: "ListDurableExecutionsByFunction", status: 200, method: "GET", path: &[Literal("2025-12-01"), Literal("functions"), Label("FunctionName"), Literal("durable-executions")], query: &[], input: &LIST_DURABLE_EXECUTIONS_BY_FUNCTION_REQUEST, payload: Payload::Members },
    Operation { name: "ListEventSourceMappings", status: 200, method: "GET", path: &[Literal("2015-03-31"), Literal("event-source-mappings")], query: &[], input: &LIST_EVENT_SOURCE_MAPPINGS_REQUEST, payload: Payload::Members },
    Operation { name: "ListFunctionEventInvokeConfigs", status: 200, method: "GET", path: &[Literal("2019-09-25"), Literal("functions"), Label("FunctionName"), Literal("event-invoke-config"), Literal("list")], query: &[], input: &LIST_FUNCTION_EVENT_INVOKE_CONFIGS_REQUEST, payload: Payload::Members },
    Operation { name: "ListFunctionUrlConfigs", status: 200, method: "GET", path: &[Literal("2021-10-31"), Literal("functions"), Label("FunctionName"), Literal("urls")], query: &[], input: &LIST_FUNCTION_URL_CONFIGS_REQUEST, payload: Payload::Members },
    Operation { name: "ListFunctionVersionsByCapacityProvider", status: 200, method: "GET", path: &[Literal("2025-11-30"), Literal("capacity-providers"), Label("CapacityProviderName"), Literal("function-versions")], query: &[], input: &LIST_FUNCTION_VERSIONS_BY_CAPACITY_PROVIDER_REQUEST, payload: Payload::Members },
    Operation { name: "ListFunctions", status: 200, method: "GET", path: &[Literal("2015-03-31"), Literal("functions")], query: &[], input: &LIST_FUNCTIONS_REQUEST, payload: Payload::Members },
    Operation { name: "ListFunctionsByCodeSigningConfig", status: 200, method: "GET", path: &[Literal("2020-04-22"), Literal("code-signing-configs"), Label("CodeSigningConfigArn"), Literal("functions")], query: &[], input: &LIST_FUNCTIONS_BY_CODE_SIGNING_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "ListLayerVersions", status: 200, method: "GET", path: &[Literal("2018-10-31"), Literal("layers"), Label("LayerName"), Literal("versions")], query: &[], input: &LIST_LAYER_VERSIONS_REQUEST, payload: Payload::Members },
    Operation { name: "ListLayers", status: 200, method: "GET", path: &[Literal("2018-10-31"), Literal("layers")], query: &[], input: &LIST_LAYERS_REQUEST, payload: Payload::Members },
    Operation { name: "ListProvisionedConcurrencyConfigs", status: 200, method: "GET", path: &[Literal("2019-09-30"), Literal("functions"), Label("FunctionName"), Literal("provisioned-concurrency")], query: &[("List", "ALL")], input: &LIST_PROVISIONED_CONCURRENCY_CONFIGS_REQUEST, payload: Payload::Members },
    Operation { name: "ListTags", status: 200, method: "GET", path: &[Literal("2017-03-31"), Literal("tags"), Label("Resource")], query: &[], input: &LIST_TAGS_REQUEST, payload: Payload::Members },
    Operation { name: "ListVersionsByFunction", status: 200, method: "GET", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("versions")], query: &[], input: &LIST_VERSIONS_BY_FUNCTION_REQUEST, payload: Payload::Members },
    Operation { name: "PauseDurableExecution", status: 202, method: "POST", path: &[Literal("2025-12-01"), Literal("durable-executions"), Label("DurableExecutionArn"), Literal("pause")], query: &[], input: &PAUSE_DURABLE_EXECUTION_REQUEST, payload: Payload::Members },
    Operation { name: "PublishLayerVersion", status: 201, method: "POST", path: &[Literal("2018-10-31"), Literal("layers"), Label("LayerName"), Literal("versions")], query: &[], input: &PUBLISH_LAYER_VERSION_REQUEST, payload: Payload::Members },
    Operation { name: "PublishVersion", status: 201, method: "POST", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("versions")], query: &[], input: &PUBLISH_VERSION_REQUEST, payload: Payload::Members },
    Operation { name: "PutFunctionCodeSigningConfig", status: 200, method: "PUT", path: &[Literal("2020-06-30"), Literal("functions"), Label("FunctionName"), Literal("code-signing-config")], query: &[], input: &PUT_FUNCTION_CODE_SIGNING_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "PutFunctionConcurrency", status: 200, method: "PUT", path: &[Literal("2017-10-31"), Literal("functions"), Label("FunctionName"), Literal("concurrency")], query: &[], input: &PUT_FUNCTION_CONCURRENCY_REQUEST, payload: Payload::Members },
    Operation { name: "PutFunctionEventInvokeConfig", status: 200, method: "PUT", path: &[Literal("2019-09-25"), Literal("functions"), Label("FunctionName"), Literal("event-invoke-config")], query: &[], input: &PUT_FUNCTION_EVENT_INVOKE_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "PutFunctionRecursionConfig", status: 200, method: "PUT", path: &[Literal("2024-08-31"), Literal("functions"), Label("FunctionName"), Literal("recursion-config")], query: &[], input: &PUT_FUNCTION_RECURSION_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "PutFunctionScalingConfig", status: 202, method: "PUT", path: &[Literal("2025-11-30"), Literal("functions"), Label("FunctionName"), Literal("function-scaling-config")], query: &[], input: &PUT_FUNCTION_SCALING_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "PutProvisionedConcurrencyConfig", status: 202, method: "PUT", path: &[Literal("2019-09-30"), Literal("functions"), Label("FunctionName"), Literal("provisioned-concurrency")], query: &[], input: &PUT_PROVISIONED_CONCURRENCY_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "PutResourcePolicy", status: 200, method: "PUT", path: &[Literal("2026-07-09"), Literal("resource-policy"), Label("ResourceArn")], query: &[], input: &PUT_RESOURCE_POLICY_REQUEST, payload: Payload::Members },
    Operation { name: "PutRuntimeManagementConfig", status: 200, method: "PUT", path: &[Literal("2021-07-20"), Literal("functions"), Label("FunctionName"), Literal("runtime-management-config")], query: &[], input: &PUT_RUNTIME_MANAGEMENT_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "RemoveLayerVersionPermission", status: 204, method: "DELETE", path: &[Literal("2018-10-31"), Literal("layers"), Label("LayerName"), Literal("versions"), Label("VersionNumber"), Literal("policy"), Label("StatementId")], query: &[], input: &REMOVE_LAYER_VERSION_PERMISSION_REQUEST, payload: Payload::Members },
    Operation { name: "RemovePermission", status: 204, method: "DELETE", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("policy"), Label("StatementId")], query: &[], input: &REMOVE_PERMISSION_REQUEST, payload: Payload::Members },
    Operation { name: "ResumeDurableExecution", status: 202, method: "POST", path: &[Literal("2025-12-01"), Literal("durable-executions"), Label("DurableExecutionArn"), Literal("resume")], query: &[], input: &RESUME_DURABLE_EXECUTION_REQUEST, payload: Payload::Members },
    Operation { name: "SendDurableExecutionCallbackFailure", status: 200, method: "POST", path: &[Literal("2025-12-01"), Literal("durable-execution-callbacks"), Label("CallbackId"), Literal("fail")], query: &[], input: &SEND_DURABLE_EXECUTION_CALLBACK_FAILURE_REQUEST, payload: Payload::Member("Error") },
    Operation { name: "SendDurableExecutionCallbackHeartbeat", status: 200, method: "POST", path: &[Literal("2025-12-01"), Literal("durable-execution-callbacks"), Label("CallbackId"), Literal("heartbeat")], query: &[], input: &SEND_DURABLE_EXECUTION_CALLBACK_HEARTBEAT_REQUEST, payload: Payload::Members },
    Operation { name: "SendDurableExecutionCallbackSuccess", status: 200, method: "POST", path: &[Literal("2025-12-01"), Literal("durable-execution-callbacks"), Label("CallbackId"), Literal("succeed")], query: &[], input: &SEND_DURABLE_EXECUTION_CALLBACK_SUCCESS_REQUEST, payload: Payload::Opaque },
    Operation { name: "StopDurableExecution", status: 200, method: "POST", path: &[Literal("2025-12-01"), Literal("durable-executions"), Label("DurableExecutionArn"), Literal("stop")], query: &[], input: &STOP_DURABLE_EXECUTION_REQUEST, payload: Payload::Member("Error") },
    Operation { name: "TagResource", status: 204, method: "POST", path: &[Literal("2017-03-31"), Literal("tags"), Label("Resource")], query: &[], input: &TAG_RESOURCE_REQUEST, payload: Payload::Members },
    Operation { name: "UntagResource", status: 204, method: "DELETE", path: &[Literal("2017-03-31"), Literal("tags"), Label("Resource")], query: &[], input: &UNTAG_RESOURCE_REQUEST, payload: Payload::Members },
    Operation { name: "UpdateAlias", status: 200, method: "PUT", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("aliases"), Label("Name")], query: &[], input: &UPDATE_ALIAS_REQUEST, payload: Payload::Members },
    Operation { name: "UpdateCapacityProvider", status: 202, method: "PUT", path: &[Literal("2025-11-30"), Literal("capacity-providers"), Label("CapacityProviderName")], query: &[], input: &UPDATE_CAPACITY_PROVIDER_REQUEST, payload: Payload::Members },
    Operation { name: "UpdateCodeSigningConfig", status: 200, method: "PUT", path: &[Literal("2020-04-22"), Literal("code-signing-configs"), Label("CodeSigningConfigArn")], query: &[], input: &UPDATE_CODE_SIGNING_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "UpdateEventSourceMapping", status: 202, method: "PUT", path: &[Literal("2015-03-31"), Literal("event-source-mappings"), Label("UUID")], query: &[], input: &UPDATE_EVENT_SOURCE_MAPPING_REQUEST, payload: Payload::Members },
    Operation { name: "UpdateFunctionCode", status: 200, method: "PUT", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("code")], query: &[], input: &UPDATE_FUNCTION_CODE_REQUEST, payload: Payload::Members },
    Operation { name: "UpdateFunctionConfiguration", status: 200, method: "PUT", path: &[Literal("2015-03-31"), Literal("functions"), Label("FunctionName"), Literal("configuration")], query: &[], input: &UPDATE_FUNCTION_CONFIGURATION_REQUEST, payload: Payload::Members },
    Operation { name: "UpdateFunctionEventInvokeConfig", status: 200, method: "POST", path: &[Literal("2019-09-25"), Literal("functions"), Label("FunctionName"), Literal("event-invoke-config")], query: &[], input: &UPDATE_FUNCTION_EVENT_INVOKE_CONFIG_REQUEST, payload: Payload::Members },
    Operation { name: "UpdateFunctionUrlConfig", status: 200, method: "PUT", path: &[Literal("2021-10-31"), Literal("functions"), Label("FunctionName"), Literal("url")], query: &[], input: &UPDATE_FUNCTION_URL_CONFIG_REQUEST, payload: Payload::Members },
];

static ACCELERATOR_CONFIG: Shape = structure(&[member("AcceleratorMemorySize", &ACCELERATOR_MEMORY_GB).required()]);
static ACCELERATOR_MEMORY_GB: Shape = integer();
static ACTION: Shape = string().min(0).max(10000).pattern(&PATTERN_6);
static ADDITIONAL_VERSION: Shape = string().min(1).max(1024).pattern(&PATTERN_21);
static ADDITIONAL_VERSION_WEIGHTS: Shape = map(&ADDITIONAL_VERSION, &WEIGHT);
static ADD_LAYER_VERSION_PERMISSION_REQUEST: Shape = structure(&[member("LayerName", &LAYER_NAME_OR_ARN).label("LayerName").required(), member("VersionNumber", &LAYER_VERSION_NUMBER).label("VersionNumber").required(), member("StatementId", &STATEMENT_ID).required(), member("Action", &LAYER_PERMISSION_ALLOWED_ACTION).required(), member("Principal", &LAYER_PERMISSION_ALLOWED_PRINCIPAL).required(), member("OrganizationId", &ORGANIZATION_ID), member("RevisionId", &STRING).query("RevisionId")]);
static ADD_PERMISSION_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("StatementId", &STATEMENT_ID).required(), member("Action", &ACTION).required(), member("Principal", &PRINCIPAL).required(), member("SourceArn", &ARN), member("FunctionUrlAuthType", &FUNCTION_URL_AUTH_TYPE), member("InvokedViaFunctionUrl", &INVOKED_VIA_FUNCTION_URL), member("SourceAccount", &SOURCE_OWNER), member("EventSourceToken", &EVENT_SOURCE_TOKEN), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier"), member("RevisionId", &STRING), member("PrincipalOrgID", &PRINCIPAL_ORG_ID)]);
static ALIAS: Shape = string().min(1).max(128).pattern(&PATTERN_19);
static ALIAS_ROUTING_CONFIGURATION: Shape = structure(&[member("AdditionalVersionWeights", &ADDITIONAL_VERSION_WEIGHTS)]);
static ALLOWED_PUBLISHERS: Shape = structure(&[member("SigningProfileVersionArns", &SIGNING_PROFILE_VERSION_ARNS).required()]);
static ALLOW_CREDENTIALS: Shape = boolean();
static ALLOW_METHODS_LIST: Shape = list(&METHOD).min(0).max(6);
static ALLOW_ORIGINS_LIST: Shape = list(&ORIGIN).min(0).max(100);
static AMAZON_MANAGED_KAFKA_EVENT_SOURCE_CONFIG: Shape = structure(&[member("ConsumerGroupId", &URI), member("SchemaRegistryConfig", &KAFKA_SCHEMA_REGISTRY_CONFIG)]);
static APPLICATION_LOG_LEVEL: Shape = one_of(&["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]);
static ARCHITECTURE: Shape = one_of(&["x86_64", "arm64"]);
static ARCHITECTURES_LIST: Shape = list(&ARCHITECTURE).min(1).max(1);
static ARN: Shape = string().min(0).max(10000).pattern(&PATTERN_8);
static BATCH_SIZE: Shape = integer().min(1).max(10000);
static BINARY_OPERATION_PAYLOAD: Shape = blob().min(0).max(1048576).sensitive();
static BISECT_BATCH_ON_FUNCTION_ERROR: Shape = boolean();
static BLOB: Shape = blob().sensitive();
static BLOB_STREAM: Shape = blob();
static BOOLEAN: Shape = boolean();
static CALLBACK_ID: Shape = string().min(1).max(1024).pattern(&PATTERN_13);
static CALLBACK_OPTIONS: Shape = structure(&[member("TimeoutSeconds", &CALLBACK_OPTIONS_TIMEOUT_SECONDS_INTEGER), member("HeartbeatTimeoutSeconds", &CALLBACK_OPTIONS_HEARTBEAT_TIMEOUT_SECONDS_INTEGER)]);
static CALLBACK_OPTIONS_HEARTBEAT_TIMEOUT_SECONDS_INTEGER: Shape = integer().min(0).max(99999999);
static CALLBACK_OPTIONS_TIMEOUT_SECONDS_INTEGER: Shape = integer().min(0).max(99999999);
static CAPACITY_PROVIDER_ARN: Shape = string().min(1).max(140).pattern(&PATTERN_46);
static CAPACITY_PROVIDER_CONFIG: Shape = structure(&[member("LambdaManagedInstancesCapacityProviderConfig", &LAMBDA_MANAGED_INSTANCES_CAPACITY_PROVIDER_CONFIG).required()]);
static CAPACITY_PROVIDER_LOGGING_CONFIG: Shape = structure(&[member("SystemLogLevel", &SYSTEM_LOG_LEVEL), member("LogGroup", &LOG_GROUP)]);
static CAPACITY_PROVIDER_MAX_V_CPU_COUNT: Shape = integer().min(2).max(15000);
static CAPACITY_PROVIDER_NAME: Shape = string().min(1).max(140).pattern(&PATTERN_22);
static CAPACITY_PROVIDER_PERMISSIONS_CONFIG: Shape = structure(&[member("CapacityProviderOperatorRoleArn", &ROLE_ARN).required()]);
static CAPACITY_PROVIDER_PREDEFINED_METRIC_TYPE: Shape = one_of(&["LambdaCapacityProviderAverageCPUUtilization", "LambdaCapacityProviderAverageGPUUtilization"]);
static CAPACITY_PROVIDER_SCALING_CONFIG: Shape = structure(&[member("MaxVCpuCount", &CAPACITY_PROVIDER_MAX_V_CPU_COUNT), member("ScalingMode", &CAPACITY_PROVIDER_SCALING_MODE), member("ScalingPolicies", &CAPACITY_PROVIDER_SCALING_POLICIES_LIST)]);
static CAPACITY_PROVIDER_SCALING_MODE: Shape = one_of(&["Auto", "Manual"]);
static CAPACITY_PROVIDER_SCALING_POLICIES_LIST: Shape = list(&TARGET_TRACKING_SCALING_POLICY).min(1).max(10);
static CAPACITY_PROVIDER_SECURITY_GROUP_IDS: Shape = list(&SECURITY_GROUP_ID).min(0).max(5);
static CAPACITY_PROVIDER_STATE: Shape = one_of(&["Pending", "Active", "Failed", "Deleting"]);
static CAPACITY_PROVIDER_SUBNET_IDS: Shape = list(&SUBNET_ID).min(1).max(16);
static CAPACITY_PROVIDER_TELEMETRY_CONFIG: Shape = structure(&[member("LoggingConfig", &CAPACITY_PROVIDER_LOGGING_CONFIG)]);
static CAPACITY_PROVIDER_VPC_CONFIG: Shape = structure(&[member("SubnetIds", &CAPACITY_PROVIDER_SUBNET_IDS).required(), member("SecurityGroupIds", &CAPACITY_PROVIDER_SECURITY_GROUP_IDS).required()]);
static CHAINED_INVOKE_OPTIONS: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).required(), member("TenantId", &TENANT_ID), member("XAmznTraceId", &X_AMZN_TRACE_ID)]);
static CHECKPOINT_DURABLE_EXECUTION_REQUEST: Shape = structure(&[member("DurableExecutionArn", &DURABLE_EXECUTION_ARN).label("DurableExecutionArn").required(), member("CheckpointToken", &CHECKPOINT_TOKEN).required(), member("Updates", &OPERATION_UPDATES), member("ClientToken", &CLIENT_TOKEN)]);
static CHECKPOINT_TOKEN: Shape = string().min(1).max(2048).pattern(&PATTERN_13);
static CLIENT_TOKEN: Shape = string().min(1).max(64).pattern(&PATTERN_17);
static CODE_SIGNING_CONFIG_ARN: Shape = string().min(0).max(200).pattern(&PATTERN_45);
static CODE_SIGNING_POLICIES: Shape = structure(&[member("UntrustedArtifactOnDeployment", &CODE_SIGNING_POLICY)]);
static CODE_SIGNING_POLICY: Shape = one_of(&["Warn", "Enforce"]);
static COLLECTION_NAME: Shape = string().min(1).max(57).pattern(&PATTERN_38);
static COMPATIBLE_ARCHITECTURES: Shape = list(&ARCHITECTURE).min(0).max(2);
static CONTEXT_OPTIONS: Shape = structure(&[member("ReplayChildren", &REPLAY_CHILDREN)]);
static CORS: Shape = structure(&[member("AllowCredentials", &ALLOW_CREDENTIALS), member("AllowHeaders", &HEADERS_LIST), member("AllowMethods", &ALLOW_METHODS_LIST), member("AllowOrigins", &ALLOW_ORIGINS_LIST), member("ExposeHeaders", &HEADERS_LIST), member("MaxAge", &MAX_AGE)]);
static CREATE_ALIAS_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("Name", &ALIAS).required(), member("FunctionVersion", &VERSION_WITH_LATEST_PUBLISHED).required(), member("Description", &DESCRIPTION), member("RoutingConfig", &ALIAS_ROUTING_CONFIGURATION)]);
static CREATE_CAPACITY_PROVIDER_REQUEST: Shape = structure(&[member("CapacityProviderName", &CAPACITY_PROVIDER_NAME).required(), member("VpcConfig", &CAPACITY_PROVIDER_VPC_CONFIG).required(), member("PermissionsConfig", &CAPACITY_PROVIDER_PERMISSIONS_CONFIG).required(), member("InstanceRequirements", &INSTANCE_REQUIREMENTS), member("CapacityProviderScalingConfig", &CAPACITY_PROVIDER_SCALING_CONFIG), member("KmsKeyArn", &KMS_KEY_ARN_NON_EMPTY), member("Tags", &TAGS), member("PropagateTags", &PROPAGATE_TAGS), member("TelemetryConfig", &CAPACITY_PROVIDER_TELEMETRY_CONFIG)]);
static CREATE_CODE_SIGNING_CONFIG_REQUEST: Shape = structure(&[member("Description", &DESCRIPTION), member("AllowedPublishers", &ALLOWED_PUBLISHERS).required(), member("CodeSigningPolicies", &CODE_SIGNING_POLICIES), member("Tags", &TAGS)]);
static CREATE_EVENT_SOURCE_MAPPING_REQUEST: Shape = structure(&[member("EventSourceArn", &ARN), member("FunctionName", &NAMESPACED_FUNCTION_NAME).required(), member("Enabled", &ENABLED), member("BatchSize", &BATCH_SIZE), member("FilterCriteria", &FILTER_CRITERIA), member("KMSKeyArn", &KMS_KEY_ARN), member("MetricsConfig", &EVENT_SOURCE_MAPPING_METRICS_CONFIG), member("LoggingConfig", &EVENT_SOURCE_MAPPING_LOGGING_CONFIG), member("ScalingConfig", &SCALING_CONFIG), member("MaximumBatchingWindowInSeconds", &MAXIMUM_BATCHING_WINDOW_IN_SECONDS), member("ParallelizationFactor", &PARALLELIZATION_FACTOR), member("StartingPosition", &EVENT_SOURCE_POSITION), member("StartingPositionTimestamp", &DATE), member("DestinationConfig", &DESTINATION_CONFIG), member("MaximumRecordAgeInSeconds", &MAXIMUM_RECORD_AGE_IN_SECONDS), member("BisectBatchOnFunctionError", &BISECT_BATCH_ON_FUNCTION_ERROR), member("MaximumRetryAttempts", &MAXIMUM_RETRY_ATTEMPTS_EVENT_SOURCE_MAPPING), member("Tags", &TAGS), member("TumblingWindowInSeconds", &TUMBLING_WINDOW_IN_SECONDS), member("Topics", &TOPICS), member("Queues", &QUEUES), member("SourceAccessConfigurations", &SOURCE_ACCESS_CONFIGURATIONS), member("SelfManagedEventSource", &SELF_MANAGED_EVENT_SOURCE), member("FunctionResponseTypes", &FUNCTION_RESPONSE_TYPE_LIST), member("AmazonManagedKafkaEventSourceConfig", &AMAZON_MANAGED_KAFKA_EVENT_SOURCE_CONFIG), member("SelfManagedKafkaEventSourceConfig", &SELF_MANAGED_KAFKA_EVENT_SOURCE_CONFIG), member("DocumentDBEventSourceConfig", &DOCUMENT_DB_EVENT_SOURCE_CONFIG), member("ProvisionedPollerConfig", &PROVISIONED_POLLER_CONFIG)]);
static CREATE_FUNCTION_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).required(), member("Runtime", &RUNTIME), member("Role", &ROLE_ARN).required(), member("Handler", &HANDLER), member("Code", &FUNCTION_CODE).required(), member("Description", &DESCRIPTION), member("Timeout", &TIMEOUT), member("MemorySize", &MEMORY_SIZE), member("Publish", &BOOLEAN), member("PublishTo", &FUNCTION_VERSION_LATEST_PUBLISHED), member("VpcConfig", &VPC_CONFIG), member("PackageType", &PACKAGE_TYPE), member("DeadLetterConfig", &DEAD_LETTER_CONFIG), member("Environment", &ENVIRONMENT), member("KMSKeyArn", &KMS_KEY_ARN), member("TracingConfig", &TRACING_CONFIG), member("Tags", &TAGS), member("Layers", &LAYER_LIST), member("FileSystemConfigs", &FILE_SYSTEM_CONFIG_LIST), member("CodeSigningConfigArn", &CODE_SIGNING_CONFIG_ARN), member("ImageConfig", &IMAGE_CONFIG), member("Architectures", &ARCHITECTURES_LIST), member("EphemeralStorage", &EPHEMERAL_STORAGE), member("SnapStart", &SNAP_START), member("LoggingConfig", &LOGGING_CONFIG), member("TenancyConfig", &TENANCY_CONFIG), member("CapacityProviderConfig", &CAPACITY_PROVIDER_CONFIG), member("DurableConfig", &DURABLE_CONFIG), member("RuntimeConfig", &FUNCTION_RUNTIME_CONFIG), member("AcceleratorConfig", &ACCELERATOR_CONFIG)]);
static CREATE_FUNCTION_URL_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_URL_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &FUNCTION_URL_QUALIFIER).query("Qualifier"), member("AuthType", &FUNCTION_URL_AUTH_TYPE).required(), member("Cors", &CORS), member("InvokeMode", &INVOKE_MODE)]);
static DATABASE_NAME: Shape = string().min(1).max(63).pattern(&PATTERN_37);
static DATE: Shape = timestamp();
static DEAD_LETTER_CONFIG: Shape = structure(&[member("TargetArn", &RESOURCE_ARN)]);
static DELETE_ALIAS_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("Name", &ALIAS).label("Name").required()]);
static DELETE_CAPACITY_PROVIDER_REQUEST: Shape = structure(&[member("CapacityProviderName", &CAPACITY_PROVIDER_NAME).label("CapacityProviderName").required()]);
static DELETE_CODE_SIGNING_CONFIG_REQUEST: Shape = structure(&[member("CodeSigningConfigArn", &CODE_SIGNING_CONFIG_ARN).label("CodeSigningConfigArn").required()]);
static DELETE_DURABLE_EXECUTION_REQUEST: Shape = structure(&[member("DurableExecutionArn", &DURABLE_EXECUTION_ARN).label("DurableExecutionArn").required()]);
static DELETE_EVENT_SOURCE_MAPPING_REQUEST: Shape = structure(&[member("UUID", &UUID_STRING).label("UUID").required()]);
static DELETE_FUNCTION_CODE_SIGNING_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required()]);
static DELETE_FUNCTION_CONCURRENCY_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required()]);
static DELETE_FUNCTION_EVENT_INVOKE_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier")]);
static DELETE_FUNCTION_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier")]);
static DELETE_FUNCTION_URL_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_URL_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &FUNCTION_URL_QUALIFIER).query("Qualifier")]);
static DELETE_LAYER_VERSION_REQUEST: Shape = structure(&[member("LayerName", &LAYER_NAME_OR_ARN).label("LayerName").required(), member("VersionNumber", &LAYER_VERSION_NUMBER).label("VersionNumber").required()]);
static DELETE_PROVISIONED_CONCURRENCY_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &QUALIFIER).query("Qualifier").required()]);
static DELETE_RESOURCE_POLICY_REQUEST: Shape = structure(&[member("ResourceArn", &POLICY_RESOURCE_ARN).label("ResourceArn").required(), member("RevisionId", &REVISION_ID).query("RevisionId")]);
static DESCRIPTION: Shape = string().min(0).max(256);
static DESTINATION_ARN: Shape = string().min(0).max(350).pattern(&PATTERN_32);
static DESTINATION_CONFIG: Shape = structure(&[member("OnSuccess", &ON_SUCCESS), member("OnFailure", &ON_FAILURE)]);
static DIRECT_S3_READ: Shape = one_of(&["ENABLED", "DISABLED", "AUTO"]);
static DOCUMENT_DB_EVENT_SOURCE_CONFIG: Shape = structure(&[member("DatabaseName", &DATABASE_NAME), member("CollectionName", &COLLECTION_NAME), member("FullDocument", &FULL_DOCUMENT)]);
static DURABLE_CONFIG: Shape = structure(&[member("KMSKeyArn", &KMS_KEY_ARN), member("RetentionPeriodInDays", &RETENTION_PERIOD_IN_DAYS), member("ExecutionTimeout", &EXECUTION_TIMEOUT)]);
static DURABLE_EXECUTION_ARN: Shape = string().min(1).max(1024).pattern(&PATTERN_12);
static DURABLE_EXECUTION_NAME: Shape = string().min(1).max(64).pattern(&PATTERN_14);
static ENABLED: Shape = boolean();
static ENDPOINT: Shape = string().min(1).max(300).pattern(&PATTERN_35);
static ENDPOINTS: Shape = map(&END_POINT_TYPE, &ENDPOINT_LISTS).min(1).max(2);
static ENDPOINT_LISTS: Shape = list(&ENDPOINT).min(1).max(10);
static END_POINT_TYPE: Shape = one_of(&["KAFKA_BOOTSTRAP_SERVERS"]);
static ENVIRONMENT: Shape = structure(&[member("Variables", &ENVIRONMENT_VARIABLES)]);
static ENVIRONMENT_VARIABLES: Shape = map(&ENVIRONMENT_VARIABLE_NAME, &ENVIRONMENT_VARIABLE_VALUE).sensitive();
static ENVIRONMENT_VARIABLE_NAME: Shape = string().pattern(&PATTERN_42).sensitive();
static ENVIRONMENT_VARIABLE_VALUE: Shape = string().sensitive();
static EPHEMERAL_STORAGE: Shape = structure(&[member("Size", &EPHEMERAL_STORAGE_SIZE).required()]);
static ERROR_DATA: Shape = string().sensitive();
static ERROR_MESSAGE: Shape = string().sensitive();
static ERROR_OBJECT: Shape = structure(&[member("ErrorMessage", &ERROR_MESSAGE), member("ErrorType", &ERROR_TYPE), member("ErrorData", &ERROR_DATA), member("StackTrace", &STACK_TRACE_ENTRIES)]);
static ERROR_TYPE: Shape = string().sensitive();
static EVENT_SOURCE_MAPPING_LOGGING_CONFIG: Shape = structure(&[member("SystemLogLevel", &EVENT_SOURCE_MAPPING_SYSTEM_LOG_LEVEL)]);
static EVENT_SOURCE_MAPPING_METRIC: Shape = one_of(&["EventCount", "ErrorCount", "KafkaMetrics"]);
static EVENT_SOURCE_MAPPING_METRICS_CONFIG: Shape = structure(&[member("Metrics", &EVENT_SOURCE_MAPPING_METRIC_LIST)]);
static EVENT_SOURCE_MAPPING_METRIC_LIST: Shape = list(&EVENT_SOURCE_MAPPING_METRIC).min(0).max(3);
static EVENT_SOURCE_MAPPING_SYSTEM_LOG_LEVEL: Shape = one_of(&["DEBUG", "INFO", "WARN"]);
static EVENT_SOURCE_TOKEN: Shape = string().min(0).max(256).pattern(&PATTERN_10);
static EXECUTION_ENVIRONMENT_MEMORY_GI_B_PER_V_CPU: Shape = double().min(2).max(8);
static EXECUTION_STATUS: Shape = one_of(&["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED", "DELETING", "PAUSING", "PAUSED"]);
static EXECUTION_STATUS_LIST: Shape = list(&EXECUTION_STATUS).min(1).max(10);
static EXECUTION_TIMEOUT: Shape = integer().min(1).max(31622400);
static EXECUTION_TIMEOUT_PAUSED: Shape = boolean();
static EXECUTION_TIMESTAMP: Shape = timestamp();
static FILE_SYSTEM_ARN: Shape = string().min(0).max(256).pattern(&PATTERN_43);
static FILE_SYSTEM_CONFIG: Shape = structure(&[member("Arn", &FILE_SYSTEM_ARN).required(), member("LocalMountPath", &LOCAL_MOUNT_PATH).required(), member("S3FilesConfig", &S3_FILES_CONFIG)]);
static FILE_SYSTEM_CONFIG_LIST: Shape = list(&FILE_SYSTEM_CONFIG).min(0).max(1);
static FILTER: Shape = structure(&[member("Pattern", &PATTERN)]);
static FILTER_CRITERIA: Shape = structure(&[member("Filters", &FILTER_LIST)]);
static FILTER_LIST: Shape = list(&FILTER);
static FULL_DOCUMENT: Shape = one_of(&["UpdateLookup", "Default"]);
static FUNCTION_CODE: Shape = structure(&[member("ZipFile", &BLOB), member("S3Bucket", &S3_BUCKET), member("S3Key", &S3_KEY), member("S3ObjectVersion", &S3_OBJECT_VERSION), member("S3ObjectStorageMode", &S3_OBJECT_STORAGE_MODE), member("ImageUri", &STRING), member("SourceKMSKeyArn", &KMS_KEY_ARN)]);
static FUNCTION_NAME: Shape = string().min(1).max(140).pattern(&PATTERN_18);
static FUNCTION_RESPONSE_TYPE: Shape = one_of(&["ReportBatchItemFailures"]);
static FUNCTION_RESPONSE_TYPE_LIST: Shape = list(&FUNCTION_RESPONSE_TYPE).min(0).max(1);
static FUNCTION_RUNTIME_ALIAS: Shape = string().min(1).max(128);
static FUNCTION_RUNTIME_ARN: Shape = string().min(48).max(2048).pattern(&PATTERN_47);
static FUNCTION_RUNTIME_CONFIG: Shape = structure(&[member("RuntimeArn", &FUNCTION_RUNTIME_ARN).required(), member("RuntimeAlias", &FUNCTION_RUNTIME_ALIAS).required()]);
static FUNCTION_SCALING_CONFIG: Shape = structure(&[member("MinExecutionEnvironments", &FUNCTION_SCALING_CONFIG_EXECUTION_ENVIRONMENTS), member("MaxExecutionEnvironments", &FUNCTION_SCALING_CONFIG_EXECUTION_ENVIRONMENTS)]);
static FUNCTION_SCALING_CONFIG_EXECUTION_ENVIRONMENTS: Shape = integer().min(0).max(15000);
static FUNCTION_URL_AUTH_TYPE: Shape = one_of(&["NONE", "AWS_IAM"]);
static FUNCTION_URL_FUNCTION_NAME: Shape = string().min(1).max(140).pattern(&PATTERN_48);
static FUNCTION_URL_QUALIFIER: Shape = string().min(1).max(128).pattern(&PATTERN_49);
static FUNCTION_VERSION: Shape = one_of(&["ALL"]);
static FUNCTION_VERSION_LATEST_PUBLISHED: Shape = one_of(&["LATEST_PUBLISHED"]);
static GET_ACCOUNT_SETTINGS_REQUEST: Shape = structure(&[]);
static GET_ALIAS_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("Name", &ALIAS).label("Name").required()]);
static GET_CAPACITY_PROVIDER_REQUEST: Shape = structure(&[member("CapacityProviderName", &CAPACITY_PROVIDER_NAME).label("CapacityProviderName").required()]);
static GET_CODE_SIGNING_CONFIG_REQUEST: Shape = structure(&[member("CodeSigningConfigArn", &CODE_SIGNING_CONFIG_ARN).label("CodeSigningConfigArn").required()]);
static GET_DURABLE_EXECUTION_HISTORY_REQUEST: Shape = structure(&[member("DurableExecutionArn", &DURABLE_EXECUTION_ARN).label("DurableExecutionArn").required(), member("IncludeExecutionData", &INCLUDE_EXECUTION_DATA).query("IncludeExecutionData"), member("MaxItems", &ITEM_COUNT).query("MaxItems"), member("Marker", &STRING).query("Marker"), member("ReverseOrder", &REVERSE_ORDER).query("ReverseOrder")]);
static GET_DURABLE_EXECUTION_REQUEST: Shape = structure(&[member("DurableExecutionArn", &DURABLE_EXECUTION_ARN).label("DurableExecutionArn").required(), member("IncludeExecutionData", &INCLUDE_EXECUTION_DATA).query("IncludeExecutionData")]);
static GET_DURABLE_EXECUTION_STATE_REQUEST: Shape = structure(&[member("DurableExecutionArn", &DURABLE_EXECUTION_ARN).label("DurableExecutionArn").required(), member("CheckpointToken", &CHECKPOINT_TOKEN).query("CheckpointToken").required(), member("Marker", &STRING).query("Marker"), member("MaxItems", &ITEM_COUNT).query("MaxItems")]);
static GET_EVENT_SOURCE_MAPPING_REQUEST: Shape = structure(&[member("UUID", &UUID_STRING).label("UUID").required()]);
static GET_FUNCTION_CODE_SIGNING_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required()]);
static GET_FUNCTION_CONCURRENCY_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required()]);
static GET_FUNCTION_CONFIGURATION_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier")]);
static GET_FUNCTION_EVENT_INVOKE_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier")]);
static GET_FUNCTION_RECURSION_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &UNQUALIFIED_FUNCTION_NAME).label("FunctionName").required()]);
static GET_FUNCTION_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier")]);
static GET_FUNCTION_SCALING_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &UNQUALIFIED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &PUBLISHED_FUNCTION_QUALIFIER).query("Qualifier").required()]);
static GET_FUNCTION_URL_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_URL_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &FUNCTION_URL_QUALIFIER).query("Qualifier")]);
static GET_LAYER_VERSION_BY_ARN_REQUEST: Shape = structure(&[member("Arn", &LAYER_VERSION_ARN).query("Arn").required()]);
static GET_LAYER_VERSION_POLICY_REQUEST: Shape = structure(&[member("LayerName", &LAYER_NAME_OR_ARN).label("LayerName").required(), member("VersionNumber", &LAYER_VERSION_NUMBER).label("VersionNumber").required()]);
static GET_LAYER_VERSION_REQUEST: Shape = structure(&[member("LayerName", &LAYER_NAME_OR_ARN).label("LayerName").required(), member("VersionNumber", &LAYER_VERSION_NUMBER).label("VersionNumber").required()]);
static GET_POLICY_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier")]);
static GET_PROVISIONED_CONCURRENCY_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &QUALIFIER).query("Qualifier").required()]);
static GET_RESOURCE_POLICY_REQUEST: Shape = structure(&[member("ResourceArn", &POLICY_RESOURCE_ARN).label("ResourceArn").required()]);
static GET_RUNTIME_MANAGEMENT_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier")]);
static HANDLER: Shape = string().min(0).max(128).pattern(&PATTERN_7);
static HEADER: Shape = string().min(0).max(1024).pattern(&PATTERN_41);
static HEADERS_LIST: Shape = list(&HEADER).min(0).max(100);
static IMAGE_CONFIG: Shape = structure(&[member("EntryPoint", &STRING_LIST), member("Command", &STRING_LIST), member("WorkingDirectory", &WORKING_DIRECTORY)]);
static INCLUDE_EXECUTION_DATA: Shape = boolean();
static INSTANCE_REQUIREMENTS: Shape = structure(&[member("Architectures", &ARCHITECTURES_LIST), member("AllowedInstanceTypes", &INSTANCE_TYPE_SET), member("ExcludedInstanceTypes", &INSTANCE_TYPE_SET)]);
static INSTANCE_TYPE: Shape = string().min(1).max(30).pattern(&PATTERN_26);
static INSTANCE_TYPE_SET: Shape = list(&INSTANCE_TYPE).min(0).max(400);
static INVOCATION_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("InvocationType", &INVOCATION_TYPE).header("X-Amz-Invocation-Type"), member("LogType", &LOG_TYPE).header("X-Amz-Log-Type"), member("ClientContext", &STRING).header("X-Amz-Client-Context"), member("DurableExecutionName", &DURABLE_EXECUTION_NAME).header("X-Amz-Durable-Execution-Name"), member("Payload", &BLOB), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier"), member("TenantId", &TENANT_ID).header("X-Amz-Tenant-Id")]);
static INVOCATION_TYPE: Shape = one_of(&["Event", "RequestResponse", "DryRun"]);
static INVOKED_VIA_FUNCTION_URL: Shape = boolean();
static INVOKE_ASYNC_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("InvokeArgs", &BLOB_STREAM).required()]);
static INVOKE_WITH_RESPONSE_STREAM_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("LogType", &LOG_TYPE).header("X-Amz-Log-Type"), member("ClientContext", &STRING).header("X-Amz-Client-Context"), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier"), member("Payload", &BLOB), member("TenantId", &TENANT_ID).header("X-Amz-Tenant-Id"), member("InvocationType", &RESPONSE_STREAMING_INVOCATION_TYPE).header("X-Amz-Invocation-Type")]);
static ITEM_COUNT: Shape = integer().min(0).max(1000);
static KAFKA_EVENT_SOURCE_MAPPING_CONSUMPTION_MODE: Shape = one_of(&["Stream", "Queue"]);
static KAFKA_SCHEMA_REGISTRY_ACCESS_CONFIG: Shape = structure(&[member("Type", &KAFKA_SCHEMA_REGISTRY_AUTH_TYPE), member("URI", &ARN)]);
static KAFKA_SCHEMA_REGISTRY_ACCESS_CONFIG_LIST: Shape = list(&KAFKA_SCHEMA_REGISTRY_ACCESS_CONFIG);
static KAFKA_SCHEMA_REGISTRY_AUTH_TYPE: Shape = one_of(&["BASIC_AUTH", "CLIENT_CERTIFICATE_TLS_AUTH", "SERVER_ROOT_CA_CERTIFICATE", "OAUTHBEARER_AUTH"]);
static KAFKA_SCHEMA_REGISTRY_CONFIG: Shape = structure(&[member("SchemaRegistryURI", &SCHEMA_REGISTRY_URI), member("EventRecordFormat", &SCHEMA_REGISTRY_EVENT_RECORD_FORMAT), member("AccessConfigs", &KAFKA_SCHEMA_REGISTRY_ACCESS_CONFIG_LIST), member("SchemaValidationConfigs", &KAFKA_SCHEMA_VALIDATION_CONFIG_LIST)]);
static KAFKA_SCHEMA_VALIDATION_ATTRIBUTE: Shape = one_of(&["KEY", "VALUE"]);
static KAFKA_SCHEMA_VALIDATION_CONFIG: Shape = structure(&[member("Attribute", &KAFKA_SCHEMA_VALIDATION_ATTRIBUTE)]);
static KAFKA_SCHEMA_VALIDATION_CONFIG_LIST: Shape = list(&KAFKA_SCHEMA_VALIDATION_CONFIG);
static KMS_KEY_ARN: Shape = string().min(0).max(10000).pattern(&PATTERN_31);
static KMS_KEY_ARN_NON_EMPTY: Shape = string().min(0).max(10000).pattern(&PATTERN_27);
static LAMBDA_MANAGED_INSTANCES_CAPACITY_PROVIDER_CONFIG: Shape = structure(&[member("CapacityProviderArn", &CAPACITY_PROVIDER_ARN).required(), member("PerExecutionEnvironmentMaxConcurrency", &PER_EXECUTION_ENVIRONMENT_MAX_CONCURRENCY), member("ExecutionEnvironmentMemoryGiBPerVCpu", &EXECUTION_ENVIRONMENT_MEMORY_GI_B_PER_V_CPU)]);
static LAYER_LIST: Shape = list(&LAYER_VERSION_ARN);
static LAYER_NAME_OR_ARN: Shape = string().min(1).max(2048).pattern(&PATTERN_0);
static LAYER_PERMISSION_ALLOWED_ACTION: Shape = string().min(0).max(22).pattern(&PATTERN_2);
static LAYER_PERMISSION_ALLOWED_PRINCIPAL: Shape = string().min(0).max(10000).pattern(&PATTERN_3);
static LAYER_VERSION_CONTENT_INPUT: Shape = structure(&[member("S3Bucket", &S3_BUCKET), member("S3Key", &S3_KEY), member("S3ObjectVersion", &S3_OBJECT_VERSION), member("S3ObjectStorageMode", &S3_OBJECT_STORAGE_MODE), member("ZipFile", &BLOB)]);
static LAYER_VERSION_NUMBER: Shape = long();
static LICENSE_INFO: Shape = string().min(0).max(512).pattern(&PATTERN_41);
static LIST_ALIASES_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("FunctionVersion", &VERSION_WITH_LATEST_PUBLISHED).query("FunctionVersion"), member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_LIST_ITEMS).query("MaxItems")]);
static LIST_CAPACITY_PROVIDERS_REQUEST: Shape = structure(&[member("State", &CAPACITY_PROVIDER_STATE).query("State"), member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_FIFTY_LIST_ITEMS).query("MaxItems")]);
static LIST_CODE_SIGNING_CONFIGS_REQUEST: Shape = structure(&[member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_LIST_ITEMS).query("MaxItems")]);
static LIST_DURABLE_EXECUTIONS_BY_FUNCTION_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier"), member("DurableExecutionName", &DURABLE_EXECUTION_NAME).query("DurableExecutionName"), member("Statuses", &EXECUTION_STATUS_LIST).query("Statuses"), member("StartedAfter", &EXECUTION_TIMESTAMP).query("StartedAfter"), member("StartedBefore", &EXECUTION_TIMESTAMP).query("StartedBefore"), member("ReverseOrder", &REVERSE_ORDER).query("ReverseOrder"), member("Marker", &STRING).query("Marker"), member("MaxItems", &ITEM_COUNT).query("MaxItems")]);
static LIST_EVENT_SOURCE_MAPPINGS_REQUEST: Shape = structure(&[member("EventSourceArn", &ARN).query("EventSourceArn"), member("FunctionName", &NAMESPACED_FUNCTION_NAME).query("FunctionName"), member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_LIST_ITEMS).query("MaxItems")]);
static LIST_FUNCTIONS_BY_CODE_SIGNING_CONFIG_REQUEST: Shape = structure(&[member("CodeSigningConfigArn", &CODE_SIGNING_CONFIG_ARN).label("CodeSigningConfigArn").required(), member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_LIST_ITEMS).query("MaxItems")]);
static LIST_FUNCTIONS_REQUEST: Shape = structure(&[member("MasterRegion", &MASTER_REGION).query("MasterRegion"), member("FunctionVersion", &FUNCTION_VERSION).query("FunctionVersion"), member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_LIST_ITEMS).query("MaxItems")]);
static LIST_FUNCTION_EVENT_INVOKE_CONFIGS_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_FUNCTION_EVENT_INVOKE_CONFIG_LIST_ITEMS).query("MaxItems")]);
static LIST_FUNCTION_URL_CONFIGS_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_URL_FUNCTION_NAME).label("FunctionName").required(), member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_ITEMS).query("MaxItems")]);
static LIST_FUNCTION_VERSIONS_BY_CAPACITY_PROVIDER_REQUEST: Shape = structure(&[member("CapacityProviderName", &CAPACITY_PROVIDER_NAME).label("CapacityProviderName").required(), member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_FIFTY_LIST_ITEMS).query("MaxItems")]);
static LIST_LAYERS_REQUEST: Shape = structure(&[member("CompatibleArchitecture", &ARCHITECTURE).query("CompatibleArchitecture"), member("CompatibleRuntime", &LIST_LAYERS_REQUEST_COMPATIBLE_RUNTIME).query("CompatibleRuntime"), member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_LAYER_LIST_ITEMS).query("MaxItems")]);
static LIST_LAYER_VERSIONS_REQUEST: Shape = structure(&[member("CompatibleArchitecture", &ARCHITECTURE).query("CompatibleArchitecture"), member("CompatibleRuntime", &LIST_LAYER_VERSIONS_REQUEST_COMPATIBLE_RUNTIME).query("CompatibleRuntime"), member("LayerName", &LAYER_NAME_OR_ARN).label("LayerName").required(), member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_LAYER_LIST_ITEMS).query("MaxItems")]);
static LIST_PROVISIONED_CONCURRENCY_CONFIGS_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_PROVISIONED_CONCURRENCY_CONFIG_LIST_ITEMS).query("MaxItems")]);
static LIST_TAGS_REQUEST: Shape = structure(&[member("Resource", &TAGGABLE_RESOURCE).label("Resource").required()]);
static LIST_VERSIONS_BY_FUNCTION_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Marker", &STRING).query("Marker"), member("MaxItems", &MAX_LIST_ITEMS).query("MaxItems")]);
static LOCAL_MOUNT_PATH: Shape = string().min(0).max(160).pattern(&PATTERN_44);
static LOGGING_CONFIG: Shape = structure(&[member("LogFormat", &LOG_FORMAT), member("ApplicationLogLevel", &APPLICATION_LOG_LEVEL), member("SystemLogLevel", &SYSTEM_LOG_LEVEL), member("LogGroup", &LOG_GROUP)]);
static LOG_FORMAT: Shape = one_of(&["JSON", "Text"]);
static LOG_GROUP: Shape = string().min(1).max(512).pattern(&PATTERN_29);
static LOG_TYPE: Shape = one_of(&["None", "Tail"]);
static MASTER_REGION: Shape = string().min(1).max(50).pattern(&PATTERN_55);
static MAXIMUM_BATCHING_WINDOW_IN_SECONDS: Shape = integer().min(0).max(300);
static MAXIMUM_CONCURRENCY: Shape = integer().min(2).max(1000);
static MAXIMUM_EVENT_AGE_IN_SECONDS: Shape = integer().min(60).max(21600);
static MAXIMUM_NUMBER_OF_POLLERS: Shape = integer().min(1).max(10000);
static MAXIMUM_RECORD_AGE_IN_SECONDS: Shape = integer().min(-1).max(604800);
static MAXIMUM_RETRY_ATTEMPTS: Shape = integer().min(0).max(2);
static MAXIMUM_RETRY_ATTEMPTS_EVENT_SOURCE_MAPPING: Shape = integer().min(-1).max(10000);
static MAX_AGE: Shape = integer().min(0).max(86400);
static MAX_FIFTY_LIST_ITEMS: Shape = integer().min(1).max(50);
static MAX_FUNCTION_EVENT_INVOKE_CONFIG_LIST_ITEMS: Shape = integer().min(1).max(50);
static MAX_ITEMS: Shape = integer().min(1).max(50);
static MAX_LAYER_LIST_ITEMS: Shape = integer().min(1).max(50);
static MAX_LIST_ITEMS: Shape = integer().min(1).max(10000);
static MAX_PROVISIONED_CONCURRENCY_CONFIG_LIST_ITEMS: Shape = integer().min(1).max(50);
static METHOD: Shape = string().min(0).max(6).pattern(&PATTERN_41);
static METRIC_TARGET_VALUE: Shape = double().min(0).max(100);
static MINIMUM_NUMBER_OF_POLLERS: Shape = integer().min(1).max(200);
static NAMESPACED_FUNCTION_NAME: Shape = string().min(1).max(256).pattern(&PATTERN_5);
static NAMESPACED_STATEMENT_ID: Shape = string().min(1).max(100).pattern(&PATTERN_58);
static NULLABLE_BOOLEAN: Shape = boolean();
static NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER: Shape = string().min(1).max(128).pattern(&PATTERN_11);
static ON_FAILURE: Shape = structure(&[member("Destination", &DESTINATION_ARN)]);
static ON_SUCCESS: Shape = structure(&[member("Destination", &DESTINATION_ARN)]);
static OPERATION_ACTION: Shape = one_of(&["START", "SUCCEED", "FAIL", "RETRY", "CANCEL"]);
static OPERATION_ID: Shape = string().min(1).max(64).pattern(&PATTERN_14);
static OPERATION_NAME: Shape = string().min(1).max(256).pattern(&PATTERN_15);
static OPERATION_PAYLOAD: Shape = string().min(0).max(6291456).sensitive();
static OPERATION_SUB_TYPE: Shape = string().min(1).max(32).pattern(&PATTERN_14);
static OPERATION_TYPE: Shape = one_of(&["EXECUTION", "CONTEXT", "STEP", "WAIT", "CALLBACK", "CHAINED_INVOKE"]);
static OPERATION_UPDATE: Shape = structure(&[member("Id", &OPERATION_ID).required(), member("ParentId", &OPERATION_ID), member("Name", &OPERATION_NAME), member("Type", &OPERATION_TYPE).required(), member("SubType", &OPERATION_SUB_TYPE), member("Action", &OPERATION_ACTION).required(), member("Payload", &OPERATION_PAYLOAD), member("Error", &ERROR_OBJECT), member("ContextOptions", &CONTEXT_OPTIONS), member("StepOptions", &STEP_OPTIONS), member("WaitOptions", &WAIT_OPTIONS), member("CallbackOptions", &CALLBACK_OPTIONS), member("ChainedInvokeOptions", &CHAINED_INVOKE_OPTIONS)]);
static OPERATION_UPDATES: Shape = list(&OPERATION_UPDATE);
static ORGANIZATION_ID: Shape = string().min(0).max(34).pattern(&PATTERN_4);
static ORIGIN: Shape = string().min(1).max(253).pattern(&PATTERN_41);
static PACKAGE_TYPE: Shape = one_of(&["Zip", "Image"]);
static PARALLELIZATION_FACTOR: Shape = integer().min(1).max(10);
static PATTERN: Shape = string().min(0).max(4096).pattern(&PATTERN_30);
static PAUSE_DURABLE_EXECUTION_REQUEST: Shape = structure(&[member("DurableExecutionArn", &DURABLE_EXECUTION_ARN).label("DurableExecutionArn").required(), member("ClientToken", &CLIENT_TOKEN), member("Reason", &PAUSE_REASON), member("ExecutionTimeoutPaused", &EXECUTION_TIMEOUT_PAUSED)]);
static PAUSE_REASON: Shape = string().min(0).max(1024).sensitive();
static PER_EXECUTION_ENVIRONMENT_MAX_CONCURRENCY: Shape = integer().min(1).max(1600);
static POLICY_RESOURCE_ARN: Shape = string().min(0).max(512).pattern(&PATTERN_51);
static POSITIVE_INTEGER: Shape = integer().min(1);
static PRINCIPAL: Shape = string().min(0).max(2048).pattern(&PATTERN_7);
static PRINCIPAL_ORG_ID: Shape = string().min(12).max(34).pattern(&PATTERN_4);
static PROPAGATE_TAGS: Shape = structure(&[member("Mode", &PROPAGATE_TAGS_MODE), member("ExplicitTags", &PROPAGATE_TAGS_EXPLICIT_TAGS_MAP)]);
static PROPAGATE_TAGS_EXPLICIT_TAGS_MAP: Shape = map(&TAG_KEY, &TAG_VALUE).min(0).max(40);
static PROPAGATE_TAGS_MODE: Shape = one_of(&["None", "Explicit"]);
static PROVISIONED_POLLER_CONFIG: Shape = structure(&[member("MinimumPollers", &MINIMUM_NUMBER_OF_POLLERS), member("MaximumPollers", &MAXIMUM_NUMBER_OF_POLLERS), member("PollerGroupName", &PROVISIONED_POLLER_GROUP_NAME)]);
static PROVISIONED_POLLER_GROUP_NAME: Shape = string().min(0).max(128).pattern(&PATTERN_39);
static PUBLISHED_FUNCTION_QUALIFIER: Shape = string().min(1).max(128).pattern(&PATTERN_54);
static PUBLISH_LAYER_VERSION_REQUEST: Shape = structure(&[member("LayerName", &LAYER_NAME_OR_ARN).label("LayerName").required(), member("Description", &DESCRIPTION), member("Content", &LAYER_VERSION_CONTENT_INPUT).required(), member("CompatibleArchitectures", &COMPATIBLE_ARCHITECTURES), member("CompatibleRuntimes", &COMPATIBLE_RUNTIMES), member("LicenseInfo", &LICENSE_INFO)]);
static PUBLISH_VERSION_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("CodeSha256", &STRING), member("Description", &DESCRIPTION), member("RevisionId", &STRING), member("PublishTo", &FUNCTION_VERSION_LATEST_PUBLISHED)]);
static PUT_FUNCTION_CODE_SIGNING_CONFIG_REQUEST: Shape = structure(&[member("CodeSigningConfigArn", &CODE_SIGNING_CONFIG_ARN).required(), member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required()]);
static PUT_FUNCTION_CONCURRENCY_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("ReservedConcurrentExecutions", &RESERVED_CONCURRENT_EXECUTIONS).required()]);
static PUT_FUNCTION_EVENT_INVOKE_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier"), member("MaximumRetryAttempts", &MAXIMUM_RETRY_ATTEMPTS), member("MaximumEventAgeInSeconds", &MAXIMUM_EVENT_AGE_IN_SECONDS), member("DestinationConfig", &DESTINATION_CONFIG)]);
static PUT_FUNCTION_RECURSION_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &UNQUALIFIED_FUNCTION_NAME).label("FunctionName").required(), member("RecursiveLoop", &RECURSIVE_LOOP).required()]);
static PUT_FUNCTION_SCALING_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &UNQUALIFIED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &PUBLISHED_FUNCTION_QUALIFIER).query("Qualifier").required(), member("FunctionScalingConfig", &FUNCTION_SCALING_CONFIG)]);
static PUT_PROVISIONED_CONCURRENCY_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &QUALIFIER).query("Qualifier").required(), member("ProvisionedConcurrentExecutions", &POSITIVE_INTEGER).required()]);
static PUT_RESOURCE_POLICY_REQUEST: Shape = structure(&[member("ResourceArn", &POLICY_RESOURCE_ARN).label("ResourceArn").required(), member("Policy", &RESOURCE_POLICY).required(), member("RevisionId", &REVISION_ID)]);
static PUT_RUNTIME_MANAGEMENT_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier"), member("UpdateRuntimeOn", &UPDATE_RUNTIME_ON).required(), member("RuntimeVersionArn", &RUNTIME_VERSION_ARN)]);
static QUALIFIER: Shape = string().min(1).max(128).pattern(&PATTERN_50);
static QUEUE: Shape = string().min(1).max(1000).pattern(&PATTERN_30);
static QUEUES: Shape = list(&QUEUE).min(1).max(1);
static REMOVE_LAYER_VERSION_PERMISSION_REQUEST: Shape = structure(&[member("LayerName", &LAYER_NAME_OR_ARN).label("LayerName").required(), member("VersionNumber", &LAYER_VERSION_NUMBER).label("VersionNumber").required(), member("StatementId", &STATEMENT_ID).label("StatementId").required(), member("RevisionId", &STRING).query("RevisionId")]);
static REMOVE_PERMISSION_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("StatementId", &NAMESPACED_STATEMENT_ID).label("StatementId").required(), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier"), member("RevisionId", &STRING).query("RevisionId")]);
static REPLAY_CHILDREN: Shape = boolean();
static RESERVED_CONCURRENT_EXECUTIONS: Shape = integer().min(0);
static RESOURCE_ARN: Shape = string().min(0).max(10000).pattern(&PATTERN_31);
static RESOURCE_POLICY: Shape = string().min(1).max(20480).pattern(&PATTERN_56);
static RESPONSE_STREAMING_INVOCATION_TYPE: Shape = one_of(&["RequestResponse", "DryRun"]);
static RESUME_DURABLE_EXECUTION_REQUEST: Shape = structure(&[member("DurableExecutionArn", &DURABLE_EXECUTION_ARN).label("DurableExecutionArn").required(), member("ClientToken", &CLIENT_TOKEN), member("Reason", &RESUME_REASON)]);
static RESUME_REASON: Shape = string().min(0).max(1024).sensitive();
static RETENTION_PERIOD_IN_DAYS: Shape = integer().min(1).max(90);
static REVERSE_ORDER: Shape = boolean();
static REVISION_ID: Shape = string().min(36).max(36).pattern(&PATTERN_52);
static ROLE_ARN: Shape = string().min(0).max(10000).pattern(&PATTERN_25);
static RUNTIME_VERSION_ARN: Shape = string().min(26).max(2048).pattern(&PATTERN_57);
static S3_BUCKET: Shape = string().min(3).max(63).pattern(&PATTERN_40);
static S3_FILES_CONFIG: Shape = structure(&[member("DirectS3Read", &DIRECT_S3_READ)]);
static S3_KEY: Shape = string().min(1).max(1024).pattern(&PATTERN_41);
static S3_OBJECT_STORAGE_MODE: Shape = one_of(&["COPY", "REFERENCE"]);
static S3_OBJECT_VERSION: Shape = string().min(1).max(1024).pattern(&PATTERN_41);
static SCALING_CONFIG: Shape = structure(&[member("MaximumConcurrency", &MAXIMUM_CONCURRENCY)]);
static SCHEMA_REGISTRY_EVENT_RECORD_FORMAT: Shape = one_of(&["JSON", "SOURCE"]);
static SCHEMA_REGISTRY_URI: Shape = string().min(1).max(10000).pattern(&PATTERN_36);
static SECURITY_GROUP_ID: Shape = string().min(0).max(1024).pattern(&PATTERN_24);
static SECURITY_GROUP_IDS: Shape = list(&SECURITY_GROUP_ID).min(0).max(5);
static SELF_MANAGED_EVENT_SOURCE: Shape = structure(&[member("Endpoints", &ENDPOINTS)]);
static SELF_MANAGED_KAFKA_EVENT_SOURCE_CONFIG: Shape = structure(&[member("ConsumerGroupId", &URI), member("SchemaRegistryConfig", &KAFKA_SCHEMA_REGISTRY_CONFIG), member("ConsumptionMode", &KAFKA_EVENT_SOURCE_MAPPING_CONSUMPTION_MODE)]);
static SEND_DURABLE_EXECUTION_CALLBACK_FAILURE_REQUEST: Shape = structure(&[member("CallbackId", &CALLBACK_ID).label("CallbackId").required(), member("Error", &ERROR_OBJECT)]);
static SEND_DURABLE_EXECUTION_CALLBACK_HEARTBEAT_REQUEST: Shape = structure(&[member("CallbackId", &CALLBACK_ID).label("CallbackId").required()]);
static SEND_DURABLE_EXECUTION_CALLBACK_SUCCESS_REQUEST: Shape = structure(&[member("CallbackId", &CALLBACK_ID).label("CallbackId").required(), member("Result", &BINARY_OPERATION_PAYLOAD)]);
static SIGNING_PROFILE_VERSION_ARNS: Shape = list(&ARN).min(1).max(20);
static SNAP_START: Shape = structure(&[member("ApplyOn", &SNAP_START_APPLY_ON)]);
static SNAP_START_APPLY_ON: Shape = one_of(&["PublishedVersions", "None"]);
static SOURCE_ACCESS_CONFIGURATION: Shape = structure(&[member("Type", &SOURCE_ACCESS_TYPE), member("URI", &URI)]);
static SOURCE_ACCESS_CONFIGURATIONS: Shape = list(&SOURCE_ACCESS_CONFIGURATION).min(0).max(23);
static SOURCE_ACCESS_TYPE: Shape = one_of(&["BASIC_AUTH", "VPC_SUBNET", "VPC_SECURITY_GROUP", "SASL_SCRAM_512_AUTH", "SASL_SCRAM_256_AUTH", "VIRTUAL_HOST", "CLIENT_CERTIFICATE_TLS_AUTH", "SERVER_ROOT_CA_CERTIFICATE", "OAUTHBEARER_AUTH", "OAUTHBEARER_SCOPE", "OAUTHBEARER_AUDIENCE", "OAUTHBEARER_LOGICAL_CLUSTER", "OAUTHBEARER_IDENTITY_POOL", "IAM_AUTH", "IAM_OAUTHBEARER_AUTH"]);
static SOURCE_OWNER: Shape = string().min(0).max(12).pattern(&PATTERN_9);
static STACK_TRACE_ENTRIES: Shape = list(&STACK_TRACE_ENTRY);
static STACK_TRACE_ENTRY: Shape = string().sensitive();
static STATEMENT_ID: Shape = string().min(1).max(100).pattern(&PATTERN_1);
static STEP_OPTIONS: Shape = structure(&[member("NextAttemptDelaySeconds", &STEP_OPTIONS_NEXT_ATTEMPT_DELAY_SECONDS_INTEGER)]);
static STEP_OPTIONS_NEXT_ATTEMPT_DELAY_SECONDS_INTEGER: Shape = integer().min(1).max(31622400);
static STOP_DURABLE_EXECUTION_REQUEST: Shape = structure(&[member("DurableExecutionArn", &DURABLE_EXECUTION_ARN).label("DurableExecutionArn").required(), member("Error", &ERROR_OBJECT)]);
static STRING: Shape = string();
static STRING_LIST: Shape = list(&STRING).min(0).max(1500);
static SUBNET_ID: Shape = string().min(0).max(1024).pattern(&PATTERN_23);
static SUBNET_IDS: Shape = list(&SUBNET_ID).min(0).max(16);
static SYSTEM_LOG_LEVEL: Shape = one_of(&["DEBUG", "INFO", "WARN"]);
static TAGS: Shape = map(&TAG_KEY, &TAG_VALUE);
static TAG_KEY: Shape = string().min(1).max(128).pattern(&PATTERN_28);
static TAG_KEY_LIST: Shape = list(&TAG_KEY);
static TAG_RESOURCE_REQUEST: Shape = structure(&[member("Resource", &TAGGABLE_RESOURCE).label("Resource").required(), member("Tags", &TAGS).required()]);
static TAG_VALUE: Shape = string().min(0).max(256).pattern(&PATTERN_28);
static TARGET_TRACKING_SCALING_POLICY: Shape = structure(&[member("PredefinedMetricType", &CAPACITY_PROVIDER_PREDEFINED_METRIC_TYPE).required(), member("TargetValue", &METRIC_TARGET_VALUE).required()]);
static TENANCY_CONFIG: Shape = structure(&[member("TenantIsolationMode", &TENANT_ISOLATION_MODE).required()]);
static TENANT_ID: Shape = string().min(1).max(256).pattern(&PATTERN_16);
static TENANT_ISOLATION_MODE: Shape = one_of(&["PER_TENANT"]);
static TOPIC: Shape = string().min(1).max(249).pattern(&PATTERN_33);
static TOPICS: Shape = list(&TOPIC).min(1).max(1);
static TRACING_CONFIG: Shape = structure(&[member("Mode", &TRACING_MODE)]);
static TRACING_MODE: Shape = one_of(&["Active", "PassThrough"]);
static TUMBLING_WINDOW_IN_SECONDS: Shape = integer().min(0).max(900);
static UNQUALIFIED_FUNCTION_NAME: Shape = string().min(1).max(140).pattern(&PATTERN_53);
static UNTAG_RESOURCE_REQUEST: Shape = structure(&[member("Resource", &TAGGABLE_RESOURCE).label("Resource").required(), member("TagKeys", &TAG_KEY_LIST).query("tagKeys").required()]);
static UPDATE_ALIAS_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("Name", &ALIAS).label("Name").required(), member("FunctionVersion", &VERSION_WITH_LATEST_PUBLISHED), member("Description", &DESCRIPTION), member("RoutingConfig", &ALIAS_ROUTING_CONFIGURATION), member("RevisionId", &STRING)]);
static UPDATE_CAPACITY_PROVIDER_REQUEST: Shape = structure(&[member("CapacityProviderName", &CAPACITY_PROVIDER_NAME).label("CapacityProviderName").required(), member("CapacityProviderScalingConfig", &CAPACITY_PROVIDER_SCALING_CONFIG), member("PropagateTags", &PROPAGATE_TAGS), member("TelemetryConfig", &CAPACITY_PROVIDER_TELEMETRY_CONFIG)]);
static UPDATE_CODE_SIGNING_CONFIG_REQUEST: Shape = structure(&[member("CodeSigningConfigArn", &CODE_SIGNING_CONFIG_ARN).label("CodeSigningConfigArn").required(), member("Description", &DESCRIPTION), member("AllowedPublishers", &ALLOWED_PUBLISHERS), member("CodeSigningPolicies", &CODE_SIGNING_POLICIES)]);
static UPDATE_EVENT_SOURCE_MAPPING_REQUEST: Shape = structure(&[member("UUID", &UUID_STRING).label("UUID").required(), member("FunctionName", &NAMESPACED_FUNCTION_NAME), member("Enabled", &ENABLED), member("BatchSize", &BATCH_SIZE), member("FilterCriteria", &FILTER_CRITERIA), member("KMSKeyArn", &KMS_KEY_ARN), member("MetricsConfig", &EVENT_SOURCE_MAPPING_METRICS_CONFIG), member("LoggingConfig", &EVENT_SOURCE_MAPPING_LOGGING_CONFIG), member("ScalingConfig", &SCALING_CONFIG), member("MaximumBatchingWindowInSeconds", &MAXIMUM_BATCHING_WINDOW_IN_SECONDS), member("ParallelizationFactor", &PARALLELIZATION_FACTOR), member("DestinationConfig", &DESTINATION_CONFIG), member("MaximumRecordAgeInSeconds", &MAXIMUM_RECORD_AGE_IN_SECONDS), member("BisectBatchOnFunctionError", &BISECT_BATCH_ON_FUNCTION_ERROR), member("MaximumRetryAttempts", &MAXIMUM_RETRY_ATTEMPTS_EVENT_SOURCE_MAPPING), member("TumblingWindowInSeconds", &TUMBLING_WINDOW_IN_SECONDS), member("SourceAccessConfigurations", &SOURCE_ACCESS_CONFIGURATIONS), member("FunctionResponseTypes", &FUNCTION_RESPONSE_TYPE_LIST), member("AmazonManagedKafkaEventSourceConfig", &AMAZON_MANAGED_KAFKA_EVENT_SOURCE_CONFIG), member("SelfManagedKafkaEventSourceConfig", &SELF_MANAGED_KAFKA_EVENT_SOURCE_CONFIG), member("DocumentDBEventSourceConfig", &DOCUMENT_DB_EVENT_SOURCE_CONFIG), member("ProvisionedPollerConfig", &PROVISIONED_POLLER_CONFIG)]);
static UPDATE_FUNCTION_CODE_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("ZipFile", &BLOB), member("S3Bucket", &S3_BUCKET), member("S3Key", &S3_KEY), member("S3ObjectVersion", &S3_OBJECT_VERSION), member("S3ObjectStorageMode", &S3_OBJECT_STORAGE_MODE), member("ImageUri", &STRING), member("Architectures", &ARCHITECTURES_LIST), member("Publish", &BOOLEAN), member("PublishTo", &FUNCTION_VERSION_LATEST_PUBLISHED), member("DryRun", &BOOLEAN), member("RevisionId", &STRING), member("SourceKMSKeyArn", &KMS_KEY_ARN)]);
static UPDATE_FUNCTION_CONFIGURATION_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_NAME).label("FunctionName").required(), member("Role", &ROLE_ARN), member("Handler", &HANDLER), member("Description", &DESCRIPTION), member("Timeout", &TIMEOUT), member("MemorySize", &MEMORY_SIZE), member("VpcConfig", &VPC_CONFIG), member("Environment", &ENVIRONMENT), member("Runtime", &RUNTIME), member("DeadLetterConfig", &DEAD_LETTER_CONFIG), member("KMSKeyArn", &KMS_KEY_ARN), member("TracingConfig", &TRACING_CONFIG), member("RevisionId", &STRING), member("Layers", &LAYER_LIST), member("FileSystemConfigs", &FILE_SYSTEM_CONFIG_LIST), member("ImageConfig", &IMAGE_CONFIG), member("EphemeralStorage", &EPHEMERAL_STORAGE), member("SnapStart", &SNAP_START), member("LoggingConfig", &LOGGING_CONFIG), member("CapacityProviderConfig", &CAPACITY_PROVIDER_CONFIG), member("DurableConfig", &DURABLE_CONFIG), member("RuntimeConfig", &FUNCTION_RUNTIME_CONFIG), member("AcceleratorConfig", &ACCELERATOR_CONFIG)]);
static UPDATE_FUNCTION_EVENT_INVOKE_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &NAMESPACED_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &NUMERIC_LATEST_PUBLISHED_OR_ALIAS_QUALIFIER).query("Qualifier"), member("MaximumRetryAttempts", &MAXIMUM_RETRY_ATTEMPTS), member("MaximumEventAgeInSeconds", &MAXIMUM_EVENT_AGE_IN_SECONDS), member("DestinationConfig", &DESTINATION_CONFIG)]);
static UPDATE_FUNCTION_URL_CONFIG_REQUEST: Shape = structure(&[member("FunctionName", &FUNCTION_URL_FUNCTION_NAME).label("FunctionName").required(), member("Qualifier", &FUNCTION_URL_QUALIFIER).query("Qualifier"), member("AuthType", &FUNCTION_URL_AUTH_TYPE), member("Cors", &CORS), member("InvokeMode", &INVOKE_MODE)]);
static UPDATE_RUNTIME_ON: Shape = one_of(&["Auto", "Manual", "FunctionUpdate"]);
static URI: Shape = string().min(1).max(200).pattern(&PATTERN_34);
static UUID_STRING: Shape = string().min(36).max(36);
static VERSION_WITH_LATEST_PUBLISHED: Shape = string().min(1).max(1024).pattern(&PATTERN_20);
static VPC_CONFIG: Shape = structure(&[member("SubnetIds", &SUBNET_IDS), member("SecurityGroupIds", &SECURITY_GROUP_IDS), member("Ipv6AllowedForDualStack", &NULLABLE_BOOLEAN)]);
static WAIT_OPTIONS: Shape = structure(&[member("WaitSeconds", &WAIT_OPTIONS_WAIT_SECONDS_INTEGER)]);
static WAIT_OPTIONS_WAIT_SECONDS_INTEGER: Shape = integer().min(1).max(31622400);
static WEIGHT: Shape = double().min(0).max(1);
static WORKING_DIRECTORY: Shape = string().min(0).max(1000);
static X_AMZN_TRACE_ID: Shape = string().min(0).max(8192);

static PATTERN_0: Pattern = Pattern::new(r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]{1,140}|[a-zA-Z0-9-_]{1,140})");
static PATTERN_1: Pattern = Pattern::new("([a-zA-Z0-9-_]+)");
static PATTERN_2: Pattern = Pattern::new("lambda:GetLayerVersion");
static PATTERN_3: Pattern = Pattern::new(r"\d{12}|\*|arn:(aws[a-zA-Z-]*):iam::\d{12}:root");
static PATTERN_4: Pattern = Pattern::new("o-[a-z0-9]{10,32}");
static PATTERN_5: Pattern = Pattern::new(r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?");
static PATTERN_6: Pattern = Pattern::new("(lambda:[*]|lambda:[a-zA-Z]+|[*])");
static PATTERN_7: Pattern = Pattern::new(r"[^\s]+");
static PATTERN_8: Pattern = Pattern::new(r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)");
static PATTERN_9: Pattern = Pattern::new(r"\d{12}");
static PATTERN_10: Pattern = Pattern::new(r"[a-zA-Z0-9._\-]+");
static PATTERN_11: Pattern = Pattern::new(r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+");
static PATTERN_12: Pattern = Pattern::new(r"arn:([a-zA-Z0-9-]+):lambda:([a-zA-Z0-9-]+):(\d{12}):function:([a-zA-Z0-9_-]+):(\$LATEST(?:\.PUBLISHED)?|[0-9]+)/durable-execution/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)");
static PATTERN_13: Pattern = Pattern::new("[A-Za-z0-9+/]+={0,2}");
static PATTERN_14: Pattern = Pattern::new("[a-zA-Z0-9-_]+");
static PATTERN_15: Pattern = Pattern::new(r"[\x20-\x7E]+");
static PATTERN_16: Pattern = Pattern::new(r"[a-zA-Z0-9\._:\/=+\-@ ]+");
static PATTERN_17: Pattern = Pattern::new(r"[\x21-\x7E]+");
static PATTERN_18: Pattern = Pattern::new(r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?");
static PATTERN_19: Pattern = Pattern::new("(?!^[0-9]+$)([a-zA-Z0-9-_]+)");
static PATTERN_20: Pattern = Pattern::new(r"(\$LATEST(\.PUBLISHED)?|[0-9]+)");
static PATTERN_21: Pattern = Pattern::new("[0-9]+");
static PATTERN_22: Pattern = Pattern::new(r"(arn:aws[a-zA-Z-]*:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:capacity-provider:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+");
static PATTERN_23: Pattern = Pattern::new("subnet-[0-9a-z]*");
static PATTERN_24: Pattern = Pattern::new("sg-[0-9a-zA-Z]*");
static PATTERN_25: Pattern = Pattern::new(r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+");
static PATTERN_26: Pattern = Pattern::new(r"[a-zA-Z0-9\.\*\-]+");
static PATTERN_27: Pattern = Pattern::new("arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*");
static PATTERN_28: Pattern = Pattern::new(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)");
static PATTERN_29: Pattern = Pattern::new(r"[\.\-_/#A-Za-z0-9]+");
static PATTERN_30: Pattern = Pattern::new(r"[\s\S]*");
static PATTERN_31: Pattern = Pattern::new("(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()");
static PATTERN_32: Pattern = Pattern::new(r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)");
static PATTERN_33: Pattern = Pattern::new(r"[^.]([a-zA-Z0-9\-_.]+)");
static PATTERN_34: Pattern = Pattern::new(r"[ a-zA-Z0-9-\/*:_+=.@-]*");
static PATTERN_35: Pattern = Pattern::new(r"(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]*[a-zA-Z0-9])\.)*([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9\-]*[A-Za-z0-9]):[0-9]{1,5}");
static PATTERN_36: Pattern = Pattern::new(r"[a-zA-Z0-9-\/*:_+=.@-]*");
static PATTERN_37: Pattern = Pattern::new(r"[^ /\.$\x22]*");
static PATTERN_38: Pattern = Pattern::new(r"(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)");
static PATTERN_39: Pattern = Pattern::new("[a-zA-Z0-9-_]*");
static PATTERN_40: Pattern = Pattern::new(r"[0-9A-Za-z\.\-_]*(?<!\.)");
static PATTERN_41: Pattern = Pattern::new(".*");
static PATTERN_42: Pattern = Pattern::new("[a-zA-Z]([a-zA-Z0-9_])+");
static PATTERN_43: Pattern = Pattern::new(r"arn:aws[a-zA-Z-]*:elasticfilesystem:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:access-point/fsap-[a-f0-9]{17}$|^arn:aws[-a-z]*:s3files:[0-9a-z-:]+:file-system/fs-[0-9a-f]{17,40}/access-point/fsap-[0-9a-f]{17,40}");
static PATTERN_44: Pattern = Pattern::new("/mnt/[a-zA-Z0-9-_.]+");
static PATTERN_45: Pattern = Pattern::new(r"arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:code-signing-config:csc-[a-z0-9]{17}");
static PATTERN_46: Pattern = Pattern::new(r"arn:aws[a-zA-Z-]*:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:capacity-provider:[a-zA-Z0-9-_]+");
static PATTERN_47: Pattern = Pattern::new(r"arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:runtime/.+");
static PATTERN_48: Pattern = Pattern::new(r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]{1,64})(:((?!\d+$)[0-9a-zA-Z-_]+))?");
static PATTERN_49: Pattern = Pattern::new(r"((?!^\d+$)^[0-9a-zA-Z-_]+$)");
static PATTERN_50: Pattern = Pattern::new("(|[a-zA-Z0-9$_-]+)");
static PATTERN_51: Pattern = Pattern::new(r"arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_])+)?|runtime/[a-zA-Z0-9-_./]+)");
static PATTERN_52: Pattern = Pattern::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
static PATTERN_53: Pattern = Pattern::new(r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)");
static PATTERN_54: Pattern = Pattern::new(r"(\$LATEST\.PUBLISHED|[0-9]+)");
static PATTERN_55: Pattern = Pattern::new(r"ALL|(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}");
static PATTERN_56: Pattern = Pattern::new(r"[\s\S]+");
static PATTERN_57: Pattern = Pattern::new(r"((arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}::runtime:.+)|(arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:runtime/[A-Za-z0-9_.-]{1,128}/version/[A-Za-z0-9_.-]{1,128}))");
static PATTERN_58: Pattern = Pattern::new("([a-zA-Z0-9-_.]+)");
