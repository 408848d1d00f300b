"""Spans that an internal extension writes to the log: after each answer, or at the end (lambda-otel-lite's two modes)."""

from lambda_otel_lite import create_traced_handler, init_telemetry

tracer, completion = init_telemetry()


@create_traced_handler("greet", completion)
def handler(event, context):
    with tracer.start_as_current_span("look up"):
        print("handled", context.aws_request_id)
    return {"hello": event["whom"]}
