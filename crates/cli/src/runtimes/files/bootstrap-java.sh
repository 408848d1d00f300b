#!/bin/bash
# Starts AWS's client for Java. What a function may want otherwise is in the file: JAVA_TOOL_OPTIONS goes over that, and
# the command line over both. The JVM would take the host's memory for its own, which sysinfo(2) shows.
exec /var/lang/bin/java -XX:Flags=/var/runtime/java.flags -XX:MaxRAM="${AWS_LAMBDA_FUNCTION_MEMORY_SIZE}m" OPTIONS \
    -cp '/var/runtime/lib/*' com.amazonaws.services.lambda.runtime.api.client.AWSLambda "$_HANDLER"
