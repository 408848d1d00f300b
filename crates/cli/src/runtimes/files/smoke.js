exports.handler = async (event, context) => ({ echo: event.say, request: context.awsRequestId });
