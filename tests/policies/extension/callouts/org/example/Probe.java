package org.example;

import com.apigee.flow.Fault;
import com.apigee.flow.execution.Action;
import com.apigee.flow.execution.ExecutionContext;
import com.apigee.flow.execution.ExecutionResult;
import com.apigee.flow.execution.IOIntensive;
import com.apigee.flow.execution.spi.Execution;
import com.apigee.flow.message.FlowContext;
import com.apigee.flow.message.Message;
import com.apigee.flow.message.MessageContext;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Does what its property `do` says, so that tests see each thing a callout can do. */
@IOIntensive
public class Probe implements Execution {
    private final Map<String, String> properties;
    private int runs;

    public Probe(Map<String, String> properties) {
        if ("throw".equals(properties.get("constructor"))) {
            throw new IllegalArgumentException("no such setting");
        }
        this.properties = properties;
    }

    @Override
    public ExecutionResult execute(MessageContext context, ExecutionContext execution) {
        try {
            return act(context, execution);
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Exception thrown) {
            throw new IllegalStateException(thrown);
        }
    }

    private ExecutionResult act(MessageContext context, ExecutionContext execution) throws Exception {
        switch (properties.getOrDefault("do", "")) {
            case "copy":
                Object value = context.getVariable("in");
                context.setVariable("out", value);
                context.setVariable("class", value == null ? null : value.getClass().getName());
                break;
            case "set null":
                context.setVariable("out", null);
                break;
            case "remove":
                context.removeVariable("in");
                break;
            case "read own write":
                String first = context.getVariable("request.header.x");
                context.setVariable("request.header.x", "new");
                context.setVariable("own", 1);
                context.setVariable("own", (Integer) context.getVariable("own") + 1);
                context.setVariable(
                        "out", first + " " + context.getMessage().getHeader("X") + " " + context.getVariable("own"));
                break;
            case "message":
                message(context);
                break;
            case "query":
                Message request = context.getRequestMessage();
                context.setVariable(
                        "out",
                        request.getQueryParamNames()
                                + " "
                                + request.getQueryParamsCount()
                                + " "
                                + request.getQueryParam("a")
                                + " "
                                + request.getQueryParam("a", 2)
                                + " "
                                + request.getQueryParams("a")
                                + " "
                                + request.getQueryParamValuesCount("a"));
                request.setQueryParam("c", "4");
                request.removeQueryParam("b");
                break;
            case "stream":
                InputStream body = context.getMessage().getContentAsStream();
                int sum = 0;
                for (int next = body.read(); next >= 0; next = body.read()) {
                    sum += next;
                }
                context.setVariable("out", sum);
                context.getMessage().setContent(new ByteArrayInputStream(new byte[] {(byte) 0xff, 0, 1}));
                break;
            case "make":
                Message made =
                        context.createMessage(
                                context.getClientConnection().getMessageFactory().createResponse(context));
                made.setContent("made");
                made.setHeader("X", Arrays.asList("1", "2"));
                made.setVariable("status.code", 202);
                context.setVariable("made", made);
                context.setVariable("out", made.getHeaders("x") + made.getContent());
                break;
            case "replace":
                context.setMessage(FlowContext.PROXY_RESPONSE, (Message) context.getVariable("other"));
                break;
            case "flow":
                Fault fault = execution.getFault();
                context.setVariable(
                        "out",
                        execution.isRequestFlow()
                                + " "
                                + execution.isErrorFlow()
                                + " "
                                + (fault == null ? null : fault.getName() + " " + fault.getCategory())
                                + " "
                                + (context.getResponseMessage() != null));
                break;
            case "connection":
                context.setVariable(
                        "out",
                        context.getClientConnection().getScheme()
                                + " "
                                + context.getClientConnection().getIP()
                                + " "
                                + context.getTargetConnection());
                break;
            case "object":
                context.setVariable("object", new StringBuilder("built"));
                context.setVariable("map", Collections.singletonMap("a", 1));
                break;
            case "take object":
                Object found = context.getVariable("object");
                context.setVariable("class", found.getClass().getName());
                if (found instanceof StringBuilder) {
                    ((StringBuilder) found).append(" on");
                }
                context.setVariable("out", found.toString());
                break;
            case "list":
                List<String> names = new ArrayList<>((List<String>) context.getVariable("in"));
                names.add("more");
                context.setVariable("out", names);
                break;
            case "count":
                synchronized (this) {
                    context.setVariable("out", ++runs);
                }
                break;
            case "print":
                System.out.println("printed é");
                System.out.print("and more\n");
                System.err.println("for the log");
                System.in.read();
                break;
            case "sleep":
                Thread.sleep(Long.parseLong(properties.get("millis")));
                context.setVariable("out", context.<String>getVariable("in"));
                break;
            case "loop":
                while (true) {
                    runs++;
                }
            case "throw":
                throw new IllegalStateException("it went wrong");
            case "throw nothing said":
                throw new UnsupportedOperationException();
            case "missing class":
                throw new NoClassDefFoundError("org/apache/commons/lang/StringUtils");
            case "overflow":
                return act(context, execution);
            case "memory":
                context.setVariable("out", new byte[Integer.MAX_VALUE].length);
                break;
            case "null":
                return null;
            case "abort":
                return ExecutionResult.ABORT;
            case "abort with response":
                ExecutionResult result = new ExecutionResult(false, Action.ABORT);
                result.setErrorResponse("Please say é");
                result.addErrorResponseHeader("X-Reason", "unsaid");
                result.addErrorResponseHeader("Content-Type", "text/plain; charset=utf-8");
                context.setVariable("JAVA_ERROR", "unsaid");
                return result;
            case "abort with cause":
                return new ExecutionResult(new RuntimeException("the cause"), Action.ABORT);
            case "fault":
                execution.addFault(Fault.newStepFault("Mine", new RuntimeException("my fault")));
                break;
            case "pause":
                execution.scheduleTask(
                        () -> {
                            context.setVariable("out", "later");
                            execution.resume();
                        },
                        20,
                        TimeUnit.MILLISECONDS);
                return ExecutionResult.PAUSE;
            case "late":
                execution.submitTask(
                        () -> {
                            try {
                                Thread.sleep(50);
                            } catch (InterruptedException stop) {
                                return;
                            }
                            context.setVariable("late", 1);
                        });
                break;
            case "exit":
                System.exit(3);
                break;
            case "halt":
                Runtime.getRuntime().halt(4);
                break;
            case "version":
                context.setVariable("out", System.getProperty("java.version"));
                break;
            case "resource":
                ClassLoader loader = Thread.currentThread().getContextClassLoader();
                context.setVariable("out", loader == getClass().getClassLoader());
                break;
            case "other jar":
                context.setVariable("out", Helper.greet((String) context.getVariable("in")));
                break;
            default:
                context.setVariable("out", properties.toString());
        }
        return ExecutionResult.SUCCESS;
    }

    private static void message(MessageContext context) {
        Message message = context.getMessage();
        context.setVariable(
                "out",
                message.getHeaderNames()
                        + " "
                        + message.getHeader("accept")
                        + " "
                        + message.getHeader("accept", 2)
                        + " "
                        + message.getHeaders("accept")
                        + " "
                        + message.getHeadersAsString("accept")
                        + " "
                        + message.getHeader("none")
                        + " "
                        + message.getContent()
                        + " "
                        + message.getVariable("verb"));
        message.setHeader("X-Flag", true);
        message.setHeader("Accept", 2, "c/d");
        message.removeHeader("Remove");
        message.setContent("changed");
    }
}
