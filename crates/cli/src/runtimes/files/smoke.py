def handler(event, context):
    return {"echo": event["say"], "request": context.aws_request_id}
