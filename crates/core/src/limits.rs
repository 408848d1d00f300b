//! Every limit of the service, in one place: **documented** (AWS's quotas page or API model), **observed** (recorded
//! from AWS) or **ours**.

/// Longest Init phase of an on-demand environment, milliseconds (documented).
pub const INIT_MAX_MS: u64 = 10_000;
/// Longest Init phase before a snapshot, milliseconds, unless the function timeout is longer (documented for SnapStart).
pub const SNAP_START_INIT_MS: u64 = 130_000;
/// Longest Restore phase, milliseconds (documented for SnapStart).
pub const RESTORE_MAX_MS: u64 = 10_000;
/// Longest Shutdown phase with external extensions, milliseconds (documented).
pub const SHUTDOWN_MAX_MS: u64 = 2_000;
/// The same with internal extensions only, milliseconds (documented).
pub const SHUTDOWN_INTERNAL_MAX_MS: u64 = 500;
/// Extensions of one environment (documented).
pub const EXTENSIONS: usize = 10;
/// Body of a call of the Extensions API, bytes (observed, RIE for managed instances: 1 MiB).
pub const EXTENSION_BODY_BYTES: usize = 1 << 20;
/// How long who is thawed to be ended runs on before it hears of that, milliseconds of its time for it (ours).
pub const THAWED_MS: u64 = 20;
/// How long the processes of a Reset may take to vanish before the whole sandbox is replaced, milliseconds (ours).
pub const KILL_MAX_MS: u64 = 10_000;
/// Memory of a function, MB: smallest, largest, default (documented).
pub const MEMORY_MB: (u32, u32, u32) = (128, 10_240, 128);
/// Memory that owns exactly one vCPU, MB (documented).
pub const MEMORY_MB_PER_VCPU: u32 = 1_769;
/// Most vCPUs (documented).
pub const VCPU_MAX: u32 = 6;
/// Function timeout, seconds: smallest, largest, default (documented).
pub const TIMEOUT_S: (u32, u32, u32) = (1, 900, 3);
/// `/tmp`, MB: smallest, largest, default (documented).
pub const EPHEMERAL_STORAGE_MB: (u32, u32, u32) = (512, 10_240, 512);
/// Processes and threads of one environment (documented).
pub const PROCESSES: u64 = 1_024;
/// Open descriptors of one process (documented).
pub const DESCRIPTORS: u64 = 1_024;
/// Names and values of all environment variables together, bytes, as the JSON text AWS measures (documented).
pub const ENVIRONMENT_VARIABLES_BYTES: usize = 4_096;
/// Payload of a RequestResponse invoke, bytes (documented).
pub const REQUEST_PAYLOAD_BYTES: usize = 6_291_456;
/// Payload of an Event invoke, bytes (documented since October 2025).
pub const EVENT_PAYLOAD_BYTES: usize = 1_048_576;
/// Buffered answer of the runtime, bytes (observed, RIE `interop/model.go`).
pub const RESPONSE_PAYLOAD_BYTES: usize = 6_291_556;
/// Streamed answer, bytes (documented: 200 MB; 20 MB before 2025).
pub const STREAMED_PAYLOAD_BYTES: u64 = 209_715_200;
/// How much of a streamed answer goes at any speed, bytes (documented: the first 6 MB).
pub const STREAM_BURST_BYTES: u64 = 6 << 20;
/// How fast the rest goes, MiB per second (documented: 2 MB/s); `hearth up --stream-rate` sets it.
pub const STREAM_MIB_PER_S: u32 = 2;
/// Pieces of a streamed answer that wait for a slow caller before the runtime has to wait (ours; each is at most what one
/// read from the runtime's connection brings).
pub const STREAM_PIECES: usize = 4;
/// Zip file of an upload, bytes (documented).
pub const ZIPPED_BYTES: u64 = 52_428_800;
/// Code and layers unzipped, bytes (documented).
pub const UNZIPPED_BYTES: u64 = 262_144_000;
/// Layers of one function (documented).
pub const LAYERS: usize = 5;
/// Whole CreateFunction, UpdateFunctionCode or PublishLayerVersion request, bytes (observed).
pub const CODE_REQUEST_BYTES: usize = 70_167_211;
/// Any other control-plane request, bytes (ours; AWS: 1 MB for configuration calls).
pub const CONTROL_REQUEST_BYTES: usize = 1_048_576;
/// Resource policy of a function or layer version, bytes of its JSON text (documented: 20 KB).
pub const POLICY_BYTES: usize = 20_480;
/// Files and directories in one zip (ours: what a 250 MB package can sensibly hold).
pub const ZIP_ENTRIES: usize = 200_000;
/// One log event, bytes (documented for CloudWatch Logs: 256 KB).
pub const LOG_EVENT_BYTES: usize = 262_144;
/// How old a log event may be when it comes, milliseconds (documented for CloudWatch Logs: 14 days).
pub const LOG_EVENT_AGE_MS: i64 = 14 * 24 * 60 * 60 * 1_000;
/// `X-Amz-Log-Result` before base64, bytes (documented).
pub const LOG_TAIL_BYTES: usize = 4_096;
/// Log output of one invocation that is kept, bytes (ours: a handler that prints for ever must not fill the disk).
pub const LOG_PER_INVOCATION_BYTES: usize = 32 << 20;
/// Logs of one group, MB: smallest, largest, default (ours: nothing may grow for ever; AWS keeps all).
pub const LOG_LIMIT_MB: (u64, u64, u64) = (1, 1 << 20, 1_024);
/// Head of a request to the Runtime API, bytes (ours).
pub const RUNTIME_API_HEAD_BYTES: usize = 64 * 1024;
/// Body of `init/error`, bytes (observed, RIE for managed instances: 1 MiB).
pub const RUNTIME_ERROR_BYTES: usize = 1 << 20;
/// Connections one environment may hold open to its Runtime API (ours: each costs the service a descriptor).
pub const RUNTIME_API_CONNECTIONS: usize = 64;
/// Body of a subscription to telemetry, bytes (ours; a longest one has some hundreds).
pub const SUBSCRIPTION_BYTES: usize = 64 * 1024;
/// Events in one batch of telemetry: smallest choice, largest, default (documented).
pub const TELEMETRY_MAX_ITEMS: (u64, u64, u64) = (1_000, 10_000, 10_000);
/// Bytes of events in one batch of telemetry: smallest choice, largest, default (documented).
pub const TELEMETRY_MAX_BYTES: (u64, u64, u64) = (262_144, 1_048_576, 262_144);
/// How long the first event of a batch may wait for others, milliseconds: smallest choice, largest, default (documented).
pub const TELEMETRY_TIMEOUT_MS: (u64, u64, u64) = (25, 30_000, 1_000);
/// Events kept for one subscriber that does not take them, bytes (ours: the largest batch under way, and three more).
pub const TELEMETRY_BYTES: usize = 4 << 20;
/// What an event costs besides its text, bytes (ours).
pub const TELEMETRY_RECORD_OVERHEAD_BYTES: usize = 64;
/// How long a subscriber may take to accept a batch, milliseconds (ours).
pub const TELEMETRY_ATTEMPT_MS: u64 = 5_000;
/// Subscriptions that the extensions of one launch may make or change: each is a line of the log (ours).
pub const TELEMETRY_SUBSCRIPTIONS: u32 = 100;
/// How often a batch is sent to a subscriber that does not accept it (ours).
pub const TELEMETRY_ATTEMPTS: u32 = 5;
/// Pause before the second attempt, milliseconds; it doubles with each (ours).
pub const TELEMETRY_PAUSE_MS: u64 = 50;
/// What is said in Init before somebody subscribes, bytes that are kept for those who do (ours).
pub const TELEMETRY_BACKLOG_BYTES: usize = 256 * 1024;
/// Body of a subscriber's answer that is read, bytes (ours; nobody looks at it).
pub const TELEMETRY_ANSWER_BYTES: usize = 64 * 1024;
/// Head of a subscriber's answer, bytes (ours).
pub const TELEMETRY_HEAD_BYTES: usize = 16 * 1024;
/// How long the end waits for events that are under way to subscribers before extensions are told of it, milliseconds
/// (observed, RIE for managed instances: 1 s).
pub const TELEMETRY_FLUSH_MS: u64 = 1_000;
/// Concurrent executions of one account and region (documented default).
pub const ACCOUNT_CONCURRENCY: u32 = 1_000;
/// Of those, how many cannot be reserved (documented).
pub const UNRESERVED_CONCURRENCY_MIN: u32 = 100;
/// Tags of one function (documented).
pub const TAGS: usize = 50;
/// All deployment packages of one account and region together, bytes, as GetAccountSettings shows it (documented: 75 GB;
/// shown, not enforced: the disk is the owner's own).
pub const TOTAL_CODE_BYTES: u64 = 80_530_636_800;
/// How long an Invoke waits for a Pending function to become Active, milliseconds (ours).
pub const PENDING_WAIT_MS: u64 = 5_000;
/// Ports of the host that functions may be given (ours: each is a listener in every environment).
pub const EXPOSED_PORTS: usize = 16;
/// Connections one environment may hold open to exposed ports of the host (ours: each costs two descriptors).
pub const EXPOSED_CONNECTIONS: usize = 128;
/// Connections one environment may hold open to Lambda's API (ours).
pub const FUNCTION_API_CONNECTIONS: usize = 64;
/// Connections one environment may hold open to its resolver (ours).
pub const DNS_CONNECTIONS: usize = 8;
/// Queries of one environment that are being answered at once; more are dropped, and resolvers ask again (ours).
pub const DNS_QUERIES: usize = 64;
/// Longest DNS message over UDP, bytes: what every resolver offers at most (RFC 6891's advice).
pub const DNS_DATAGRAM_BYTES: usize = 4_096;
/// How long one of the host's resolvers may take before the next is asked, milliseconds (ours).
pub const DNS_PATIENCE_MS: u64 = 2_500;
/// How long a connection to the resolver may stay silent, milliseconds (ours; RFC 7766 asks for a few seconds).
pub const DNS_SILENCE_MS: u64 = 10_000;
/// Flows through the host that one environment may have at once in `nat` (ours: as many as it may have descriptors).
pub const FLOWS: usize = 1_024;
