#!/bin/bash
# Starts AWS's client for Java. What a function may want otherwise is in the file: JAVA_TOOL_OPTIONS goes over that, and
# the command line over both. The JVM would take the host's memory for its own, which sysinfo(2) shows.
# The client writes its log to a descriptor that it knows by number: java.io has to be open to it for that.
exec /var/lang/bin/java -XX:Flags=/var/runtime/java.flags -XX:MaxRAM="${AWS_LAMBDA_FUNCTION_MEMORY_SIZE}m" \
    --add-opens=java.base/java.io=ALL-UNNAMED OPTIONS \
    -cp '/var/runtime/lib/*' com.amazonaws.services.lambda.runtime.api.client.AWSLambda "$_HANDLER"
