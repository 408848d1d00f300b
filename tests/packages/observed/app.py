"""A function URL's handler with the libraries that people add: structured logs, metrics, and an end that is noticed."""

import signal
import sys
import threading

import lambda_sigterm
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="shop")
metrics = Metrics(namespace="Shop", service="shop")
app = LambdaFunctionUrlResolver()


def flush(number, frame):
    print("asked to end by", signal.Signals(number).name, flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, flush)
lambda_sigterm.register()
# As connection pools and exporters have them: each may be handed a signal that is the main thread's to handle.
for _ in range(50):
    threading.Thread(target=threading.Event().wait, daemon=True).start()


@app.get("/hello/<name>")
def hello(name):
    metrics.add_metric(name="Greetings", unit=MetricUnit.Count, value=1)
    logger.info("greeted", extra={"whom": name})
    return {"hello": name}


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    return app.resolve(event, context)
