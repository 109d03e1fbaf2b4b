package com.apigee.flow.execution;

import java.util.HashMap;
import java.util.Map;
import java.util.Properties;

/** How an execution ended, and what the client is told when it failed. */
public class ExecutionResult {
    public static final ExecutionResult SUCCESS = new Constant(true, Action.CONTINUE);
    public static final ExecutionResult PAUSE = new Constant(true, Action.PAUSE);
    public static final ExecutionResult ABORT = new Constant(false, Action.ABORT);

    private final boolean success;
    private final Action action;
    private final Throwable cause;
    private Properties properties = new Properties();
    private Map<String, String> errorResponseHeaders = new HashMap<>();
    private String errorResponse;

    public ExecutionResult(boolean success, Action action) {
        this.success = success;
        this.action = action;
        this.cause = null;
    }

    public ExecutionResult(Throwable cause, Action action) {
        this.success = false;
        this.action = action;
        this.cause = cause;
    }

    public Action getAction() {
        return action;
    }

    public boolean isSuccess() {
        return success;
    }

    public Throwable getCause() {
        return cause;
    }

    public Properties getProperties() {
        return properties;
    }

    public void setProperties(Properties properties) {
        this.properties = properties;
    }

    public void addProperty(String name, String value) {
        properties.setProperty(name, value);
    }

    public Map<String, String> getErrorResponseHeaders() {
        return errorResponseHeaders;
    }

    public void setErrorResponseHeaders(Map<String, String> headers) {
        this.errorResponseHeaders = headers;
    }

    public void addErrorResponseHeader(String name, String value) {
        errorResponseHeaders.put(name, value);
    }

    public String getErrorResponse() {
        return errorResponse;
    }

    public void setErrorResponse(String text) {
        this.errorResponse = text;
    }

    @Override
    public String toString() {
        return "success=" + success + ", action=" + action;
    }

    /** The results that all executions share: what one puts on them, another must not see. */
    private static final class Constant extends ExecutionResult {
        Constant(boolean success, Action action) {
            super(success, action);
        }

        @Override
        public void setProperties(Properties properties) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void addProperty(String name, String value) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Map<String, String> getErrorResponseHeaders() {
            return new HashMap<>();
        }

        @Override
        public void setErrorResponseHeaders(Map<String, String> headers) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void addErrorResponseHeader(String name, String value) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void setErrorResponse(String text) {
            throw new UnsupportedOperationException();
        }
    }
}
