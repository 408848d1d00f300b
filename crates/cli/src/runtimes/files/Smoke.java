// The function of the smoke invocation: `javac --release 17 -cp aws-lambda-java-core.jar Smoke.java` makes Smoke.class.
import com.amazonaws.services.lambda.runtime.Context;
import java.util.Map;

public class Smoke {
    public static Map<String, Object> handle(Map<String, Object> event, Context context) {
        return Map.of("echo", event.get("say"), "request", context.getAwsRequestId());
    }
}
