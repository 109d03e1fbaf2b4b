package org.example;

import com.apigee.flow.execution.ExecutionContext;
import com.apigee.flow.execution.ExecutionResult;
import com.apigee.flow.execution.spi.Execution;
import com.apigee.flow.message.MessageContext;
import java.util.Map;

/** Classes that a deploy must judge. */
public class Shapes {
    public static class Plain implements Execution {
        @Override
        public ExecutionResult execute(MessageContext context, ExecutionContext execution) {
            context.setVariable("out", "plain");
            return ExecutionResult.SUCCESS;
        }
    }

    public static class Child extends Plain {}

    public static class Other {}

    public abstract static class Unfinished implements Execution {}

    public static class Hidden extends Plain {
        Hidden() {}
    }

    public static class Both extends Plain {
        private final String made;

        public Both() {
            made = "plain";
        }

        public Both(Map<String, String> properties) {
            made = "with " + properties;
        }

        @Override
        public ExecutionResult execute(MessageContext context, ExecutionContext execution) {
            context.setVariable("out", made);
            return ExecutionResult.SUCCESS;
        }
    }

    public static class Picky extends Plain {
        public Picky(String setting) {}
    }

    public static class NeedsHelper extends Helper implements Execution {
        @Override
        public ExecutionResult execute(MessageContext context, ExecutionContext execution) {
            return ExecutionResult.SUCCESS;
        }
    }
}
