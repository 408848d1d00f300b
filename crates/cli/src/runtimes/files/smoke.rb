def handler(event:, context:)
  { "echo" => event["say"], "request" => context.aws_request_id }
end
